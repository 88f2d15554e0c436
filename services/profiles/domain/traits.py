"""Traits: what is said of a customer, by whom and as of when. The latest word by event time holds."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import orjson

MAX_NAME_LENGTH = 100

# A name that holds a value (an address, a number) is kept but never announced.
_LOOKS_LIKE_DATA = re.compile(r"@|\+?\d[\d .-]{5,}\d")


class TraitWrite(NamedTuple):
    """One word on one trait. The greater (time, event_id) holds; `value` is JSON text, None takes the trait away.

    `said` is the value as it was said, where a declared type has another form for it.
    """

    time: datetime
    event_id: UUID
    value: str | None
    source: str
    recorded: datetime
    said: str | None = None

    def beats(self, other: "TraitWrite") -> bool:
        """Whether this is the later word."""
        return (self.time, self.event_id) > (other.time, other.event_id)


class Refusals(NamedTuple):
    """Positions of the traits that cannot be kept, by reason; too large is also a number beyond 64 bits."""

    bad_names: list[int]
    too_large: list[int]

    def __bool__(self) -> bool:
        return bool(self.bad_names or self.too_large)


def readable(traits: Mapping[str, Any], *, max_bytes: int, refused: Refusals) -> Iterator[tuple[str, str | None]]:
    """The traits that can be kept: composed (NFC) names, and values as JSON text; notes the others in `refused`."""
    for position, (name, value) in enumerate(traits.items()):
        composed = composed_name(name)
        if composed is None:
            refused.bad_names.append(position)
            continue
        if value is None:
            yield composed, None
        elif (text := _json(value)) is None or len(text) > max_bytes:
            refused.too_large.append(position)
        else:
            yield composed, text.decode()


def composed_name(name: str) -> str | None:
    """The name of a trait in its one form (NFC); None if it can be none."""
    composed = _storable(name).strip()
    return composed if 0 < len(composed) <= MAX_NAME_LENGTH else None


def announced(names: set[str]) -> tuple[str, ...]:
    """The names that may be announced, sorted: those that are no personal data themselves."""
    return tuple(sorted(name for name in names if not _LOOKS_LIKE_DATA.search(name)))


def _json(value: Any) -> bytes | None:
    """The value as JSON; None if it is none: a number beyond 64 bits, or nested beyond 254 levels."""
    try:
        text = orjson.dumps(value)
        return text if text.isascii() and b"\\u0000" not in text else orjson.dumps(_composed(value))
    except orjson.JSONEncodeError:
        return None


def _composed(value: Any) -> Any:
    """The value with every text in NFC, so that `Nguyễn` is one name however it was typed."""
    if isinstance(value, str):
        return _storable(value)
    if isinstance(value, dict):
        return {_storable(name): _composed(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_composed(each) for each in value]
    return value


def _storable(text: str) -> str:
    # PostgreSQL keeps no NUL.
    return text.replace("\x00", "") if text.isascii() else unicodedata.normalize("NFC", text).replace("\x00", "")
