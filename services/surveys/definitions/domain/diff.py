"""What is different between two versions of a survey, place by place."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

# Their parts only mean something together.
_WHOLE = ("show_if", "next", "bank", "locales")
_ABSENT = object()


class Change(NamedTuple):
    """One difference. Questions, options and rows are named by their ids: `/questions/nps/text/vi`.

    None: it was not there, or is not any more.
    """

    path: str
    before: Any
    after: Any


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """What changed from one document to the other; where only the order did, the ids in their order."""
    return list(_compare(before, after, ""))


def _compare(before: Any, after: Any, path: str) -> Iterator[Change]:
    if before == after:
        return
    name = path.rpartition("/")[2]
    if name not in _WHOLE and isinstance(before, list) and isinstance(after, list):
        yield from _compare_lists(before, after, path)
    elif name not in _WHOLE and isinstance(before, dict) and isinstance(after, dict):
        for key in dict.fromkeys((*before, *after)):
            yield from _compare(before.get(key, _ABSENT), after.get(key, _ABSENT), f"{path}/{key}")
    else:
        yield Change(path, None if before is _ABSENT else before, None if after is _ABSENT else after)


def _compare_lists(before: list[Any], after: list[Any], path: str) -> Iterator[Change]:
    was, now = {each["id"]: each for each in before}, {each["id"]: each for each in after}
    yield from _compare(was, now, path)
    stayed = [[key for key in one if key in other] for one, other in ((was, now), (now, was))]
    if stayed[0] != stayed[1]:
        yield Change(path, list(was), list(now))
