"""What an error leaves in the log: its type, where it was, and what of it is certain to be nobody's data.

The words of an error may hold what somebody sent (`KeyError: 'lan@shop.example'`, `Key (email)=(…) already exists`), so
they are left out, and with them the locals. What PostgreSQL calls the fault, and which constraint, is kept.
"""

import linecache
import traceback
from collections.abc import Iterator
from typing import Any

from shared.errors import AppError, UserError

MOST_ERRORS = 10
MOST_FRAMES = 40
# Of a driver's error: the name of the fault, and of what was hurt. Its message and detail quote values.
_NAMED = ("sqlstate", "constraint_name", "table_name", "column_name")


def told(error: BaseException) -> str | None:
    """What may be said of an error besides its type; None: nothing."""
    if isinstance(error, AppError):
        return error.code
    if isinstance(error, UserError):
        # For the operator, about the installation.
        return str(error)
    if isinstance(error, OSError):
        return error.strerror or (f"errno {error.errno}" if error.errno else None)
    original = getattr(error, "orig", None) or error
    names = {name: value for name in _NAMED if isinstance(value := getattr(original, name, None), str)}
    return " ".join(f"{name}={value}" for name, value in names.items()) or None


def plain(error: BaseException, *, with_words: bool = False) -> list[dict[str, Any]]:
    """The error and what caused it, the last one first; `with_words` says all of it, for a developer's machine."""
    return [_entry(each, with_words=with_words) for each, _ in zip(_chain(error), range(MOST_ERRORS), strict=False)]


def lines(entries: list[dict[str, Any]]) -> str:
    """The same for a terminal."""
    found = []
    for entry in entries:
        found += [f"  {frame}" for frame in entry["frames"]]
        found.append(": ".join(entry[key] for key in ("type", "told") if key in entry))
    return "\n".join(found)


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        each = waiting.pop(0)
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        before = each.__cause__ or (None if each.__suppress_context__ else each.__context__)
        waiting += [before] if before is not None else []
        waiting += each.exceptions if isinstance(each, BaseExceptionGroup) else []


def _entry(error: BaseException, *, with_words: bool) -> dict[str, Any]:
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    entry: dict[str, Any] = {"type": name}
    if words := str(error) if with_words else told(error):
        entry["told"] = words
    frames = list(traceback.walk_tb(error.__traceback__))[-MOST_FRAMES:]
    entry["frames"] = [f"{frame.f_code.co_filename}:{number} in {frame.f_code.co_name}" for frame, number in frames]
    if frames:
        frame, number = frames[-1]
        # What stands in the code is nobody's data, and often says what the words would.
        entry["frames"][-1] += f": {linecache.getline(frame.f_code.co_filename, number).strip()}"
    return entry
