"""Columns as texts of PostgreSQL arrays: to write one costs a fifth of what the driver takes for its elements.

Only where the text says exactly what the values are; all others travel as arrays.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import UUID

import orjson


class Typed(Protocol):
    """An array of numpy, one after the other in memory: this module needs no more of it."""

    @property
    def dtype(self) -> Any: ...

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Any]: ...


Column = Sequence[Any] | Typed

_NOTHING = type(None)
# Of which type all values have to be; a subclass might be written otherwise.
_TYPES: dict[str, frozenset[type]] = {
    "smallint": frozenset({int, _NOTHING}),
    "int": frozenset({int, _NOTHING}),
    "bigint": frozenset({int, _NOTHING}),
    "boolean": frozenset({bool, _NOTHING}),
    "text": frozenset({str, _NOTHING}),
    "timestamptz": frozenset({datetime, _NOTHING}),
    # Not those of the driver's own class: they cost it no more than a text does, and PostgreSQL a third.
    "uuid": frozenset({UUID, _NOTHING}),
    "bytea": frozenset({bytes, _NOTHING}),
}
# JSON and PostgreSQL quote with ", and both escape " and \ with \. JSON escapes control characters in a way of its own.
_OTHERWISE = re.compile(rb'\\[^"\\]')

_IN_UTC = frozenset({UTC})


def literal(kind: str, values: Column) -> str | None:
    """The values as the text of an array of `kind`; None: it would not say exactly what they are, or not cheaply."""
    # Asked by name: what a protocol is, is slow to say of each column of each statement.
    if (dtype := getattr(values, "dtype", None)) is not None:
        assert dtype.kind in "bi", "only of booleans and whole numbers the text is exact"
        return f"{{{orjson.dumps(values, option=orjson.OPT_SERIALIZE_NUMPY)[1:-1].decode()}}}"
    types = _TYPES.get(kind)
    if types is None or not types.issuperset(map(type, values)):
        return None
    # One whose zone is another might have an offset of seconds, which JSON has no form for.
    if kind == "timestamptz" and not _IN_UTC.issuperset([each.tzinfo for each in values if each is not None]):
        return None
    try:
        if kind == "bytea":
            values = [each if each is None else f"\\x{each.hex()}" for each in values]
        # As UTF-8 with `null` for None, numbers as they are, moments with six digits of a second.
        written = orjson.dumps(values)
    except orjson.JSONEncodeError:
        # Beyond 64 bits, or half of a surrogate pair: for the driver to say.
        return None
    if kind == "text" and _OTHERWISE.search(written) is not None:
        return None
    return f"{{{written[1:-1].decode()}}}"
