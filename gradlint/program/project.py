"""The files of one project: parsed when needed, each at most once, found by import or by what they mention."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from gradlint.finding import Problem
from gradlint.program import syntax as s
from gradlint.program.parse import ParseError, Tree, parse
from gradlint.program.scopes import Scope, Store, bind
from gradlint.source import Source, SourceError, read
from gradlint.source.discover import discover
from gradlint.source.place import Place

# How many files one question about callers reads, in projects where a name is everywhere.
_HINTED = 24
_OTHERS = 8


_WORD = re.compile(rb"[^\W\d]\w*")
_LONG = 100  # a longer word is data
_LARGEST = 1_500_000  # characters: parsing more takes seconds, and nobody wrote it
_ADDS_FOLDER = re.compile(rb"sys\.path(?:\.(?:append|insert|extend)\s*\(|\s*\+=)([^\n]*)")
_STRING = re.compile(rb"""['"]([^'"\n]*)['"]""")
_DECORATES = re.compile(rb"^[ \t]*@([\w.]+)", re.MULTILINE)


class Module:
    """One parsed file."""

    def __init__(self, source: Source, tree: Tree, name: str) -> None:
        self.source = source
        self.path = source.path
        self.name = name
        self._tree = tree
        self.block = tree.block
        self.scope: Scope = bind(self, self.block)

    def __repr__(self) -> str:
        return f"Module({self.name})"

    @property
    def faithful(self) -> bool:
        """Whether the places of nodes are those of the text: only then may the file be edited."""
        return self._tree.faithful

    def span(self, node: s.Node) -> tuple[int, int]:
        """Where a node's own text starts and ends, in characters of `source.text`."""
        return self._tree.span(node.id)

    def place(self, node: s.Node) -> Place:
        return self.source.place(*self.span(node))

    def text(self, node: s.Node) -> str:
        start, end = self.span(node)
        return self.source.text[start:end]

    @cached_property
    def nodes(self) -> tuple[s.Node, ...]:
        """Every node of the file, in source order."""
        return tuple(s.walk(self.block))

    @cached_property
    def scopes(self) -> tuple[Scope, ...]:
        return tuple(self.scope.walk())

    @cached_property
    def calls(self) -> Mapping[str, list[tuple[s.Call, Scope]]]:
        """Every call of the file by the last part of what is called, with the scope that it stands in."""
        out: dict[str, list[tuple[s.Call, Scope]]] = {}
        for scope in self.scopes:
            for call in _own_calls(scope):
                func = call.func
                name = s.last_name(func)
                out.setdefault(name, []).append((call, scope))
        return out

    @cached_property
    def decorations(self) -> list[tuple[s.Call, Scope]]:
        """Every decorator as the call that it is, with the scope that it stands in."""
        return [
            (s.Call(node.body.id, decorator, (s.Arg(node.id, s.Name(node.id, node.name), None, ""),)), scope.parent)
            for scope in self.scopes
            if scope.parent is not None and isinstance(node := scope.node, (s.Class, s.Function))
            for decorator in node.decorators
        ]

    @cached_property
    def attribute_stores(self) -> Mapping[str, list[Store]]:
        """Every assignment to an attribute, by the attribute."""
        out: dict[str, list[Store]] = {}
        for scope in self.scopes:
            for store in scope.stores:
                if store.attr is not None:
                    out.setdefault(store.attr, []).append(store)
        return out

    @cached_property
    def item_stores(self) -> Mapping[str, list[Store]]:
        """Every assignment to an item of a plain name, by that name."""
        out: dict[str, list[Store]] = {}
        for scope in self.scopes:
            for store in scope.stores:
                if store.attr is None and isinstance(store.base, s.Name):
                    out.setdefault(store.base.text, []).append(store)
        return out

    @cached_property
    def other_names(self) -> Mapping[str, frozenset[str]]:
        """The other names that a name goes by here: what it is imported as, assigned to, or put into."""
        out: dict[str, set[str]] = {}
        for scope in self.scopes:
            for name, bindings in scope.bindings.items():
                for binding in bindings:
                    if isinstance(binding.node, s.ImportFrom):
                        for imported, alias in binding.node.names or ():
                            if alias == name:
                                out.setdefault(imported, set()).add(name)
                    elif binding.kind == "value" and not binding.path:
                        _name(binding.value, name, out)
            for store in scope.stores:
                _name(store.value, store.attr or s.last_name(s.container(store.base)), out)
        return {name: frozenset(others - {name}) for name, others in out.items() if others != {name}}

    @cached_property
    def functions(self) -> frozenset[str]:
        """The names under which the file defines functions, methods included."""
        return frozenset(scope.name for scope in self.scopes if scope.kind == "function") | {
            name
            for scope in self.scopes
            for name, bound in scope.bindings.items()
            if isinstance(bound[0].value, s.Lambda)
        }

    @cached_property
    def words(self) -> frozenset[str]:
        """The names and attributes that occur in the file."""
        return frozenset(
            n.text if isinstance(n, s.Name) else n.attr for n in self.nodes if isinstance(n, (s.Name, s.Attribute))
        )


