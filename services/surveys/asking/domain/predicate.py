"""Conditions on the properties of a fact: a small, total language, compiled once per policy."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from typing import Any, Literal

Op = Literal["eq", "ne", "in", "not_in", "gt", "gte", "lt", "lte", "exists", "missing"]
Plain = str | int | float | bool
Test = Callable[[Mapping[str, Any]], bool]

_ORDERED: Mapping[str, Callable[[Any, Any], bool]] = {
    "gt": lambda found, wanted: bool(found > wanted),
    "gte": lambda found, wanted: bool(found >= wanted),
    "lt": lambda found, wanted: bool(found < wanted),
    "lte": lambda found, wanted: bool(found <= wanted),
}


@dataclass(frozen=True, slots=True)
class Condition:
    """What a property must be. `products.category` is that of any line.

    `ne`, `not_in` and `missing` hold where no value is so, also where there is none at all.
    """

    property: str
    op: Op
    value: Plain | tuple[Plain, ...] | None = None


def compiled(conditions: Sequence[Condition]) -> Test:
    """A test that all conditions hold."""
    tests = [_compiled(each) for each in conditions]
    if not tests:
        return lambda _: True
    if len(tests) == 1:
        return tests[0]
    return lambda properties: all(test(properties) for test in tests)


def _compiled(condition: Condition) -> Test:
    read, op = _reader(condition.property), condition.op
    if op in ("exists", "missing"):
        return lambda properties: bool(read(properties)) is (op == "exists")
    if op in _ORDERED:
        compare, wanted = _ORDERED[op], condition.value
        return lambda properties: any(
            compare(found, wanted) for found in read(properties) if _is_comparable(found, wanted)
        )
    wanted_ones = condition.value if isinstance(condition.value, tuple) else (condition.value,)
    # True equals 1 in Python, and must not here.
    keys = frozenset((isinstance(each, bool), each) for each in wanted_ones)
    is_positive = op in ("eq", "in")
    return lambda properties: any((isinstance(found, bool), found) in keys for found in read(properties)) is is_positive


def _reader(name: str) -> Callable[[Mapping[str, Any]], Sequence[Plain]]:
    """What reads the values of a property; of most a plain one, which must cost next to nothing."""
    path = tuple(name.split("."))
    if len(path) > 1:
        return lambda properties: tuple(_values(properties, path))

    def read(properties: Mapping[str, Any]) -> Sequence[Plain]:
        found = properties.get(name)
        if found is None:
            return ()
        return (found,) if isinstance(found, str | int | float) else tuple(_values(found, ()))

    return read


def _is_comparable(found: object, wanted: object) -> bool:
    if isinstance(found, bool) or isinstance(wanted, bool):
        return False
    numbers = int | float
    return (isinstance(found, numbers) and isinstance(wanted, numbers)) or (
        isinstance(found, str) and isinstance(wanted, str)
    )


def _values(found: Any, path: Sequence[str]) -> Iterator[Plain]:
    """The plain values at a path; of lists those of each member."""
    if isinstance(found, list | tuple):
        for each in found:
            yield from _values(each, path)
    elif not path:
        if isinstance(found, str | int | float):
            yield found
    elif isinstance(found, dict):
        if path[0] in found:
            yield from _values(found[path[0]], path[1:])
    elif is_dataclass(found):
        yield from _values(getattr(found, path[0], None), path[1:])
