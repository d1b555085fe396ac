"""Fixes that let the learning rate rise before it is at its peak."""

from __future__ import annotations

from gradlint.fix import sites, verbs
from gradlint.fix.construction import Built, built_at
from gradlint.fix.edits import Edit, Fix, Safety
from gradlint.program import syntax as s
from gradlint.program.names import Lib
from gradlint.program.optimizers import Cause, share
from gradlint.program.places import loops_around
from gradlint.program.scopes import Scope
from gradlint.program.updates import Update
from gradlint.program.values import Cls
from gradlint.records import dataclass
from gradlint.vocabulary import Plain, operand

_NAMES = ("warmup", "lr_warmup", "linear_warmup", "warmup_scheduler")
_FACTOR = "1e-3"
_LOAD = "load_state_dict"
_NO_PLACE = "the code that builds the optimizer shares its line with code that cannot be parted from it"


def warm_up(update: Update, steps: int) -> Fix | str:
    """A warmup of so many steps for an update; the reason why there can be none."""
    if update.kind == "implicit":
        return _by_argument(update, steps)
    if update.kind == "manual":
        return "the parameters are updated by hand: let the factor rise there"
    way = update.program.values.vocabulary.entry("warmups", update.kind)
    if not isinstance(way, dict):
        return f"the learning rate is up to {update.kind}: set a warmup in its configuration"
    built = built_at(update)
    if isinstance(built, str):
        return built
    causes = update.schedule.causes
    if causes and not (_all_multiply(update) and not _stepped_alike(update)):
        if len(causes) > 1:
            return "several schedulers move the learning rate already"
        return _before(update, built, causes[0], steps)
    return _alone(update, built, way, steps)


# --- by an argument -------------------------------------------------------------------------------


def _by_argument(update: Update, steps: int) -> Fix | str:
    """The warmup of a framework that trains by itself: an argument of its settings."""
    if not isinstance(update.node, s.Call):
        return "the framework's own settings decide on a warmup"
    frameworks = update.program.schedules.frameworks
    settings = frameworks.settings(update.node, update.scope)
    if not settings or len(settings) > 1:
        return "the framework's settings are built elsewhere"
    made = settings[0]
    about = frameworks.about(made)
    if made.site is None or made.scope is None or about is None:
        return "the framework's settings are built elsewhere"
    if made.scope.module is not update.module:
        return f"the framework's settings are built in another file, `{made.scope.module.source.name}`"
    if any(a.star == "**" for a in made.site.args):
        return "the arguments of the settings are not all visible"
    name = str(about.get("add"))
    given = next((a for a in made.site.args if a.keyword == name), None)
    if given is not None:
        edits = verbs.replace_argument(update.module, given, str(steps))
    else:
        edits = verbs.add_argument(update.module, made.site, f"{name}={steps}")
    return _fix(steps, Safety.SAFE, edits) or "the arguments of the settings cannot be added to"


# --- by a scheduler of its own --------------------------------------------------------------------


def _alone(update: Update, built: Built, way: dict[str, Plain], steps: int) -> Fix | str:
    """A scheduler for the warmup alone, stepped after the optimizer."""
    if _is_resumed(update):
        return "the optimizer's state is loaded from checkpoints: the warmup's has to be kept and loaded with it"
    place = after_the_step(update)
    if isinstance(place, str):
        return place
    name = _name(update, built)
    handed = _handed(update, built) if name is None else None
    if handed is not None:
        name = handed.name
    if name is None:
        return "the warmup would have no name where the optimizer steps"
    said = verbs.import_name(built.scope.module, str(way.get("linear")), built.scope, built.stmt)
    if said is None:
        return "there is no place for an import"
    optimizer = update.module.text(built.target)
    line = f"{name} = {said[1]}({optimizer}, start_factor={_FACTOR}, total_iters={steps})"
    put = verbs.insert_after(update.module, built.stmt, [line])
    call = [f"{name}.step()"] if handed is None else [f"if {name} is not None:", f"    {name}.step()"]
    step = verbs.insert_after(update.module, place, call)
    if put is None or step is None:
        return _NO_PLACE
    if handed is not None:
        step = (*step, *handed.edits)
    looped = bool(loops_around(update.scope, update.node))
    safe = looped and way.get("safe") is True
    return _fix(steps, Safety.SAFE if safe else Safety.UNSAFE, (*said[0], *put, *step)) or _NO_PLACE


def after_the_step(update: Update) -> s.Stmt | str:
    """The statement after which the step is done: the scaler's update, if the step goes through one."""
    chain = sites.around(update.scope, update.node)
    if not chain or not isinstance(chain[-1], (s.Evaluate, s.Assign)) or not sites.shares_names(chain[-1], update.node):
        return "the step is part of a larger statement"
    if update.kind != "scaler" or update.act.receiver is None:
        return chain[-1]
    scaler = s.text(update.act.receiver)
    for call in s.calls(update.scope.body, into=False):
        if call.id <= update.node.id or not isinstance(call.func, s.Attribute):
            continue
        if call.func.attr == "update" and s.text(call.func.value) == scaler:
            after = sites.around(update.scope, call)
            if after and after[:-1] == chain[:-1]:
                return after[-1]
    return "the gradient scaler is updated elsewhere"


