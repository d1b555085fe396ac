"""A call of `.step()` that was not taken for an update, and why."""

from __future__ import annotations

from gradlint.program import syntax as s
from gradlint.program.explanation.gaps import Gaps
from gradlint.program.explanation.remark import Explanation, Remark, Section, at, code
from gradlint.program.explanation.words import built, function, value
from gradlint.program.scopes import Scope
from gradlint.program.values import Made, Values


def missed_step(call: s.Call, scope: Scope, values: Values) -> Explanation:
    """Why a call of a method `step` changes no parameters that are known."""
    module, func = scope.module, call.func
    assert isinstance(func, s.Attribute)
    held = [v for v in values.of(func.value, scope) if isinstance(v, Made)]
    roles = [(v, role) for v in held for base in values.bases_of(v) if (role := values.vocabulary.role(base))]
    if roles:
        made, role = min(roles, key=lambda pair: value(pair[0]))
        why = [at(f"{code(module, func.value)} is a {role}", module, func.value, built(made))]
    elif held:
        why = [
            at(f"{code(module, func.value)} is {value(v)}, and no optimizer", module, func.value, built(v))
            for v in held[:2]
        ]
    else:
        nearby = Remark("an unknown object counts as an optimizer where the code also calls `zero_grad` on it")
        why = [Gaps(values).of(func.value, scope), nearby]
    headline = f"no update: {code(module, call)} in {function(scope)}"
    return Explanation("call", headline, module.place(call), (Section("why not", tuple(why)),))