def _name(value: s.Expr | None, name: str, names: dict[str, set[str]]) -> None:
    """Adds that what a value is, chooses or holds goes by a name."""
    if isinstance(value, (s.Name, s.Attribute)):
        names.setdefault(s.last_name(value), set()).add(name)
    elif isinstance(value, s.Mapping):
        for _, part in value.items:
            _name(part, name, names)
    elif isinstance(value, s.Sequence):
        for part in value.items:
            _name(part, name, names)
    elif isinstance(value, s.Conditional):
        _name(value.then, name, names)
        _name(value.orelse, name, names)


_HOLDING_CALLS = frozenset([s.Call, s.Class, s.Function])


def _own_calls(scope: Scope) -> Iterator[s.Call]:
    """The calls of a scope's own code, without those of the scopes inside it."""
    if isinstance(scope.node, s.Class):
        yield from _calls(scope.node.bases)
    for node in scope.nodes:
        if node.__class__ not in _HOLDING_CALLS:
            continue
        if isinstance(node, s.Call):
            yield node
        elif isinstance(node, s.Class):
            yield from _calls((*node.decorators, *node.bases))
        elif isinstance(node, s.Function):
            yield from _calls(node.decorators)


def _calls(exprs: Sequence[s.Node]) -> Iterator[s.Call]:
    return (call for expr in reversed(exprs) for call in s.calls(expr, into=False))


