"""Declared preferences: words of customers on what they want, each of a declared type. The latest word holds."""

import math
import re
import unicodedata
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, Literal, NamedTuple
from uuid import UUID

from services.profiles.needs.errors import BadPreference

Type = Literal["text", "texts", "number", "flag", "channel", "language"]
Value = str | int | float | bool | list[str]

PREFERRED_CHANNEL = "preferred_channel"

MAX_TEXT = 200
MAX_TEXTS = 20
# Beyond this not every whole number is one of JSON.
MAX_NUMBER = 2**53

_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,4}", re.ASCII)
_WANTED: dict[Type, str] = {
    "text": f"a text of 1 to {MAX_TEXT} printable characters",
    "texts": f"a list of 1 to {MAX_TEXTS} texts, each of 1 to {MAX_TEXT} printable characters",
    "number": "a number of at most 2^53",
    "flag": "true or false",
    "channel": "one of the channels that consent can be given to",
    "language": "a language tag such as vi or en-GB",
}


class Word(NamedTuple):
    """Somebody said what a customer wants; `value` None takes it back. `recorded_by` is who told us."""

    id: UUID
    customer_id: UUID
    name: str
    value: Any
    time: datetime
    recorded_at: datetime
    source: str
    recorded_by: str

    @property
    def rank(self) -> tuple[datetime, UUID]:
        """The greatest rank holds."""
        return self.time, self.id


def written(type_: Type, value: object, *, channels: Collection[str]) -> Value:
    """The stored form of a value: text composed (NFC) and without space around it.

    Raises:
        BadPreference: it is not of the type.
    """
    found = _read(type_, value, channels)
    if found is None:
        raise BadPreference(type_, _WANTED[type_])
    return found


def holding(words: Iterable[Word]) -> dict[str, Word]:
    """The word that holds for each name, in whatever order they come."""
    held: dict[str, Word] = {}
    for word in words:
        known = held.get(word.name)
        if known is None or word.rank > known.rank:
            held[word.name] = word
    return held


def _read(type_: Type, value: object, channels: Collection[str]) -> Value | None:
    match type_, value:
        case "flag", bool():
            return value
        case "number", bool():
            return None
        case "number", int() | float() if math.isfinite(value) and abs(value) <= MAX_NUMBER:
            return value
        case "text", str():
            return _text(value)
        case "channel", str() if value in channels:
            return value
        case "language", str() if _LANGUAGE.fullmatch(value):
            return value
        case "texts", list() if 1 <= len(value) <= MAX_TEXTS:
            texts = [text for each in value if isinstance(each, str) and (text := _text(each))]
            return list(dict.fromkeys(texts)) if len(texts) == len(value) else None
    return None


def _text(value: str) -> str | None:
    text = unicodedata.normalize("NFC", value).strip()
    return text if 1 <= len(text) <= MAX_TEXT and text.isprintable() else None