def _name(update: Update, built: Built) -> str | None:
    """A name for the warmup that both the place where it is built and the step can say."""
    if isinstance(built.target, s.Attribute):
        receiver = built.target.value
        if not isinstance(receiver, s.Name) or receiver.text != built.scope.self_name:
            return None
        if built.scope.self_name != update.scope.self_name or built.scope.owner is not update.scope.owner:
            return None
        assert built.scope.owner is not None
        taken = {x.attr for scope in built.scope.owner.walk() for x in scope.stores if x.attr is not None}
        taken |= set(built.scope.owner.bindings)
        free = next((n for n in _NAMES if n not in taken), None)
        return f"{receiver.text}.{free}" if free is not None else None
    if not isinstance(built.target, s.Name):
        return None
    if built.scope is not update.scope and not (built.scope.kind == "module" and update.scope.kind == "function"):
        return None
    if built.scope is not update.scope and update.scope.lookup(built.target.text) is not built.scope:
        return None
    names = [n for n in _NAMES if sites.free_name(update.scope, [n]) is not None]
    return sites.free_name(built.scope, names)


def _is_resumed(update: Update) -> bool:
    """Whether the code loads the optimizer's state: its full rate would then be multiplied up a second time."""
    values, optimizers = update.program.values, update.program.schedules.optimizers
    keys = optimizers.keys(update.optimizers)
    stepped = s.text(update.act.operand) if update.act.operand is not None else None
    return any(
        share(optimizers.held(call.func.value, scope), keys)
        or (module is update.module and s.text(call.func.value) == stepped)
        for module in values.files.mentioning(f".{_LOAD}(")
        for call, scope in module.calls.get(_LOAD, ())
        if isinstance(call.func, s.Attribute)
    )


@dataclass(frozen=True, slots=True)
class _Handed:
    """How the function that steps is handed something: as a parameter of this name."""

    name: str
    edits: tuple[Edit, ...]


def _handed(update: Update, built: Built) -> _Handed | None:
    """The warmup as a parameter more of the function that steps, given where that is given the optimizer."""
    scope, optimizer = update.scope, update.act.operand
    if not isinstance(built.target, s.Name) or not isinstance(optimizer, s.Name) or scope.owner is not None:
        return None
    if not isinstance(scope.node, s.Function) or built.scope.owner is not None:
        return None
    if not any(p.name == optimizer.text for p in scope.node.params) or len(scope.bindings[optimizer.text]) != 1:
        return None
    calls = [(call, where) for call, where in update.program.values.callers(scope) if _gives(call, where, built)]
    scopes = {scope, built.scope, *(where for _, where in calls)}
    name = next((n for n in _NAMES if all(sites.free_name(x, [n]) is not None for x in scopes)), None)
    if name is None or not calls:
        return None
    made = [verbs.add_parameter(update.module, scope.node, f"{name}=None")]
    made += (verbs.add_argument(update.module, call, f"{name}={name}") for call, _ in calls)
    edits = tuple(edit for each in made for edit in each or ())
    return _Handed(name, edits) if all(made) else None


def _gives(call: s.Call, where: Scope, built: Built) -> bool:
    """Whether a call passes on the optimizer that was built, by its name."""
    assert isinstance(built.target, s.Name)
    name = built.target.text
    if where.module is not built.scope.module or where.lookup(name) is not built.scope:
        return False
    if where is built.scope and call.id < built.stmt.id:
        return False
    return any(isinstance(a.value, s.Name) and a.value.text == name and not a.star for a in call.args)


# --- a warmup that is there -----------------------------------------------------------------------


def step_in_loop(update: Update, call: s.Call, scope: Scope) -> Fix | str:
    """A scheduler's step moved to directly behind the optimizer's, into the loop that this stands in."""
    chain = sites.around(scope, call)
    if scope is not update.scope or not chain or not isinstance(chain[-1], s.Evaluate) or chain[-1].value is not call:
        return "the scheduler and the optimizer are stepped in different functions"
    above = sites.around(scope, update.node)
    if any(not isinstance(x, (s.For, s.While, s.With)) for x in chain[:-1] if x not in above):
        return "the scheduler is stepped on a condition"
    place = after_the_step(update)
    if isinstance(place, str):
        return place
    out = verbs.delete_statement(update.module, chain[-1])
    put = verbs.insert_after(update.module, place, [update.module.text(chain[-1])])
    if out is None or put is None:
        return sites.SHARED_LINE
    return Fix("Step the scheduler after each update", Safety.UNSAFE, tuple(sorted({*out, *put})))