class Files:
    """A project's folder, read lazily.

    `overlay` holds sources that stand for the files on disk (a fix in progress, standard input); `before`, another
    view of the same folder, lends what it has parsed of files that are still the same. `members` are the files in which
    what is asked about the whole project is looked for; all of them without it.
    """

    def __init__(
        self,
        root: Path,
        overlay: Mapping[Path, Source] | None = None,
        exclude: tuple[str, ...] = (),
        before: Files | None = None,
        members: Sequence[Path] | None = None,
    ) -> None:
        self.root = root
        self._members = members
        self._before = before._modules if before is not None else {}
        self.problems: list[Problem] = []
        self.looked: set[Path] = set()  # the folders in which imports were looked for
        self._overlay = dict(overlay or {})
        self._exclude = exclude
        self._modules: dict[Path, Module | None] = {}
        self._found: dict[tuple[str, Path], Path | None] = {}
        self._listed: dict[Path, frozenset[str]] = {}
        self._bytes: dict[Path, bytes] = {}
        self._words: dict[str, dict[Path, None]] = {}
        self._named: dict[tuple[tuple[str, ...], Path, tuple[str, ...]], tuple[Path, ...]] = {}

    def load(self, path: Path, source: Source | None = None) -> Module | None:
        """The module at a path; None if it cannot be read or parsed (a target's problem is kept, an import's not)."""
        if path in self._modules:
            known = self._modules[path]
            if source is None:
                return known
            if known is not None and known.source.text == source.text:  # scopes and nodes compare by identity
                known.source = source
                return known
        wanted = source is not None
        module: Module | None = None
        try:
            source = source or self._overlay.get(path) or read(path)
            if len(source.code) > _LARGEST:
                raise SourceError(Problem(_too_large(source), source.name))
            module = self._before.get(path)
            if module is None or module.source.text != source.text:
                module = self._parsed(source, wanted)
        except SourceError as error:
            if wanted:
                self.problems.append(error.problem)
        except ParseError as error:
            if wanted:
                assert source is not None
                self.problems.append(syntax_problem(source, error))
        except RecursionError:
            if wanted:
                self.problems.append(Problem("nested too deeply to be analysed", source.name if source else str(path)))
        self._modules[path] = module
        return module

    def _parsed(self, source: Source, wanted: bool) -> Module:
        """Parse a file; of a notebook, a cell that is not Python is reported and left out. Raises as `parse` does."""
        try:
            return Module(source, parse(source.code), self.name_of(source.path))
        except ParseError:
            if not source.is_notebook:
                raise
        whole = source
        for cell in whole.cells:
            try:
                parse(whole.code[cell.start : cell.end])
            except ParseError as error:
                if wanted:
                    self.problems.append(syntax_problem(whole, error, cell.start))
                source = source.without_cell(cell.index)
        return Module(source, parse(source.code), self.name_of(source.path))

    @property
    def loaded(self) -> Iterable[Path]:
        """The files that were read, those that could not be read included."""
        return self._modules.keys()

    def name_of(self, path: Path) -> str:
        try:
            parts = list(path.relative_to(self.root).with_suffix("").parts)
        except ValueError:
            parts = [path.stem]
        if parts and parts[-1] == "__init__":
            parts.pop()
        return ".".join(parts)

    def find(self, dotted: str, near: Path) -> Path | None:
        """The file (or package folder) that `import dotted` means in a file at `near`, if it is of this project."""
        key = (dotted, near if dotted.rpartition(".")[2] == near.stem else near.parent)
        if key not in self._found:
            hits = (self._module_file(folder, dotted) for folder in self._search(near))
            self._found[key] = next(
                (hit for hit in hits if hit is not None and hit != near),  # `utils/model.py` may import a `model/`
                self._inside_root(dotted),
            )
        return self._found[key]

    def _module_file(self, folder: Path, dotted: str) -> Path | None:
        parts = dotted.split(".")
        base = folder.joinpath(*parts)
        here = folder
        self.looked.add(here)
        if self._entries(folder).isdisjoint((parts[0], f"{parts[0]}.py")):
            return None
        for part in parts:
            here /= part
            if here not in self.looked:
                if not here.is_dir():
                    break
                self.looked.add(here)
        for candidate in (base / "__init__.py", base.with_name(base.name + ".py")):
            if candidate.is_file():
                return candidate
        return base if base.is_dir() and base != folder else None

    def _entries(self, folder: Path) -> frozenset[str]:
        """What a folder holds, by name."""
        known = self._listed.get(folder)
        if known is None:
            try:
                known = frozenset(os.listdir(folder))
            except OSError:
                known = frozenset()
            self._listed[folder] = known
        return known

    def _inside_root(self, dotted: str) -> Path | None:
        """A root that is a package itself is imported by the name of its folder, which may be another one here."""
        first, _, rest = dotted.partition(".")
        if not (self.root / "__init__.py").is_file():
            return None
        if not rest:
            return self.root / "__init__.py" if first == self.root.name else None
        return self._module_file(self.root, rest)

    def relative(self, level: int, dotted: str, near: Path) -> Path | None:
        """The file that `from ..dotted import` means, `level` dots up."""
        folder = near.parent
        for _ in range(level - 1):
            folder = folder.parent
        return self._module_file(folder, dotted) if dotted else self._module_file(folder.parent, folder.name) or folder

    def _search(self, near: Path) -> Iterator[Path]:
        folder = near.parent
        seen = set()
        while True:
            seen.add(folder)
            yield folder
            if folder == self.root or folder.parent == folder or self.root not in folder.parents:
                break
            folder = folder.parent
        for other in (*self._added(near), self.root, self.root / "src", Path.cwd(), *self._added_anywhere):
            if other not in seen:
                seen.add(other)
                yield other

    def _added(self, path: Path) -> list[Path]:
        """The folders that a file adds to `sys.path`, by the strings in such lines."""
        data = self._data(path)
        if b"sys.path" not in data:
            return []
        found: dict[Path, None] = {}
        for line in _ADDS_FOLDER.findall(data):
            parts = [text.decode("utf-8", "replace").strip("/") for text in _STRING.findall(line)]
            for base in (path.parent, self.root):
                for taken in (parts, *([part] for part in parts)):
                    folder = Path(os.path.normpath(base.joinpath(*taken)))
                    if folder.is_dir() and self.root in (folder, *folder.parents):
                        found[folder] = None
        return list(found)

    @cached_property
    def _added_anywhere(self) -> list[Path]:
        """The folders that any file adds to `sys.path`: it is one for all that a process imports."""
        return list(dict.fromkeys(folder for path in self._holding("sys.path") for folder in self._added(path)))

    @cached_property
    def paths(self) -> list[Path]:
        """Every Python file and notebook of the project that may have to do with those that are analysed."""
        found: Sequence[Path]
        if self._members is not None:
            found = self._members
        else:
            found = [Path(p) for p in discover([self.root], exclude=self._exclude, respect_gitignore=True)[0]]
        known = set(found)
        return [*found, *(path for path in self._overlay if path not in known)]

    def mentioning(self, *words: str) -> Iterator[Module]:
        """The project's modules whose text contains all the words."""
        holding = [self._holding(word) for word in words]
        for path in holding[0] if holding else ():
            if all(path in other for other in holding[1:]):
                module = self.load(path)
                if module is not None:
                    yield module

    def mentions(self, *words: str) -> bool:
        """Whether any of the project's modules contains all the words."""
        return next(self.mentioning(*words), None) is not None

    def naming(self, *texts: str, near: Module, hints: tuple[str, ...]) -> Iterator[Module]:
        """The modules that contain one of the texts: the file itself, then those that name a hint, then some others.

        Names such as `train(` are everywhere in a large project; the bound keeps a question from reading it all.
        """
        key = (texts, near.path, hints)
        if key not in self._named:
            self._named[key] = self._nearest(*key)
        for path in self._named[key]:
            module = self.load(path)
            if module is not None:
                yield module

    def _nearest(self, texts: tuple[str, ...], near: Path, hints: tuple[str, ...]) -> tuple[Path, ...]:
        found = dict.fromkeys(path for text in texts for path in self._holding(text))
        found.pop(near, None)
        holding = [self._holding(hint) for hint in hints]
        hinted = {p: None for p in found if any(p in held for held in holding)}
        others = [p for p in found if p not in hinted]
        return (near, *list(hinted)[:_HINTED], *others[:_OTHERS])

    def decorating(self, name: str) -> Iterator[Module]:
        """The modules that decorate something with a function of this name."""
        for path in self._decorators.get(name.encode(), ()):
            module = self.load(path)
            if module is not None:
                yield module

    def calling(self, pattern: re.Pattern[bytes]) -> Iterator[Module]:
        """The modules that call something whose name the pattern finds."""
        found: dict[Path, None] = {}
        for word, paths in self._index.items():
            if len(word) < _LONG and pattern.search(word):
                found.update((path, None) for path in paths if word + b"(" in self._data(path))
        for path in found:
            module = self.load(path)
            if module is not None:
                yield module

    def _holding(self, text: str) -> dict[Path, None]:
        """The files whose bytes contain a text of whole words, in order."""
        known = self._words.get(text)
        if known is None:
            needle = text.encode()
            words = _WORD.findall(needle)
            paths = self._index.get(max(words, key=len), ()) if words else self.paths
            known = self._words[text] = {p: None for p in paths if needle in self._data(p)}
        return known

    @cached_property
    def _index(self) -> dict[bytes, list[Path]]:
        """The files in which each identifier occurs: one pass over all, so that no question reads them again."""
        index: dict[bytes, list[Path]] = {}
        for path in self.paths:
            for word in dict.fromkeys(_WORD.findall(self._data(path))):  # in the order of the file, as in every run
                index.setdefault(word, []).append(path)
        return index

    @cached_property
    def _decorators(self) -> dict[bytes, list[Path]]:
        """The files in which each name occurs in that of a decorator."""
        index: dict[bytes, list[Path]] = {}
        for path in self.paths:
            found = (part for dotted in _DECORATES.findall(self._data(path)) for part in dotted.split(b"."))
            for word in dict.fromkeys(found):
                index.setdefault(word, []).append(path)
        return index

    def _data(self, path: Path) -> bytes:
        if path not in self._bytes:
            if path in self._overlay:
                self._bytes[path] = self._overlay[path].text.encode("utf-8", "replace")
            else:
                try:
                    self._bytes[path] = path.read_bytes()
                except OSError:
                    self._bytes[path] = b""
        return self._bytes[path]


def _too_large(source: Source) -> str:
    size, most = (f"{count / 1e6:.1f} million" for count in (len(source.code), _LARGEST))
    return f"too large to be analysed: {size} characters, and {most} is the most; exclude it if it is generated"


def syntax_problem(source: Source, error: ParseError, start: int = 0) -> Problem:
    """One line for a file, or a cell that starts at `start`, that does not parse."""
    lines = source.text[start:].splitlines(keepends=True)
    offset = start + sum(len(line) for line in lines[: error.row - 1])
    position, cell = source.position(min(offset, len(source.text)))
    return Problem(f"not valid Python: {error.message}", source.name, position.row, error.column + 1, cell)
