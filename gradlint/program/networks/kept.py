"""What was built, so that what a forward pass changes in it can be undone."""

from __future__ import annotations

from typing import Any

from gradlint.program.networks.objects import Container, Layer, Obj

_STATE = ("initialized", "initializer", "draws", "lost", "normalized", "frozen", "computed")


class Kept:
    """The state of instances, containers and layers at one time, with the lists and tables that they hold."""

    def __init__(self, objects: list[Obj], containers: list[Container], layers: list[Layer]) -> None:
        self._made: list[tuple[list[Any], list[Any]]] = [(x, list(x)) for x in (objects, containers, layers)]
        self._items = [(c, dict(c.items)) for c in containers]
        self._items += [(o.container, dict(o.container.items)) for o in objects if o.container is not None]
        tables = [*(o.attrs for o in objects), *(x.attrs for x in layers)]
        inner = [v for table in tables for v in table.values() if isinstance(v, (list, dict))]
        self._tables = [(x, dict(x)) for x in [*tables, *(v for v in inner if isinstance(v, dict))]]
        self._lists = [(x, list(x)) for x in inner if isinstance(x, list)]
        self._layers = [(x, [getattr(x, name) for name in _STATE]) for x in layers]

    def restore(self) -> None:
        for made, before in self._made:
            made[:] = before
        for container, items in self._items:
            container.items = dict(items)
        for table, entries in self._tables:
            table.clear()
            table.update(entries)
        for values, elements in self._lists:
            values[:] = elements
        for layer, state in self._layers:
            for name, value in zip(_STATE, state, strict=True):
                setattr(layer, name, value)
