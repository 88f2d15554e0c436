"""What a type of identifiers is declared as, and what it makes of a value."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import combinations
from typing import Any, Literal, NamedTuple
from uuid import UUID

from services.profiles.domain.identifiers import (
    ANONYMOUS_ID,
    EMAIL,
    PHONE,
    USER_ID,
    folded_value,
    normalised,
)

Form = Literal["text", "lower", "upper", "digits", "email", "phone"]
Sharing = Literal["keep", "first", "join"]

DEFAULT_PRIORITY = 100
MAX_PATTERN = 100
# Each may make a match try all lengths again: three of them on 200 characters are some milliseconds at worst.
MAX_OPEN_REPEATS = 3

OWN = (USER_ID, ANONYMOUS_ID)
BUILT_IN = (*OWN, EMAIL, PHONE)
# What an alias calls a key by is no identifier that anybody declares.
RESERVED = ("previous_id",)

_ATOM = re.compile(r"\\[dwsDWS]|\\[^A-Za-z0-9]|\[\^?(?:\\.|[^\[\]\\])+\]|[^\\\[\](){}|*+?^$]")
_REPEAT = re.compile(r"[*+?]|\{\d{1,3}(?:,(?:\d{1,3})?)?\}")


class IdentifierType(NamedTuple):
    """A declared type. `limit` None: that of the settings; `joins_at_most` keys have a value that joins people."""

    name: str
    form: Form = "text"
    pattern: str | None = None
    priority: int = DEFAULT_PRIORITY
    limit: int | None = None
    blocked: tuple[str, ...] = ()
    when_shared: Sharing = "keep"
    joins_at_most: int = 10
    description: Mapping[str, str | None] = {}

    @classmethod
    def stored(cls, name: str, definition: Mapping[str, Any]) -> "IdentifierType":
        """The type that `definition` was made of."""
        return cls(**{**definition, "name": name, "blocked": tuple(definition.get("blocked", ()))})

    def definition(self) -> dict[str, Any]:
        """All of it but the name, as JSON values."""
        return {field: value for field, value in self._asdict().items() if field != "name"}

    def written(self, value: str, *, country: str) -> str | None:
        """The stored form of a value, or None if it names nobody."""
        text: str | None
        if self.form in (EMAIL, PHONE):
            text = normalised(self.form, value, country=country)
        else:
            text = normalised(self.name, _FORMS[self.form](value), country=country)
        return text if text is not None and self.takes(text) else None

    def takes(self, text: str) -> bool:
        """Whether a value in its stored form may name somebody."""
        if self.pattern is not None and not re.fullmatch(self.pattern, text):
            return False
        return not self.blocked or folded_value(text) not in {folded_value(each) for each in self.blocked}


_FORMS: Mapping[str, Callable[[str], str]] = {
    "text": lambda value: value,
    "lower": lambda value: value.strip().lower(),
    "upper": lambda value: value.strip().upper(),
    "digits": lambda value: re.sub(r"\D+", "", value, flags=re.ASCII),
}


def default(name: str) -> IdentifierType:
    """What holds of a type that nobody declared."""
    if name == EMAIL:
        return IdentifierType(name, form="email")
    return IdentifierType(name, form="phone" if name == PHONE else "text")


@dataclass(frozen=True, slots=True)
class Types:
    """All that is declared."""

    declared: Mapping[str, IdentifierType] = field(default_factory=dict)

    def of(self, name: str) -> IdentifierType:
        """The type, as declared or by default."""
        return self.declared.get(name) or default(name)

    def takes(self, name: str, text: str) -> bool:
        """Whether a value in its stored form may name somebody."""
        declared = self.declared.get(name)
        return declared is None or declared.takes(text)

    def limits(self, settings: Mapping[str, int]) -> Mapping[str, int]:
        """How many identifiers of each type a key goes by, where `settings` hold unless a declaration says more."""
        return {**settings, **{each.name: each.limit for each in self.declared.values() if each.limit is not None}}

    def sharing(self, *how: Sharing) -> frozenset[str]:
        """The types of which a value that several go by is treated so."""
        return frozenset(each.name for each in self.declared.values() if each.when_shared in how)


UNDECLARED = Types()


class Holder(NamedTuple):
    """A key that goes by a value."""

    first_seen: datetime
    customer_id: UUID
    is_identified: bool


class Join(NamedTuple):
    """Evidence from a shared value: one key is the person of another, as of when both went by it."""

    from_id: UUID
    into_id: UUID
    time: datetime


def joins(holders: Sequence[Holder]) -> list[Join]:
    """What follows from one value that joins people: the later key is the person of the earlier.

    Each pair by itself, so that the order in which they come is nothing. A user never becomes a visitor.
    """
    found: list[Join] = []
    for earlier, later in combinations(sorted(holders), 2):
        child, parent = (earlier, later) if later.is_identified and not earlier.is_identified else (later, earlier)
        found.append(Join(child.customer_id, parent.customer_id, later.first_seen))
    return found


def bad_pattern(pattern: str) -> str | None:
    """Why a pattern is none; None: it is one.

    No groups, alternatives or anchors: what is left is read in a time that nobody can make long.
    """
    place, open_repeats = 0, 0
    while place < len(pattern):
        atom = _ATOM.match(pattern, place)
        if atom is None:
            return "A pattern is made of characters, classes such as [A-Z] and \\d, and how often each may come."
        place = atom.end()
        repeat = _REPEAT.match(pattern, place)
        if repeat is not None:
            place = repeat.end()
            open_repeats += not re.fullmatch(r"\{\d+\}", repeat[0])
    if open_repeats > MAX_OPEN_REPEATS:
        return f"At most {MAX_OPEN_REPEATS} parts of a pattern may be of more than one length."
    try:
        re.compile(pattern)
    except (re.error, OverflowError):
        return "The pattern cannot be read."
    return None
