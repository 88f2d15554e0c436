"""What changed between two versions of a document."""

from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any, Literal, NamedTuple

import orjson


class Change(NamedTuple):
    """One difference.

    `pointer` is a JSON Pointer into the later document for what was added, else into the earlier one. An entry of a
    list is added or removed as a whole.
    """

    kind: Literal["added", "removed", "changed"]
    pointer: str
    before: Any
    after: Any


def changes(before: Any, after: Any, pointer: str = "") -> Iterator[Change]:
    """The differences between two JSON documents, none if they are equal."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        yield from _of_members(before, after, pointer)
    elif _is_list(before) and _is_list(after):
        yield from _of_entries(before, after, pointer)
    elif before != after:
        yield Change("changed", pointer, before, after)


def _of_members(before: Mapping[str, Any], after: Mapping[str, Any], pointer: str) -> Iterator[Change]:
    for name in sorted({*before, *after}):
        place = f"{pointer}/{name}"
        if name not in after:
            yield Change("removed", place, before[name], None)
        elif name not in before:
            yield Change("added", place, None, after[name])
        else:
            yield from changes(before[name], after[name], place)


def _of_entries(before: Sequence[Any], after: Sequence[Any], pointer: str) -> Iterator[Change]:
    matcher = SequenceMatcher(None, [*map(_written, before)], [*map(_written, after)], autojunk=False)
    for kind, old, old_end, new, new_end in matcher.get_opcodes():
        if kind == "equal":
            continue
        yield from (Change("removed", f"{pointer}/{place}", before[place], None) for place in range(old, old_end))
        yield from (Change("added", f"{pointer}/{place}", None, after[place]) for place in range(new, new_end))


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _written(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
