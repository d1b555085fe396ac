"""Dataclasses that cost little: to the type checker they are the library's own, frozen where they say so.

At run time nothing enforces that, since it makes an instance four times as dear and a class about three times: a
seventh of the time that one file takes. One `repr` serves all classes. What holds a user's code stays frozen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:
    import dataclasses

    def dataclass(cls=None, /, *, frozen=False, eq=True, **options):
        """`dataclasses.dataclass`, with identity or the fields for the hash as `frozen` and `eq` say."""

        def made(cls):
            if cls.__doc__ is None:
                cls.__doc__ = cls.__name__  # the library would work out a signature
            if "__repr__" not in cls.__dict__:
                cls.__repr__ = _repr
            return dataclasses.dataclass(cls, repr=False, eq=eq, unsafe_hash=frozen and eq, **options)

        return made if cls is None else made(cls)

    def _repr(record):
        shown = (f"{field.name}={getattr(record, field.name)!r}" for field in dataclasses.fields(record) if field.repr)
        return f"{type(record).__qualname__}({', '.join(shown)})"
