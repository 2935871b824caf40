"""Copies rows to the dataclasses of `model/`."""

from dataclasses import Field, fields
from functools import cache
from typing import Any, ClassVar, Protocol, TypeVar

from sqlalchemy import Row


class _Word(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


W = TypeVar("W", bound=_Word)


def as_word(kind: type[W], row: Row[*tuple[Any, ...]], **others: object) -> W:
    """Make a dataclass of a row: each field gets the column of its name, unless `others` gives its value."""
    values = {name: getattr(row, name) for name in names_of(kind) if name not in others}
    return kind(**values, **others)


@cache
def names_of(kind: type[_Word]) -> tuple[str, ...]:
    """Return the names of a dataclass's fields."""
    return tuple(field.name for field in fields(kind))