def start_stepping(update: Update, cause: Cause) -> Fix | str:
    """A step of a scheduler that nothing steps, directly behind the optimizer's."""
    made = cause.made
    chain = sites.around(made.scope, made.site) if made is not None and made.scope and made.site else ()
    stmt = chain[-1] if chain else None
    if made is None or not isinstance(stmt, s.Assign) or stmt.value is not made.site or len(stmt.targets) != 1:
        return "the scheduler has no name"
    name = stmt.targets[0]
    if (
        made.scope is None
        or not isinstance(name, s.Name)
        or not sites.said_at(name, made.scope, update.scope, update.node)
    ):
        return "the scheduler has no name where the optimizer steps"
    place = after_the_step(update)
    if isinstance(place, str):
        return place
    put = verbs.insert_after(update.module, place, [f"{name.text}.step()"])
    title = "Step the scheduler after each update"
    return Fix(title, Safety.UNSAFE, put) if put else sites.SHARED_LINE


def above_zero(update: Update, scope: Scope) -> Fix | str:
    """A function of the step that starts at 0 made to start one step later."""
    node = scope.node
    if not isinstance(node, s.Lambda) or scope.module is not update.module:
        return "the warmup's function decides where it starts"
    name = node.params[0].name
    edits: set[Edit] = set()
    for used in s.walk(node.body):
        if isinstance(used, s.Name) and used.text == name:
            edits.update(verbs.replace(update.module, used, f"({name} + 1)") or ())
    return Fix("Start the warmup above 0", Safety.UNSAFE, tuple(sorted(edits))) if edits else "it cannot be rewritten"


# --- before a scheduler that is there -------------------------------------------------------------


def _before(update: Update, built: Built, cause: Cause, steps: int) -> Fix | str:
    """A warmup in front of the scheduler that the code has."""
    made = cause.made
    if made is None:
        return "the learning rate is set by hand: let it rise there"
    if cause.module is not update.module or made.scope is None or made.site is None:
        return f"the scheduler is built in another file, `{cause.module.source.name}`"
    values = update.program.values
    about = values.vocabulary.entry("before", made.of.path) if isinstance(made.of, Lib) else None
    paths = values.bases_of(made)
    if isinstance(made.of, Cls) or not any(values.vocabulary.role(p) == "scheduler" for p in paths) or about is False:
        return f"{cause.what} cannot come after another scheduler: let it rise itself"
    if not _stepped_alike(update):
        return f"{cause.what} is not stepped after each update: choose the warmup together with it"
    chain = sites.around(made.scope, made.site)
    stmt = chain[-1] if chain else None
    if not isinstance(stmt, s.Assign) or stmt.value is not made.site or len(stmt.targets) != 1:
        return "the scheduler has no name where it is built"
    if not sites.plain(stmt.targets[0]) or not made.site.args:
        return "the scheduler has no name where it is built"
    found = update.program.values.vocabulary.entry("warmups", update.kind)
    way = found if isinstance(found, dict) else {}
    linear = verbs.import_name(cause.module, str(way.get("linear")), made.scope, stmt)
    sequence = verbs.import_name(cause.module, str(way.get("sequence")), made.scope, stmt)
    if linear is None or sequence is None:
        return "there is no place for an import"
    name, optimizer = cause.module.text(stmt.targets[0]), cause.module.text(built.target)
    if not sites.said_at(built.target, built.scope, made.scope, made.site):
        return "the optimizer has no name where the scheduler is built"
    rise = f"{linear[1]}({optimizer}, start_factor={_FACTOR}, total_iters={steps})"
    line = f"{name} = {sequence[1]}({optimizer}, [{rise}, {name}], milestones=[{steps}])"
    put = verbs.insert_after(cause.module, stmt, [line])
    edits = None if put is None else (*{*linear[0], *sequence[0]}, *put)
    return _fix(steps, Safety.UNSAFE, edits) or "the scheduler's line cannot be added to"


def _all_multiply(update: Update) -> bool:
    """Whether all that moves the learning rate multiplies it, so that a warmup can do the same beside it."""
    vocabulary = update.program.values.vocabulary
    for cause in update.schedule.causes:
        made = cause.made
        if made is None or made.site is None or not isinstance(made.of, Lib):
            return False
        about = vocabulary.about("multiplies", made.of.path)
        if not isinstance(about, dict) or any(a.star for a in made.site.args):
            return False
        place = operand(about.get("unless"))
        if made.site.arg(place.position, place.keyword) is not None:
            return False
        # Told the epoch, a scheduler sets the rate, whatever it was.
        if "measures" not in about and any(call.args for call, _ in update.schedule.steps):
            return False
    return bool(update.schedule.steps)


def _stepped_alike(update: Update) -> bool:
    """Whether the scheduler is stepped right where the optimizer is: in the same innermost loop."""
    loops = loops_around(update.scope, update.node)
    steps = update.schedule.steps
    return (
        bool(loops)
        and bool(steps)
        and all(scope is update.scope and _innermost(scope, call) is loops[-1] for call, scope in steps)
    )


def _innermost(scope: Scope, node: s.Node) -> s.Stmt | None:
    loops = loops_around(scope, node)
    return loops[-1] if loops else None


def _fix(steps: int, safety: Safety, edits: tuple[Edit, ...] | None) -> Fix | None:
    if not edits:
        return None
    return Fix(f"Let the learning rate rise over {steps} steps", safety, tuple(sorted(set(edits))))
