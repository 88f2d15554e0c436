"""What the next best action is made of: the facts that rules may use, and the suggestion that a rule makes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, NamedTuple

from services.profiles.needs.domain.birthdays import Birthday
from services.profiles.needs.domain.interests import Ranked
from services.profiles.told.domain import Standing

Language = Literal["vi", "en"]
LANGUAGES: tuple[Language, ...] = ("vi", "en")


class Text(NamedTuple):
    """A sentence in both languages."""

    vi: str
    en: str

    def in_language(self, language: Language) -> str:
        """The sentence in one of them."""
        return self.vi if language == "vi" else self.en


class Fact(NamedTuple):
    """One thing that a suggestion rests on. `time` is as of when it is so; None where it is a count of days."""

    name: str
    value: str | int | float
    unit: str | None = None
    time: datetime | None = None
    source: str | None = None


class Score(NamedTuple):
    """How much a suggestion matters, out of 100: the worth of its kind times a factor, and why that factor."""

    base: int
    factor: float
    reason: Text

    @property
    def value(self) -> float:
        """The points."""
        return round(self.base * self.factor, 1)


@dataclass(frozen=True, slots=True)
class Action:
    """A suggestion. One that needs a message may be carried out only where the customer allows it."""

    code: str
    sentence: Text
    needs_message: bool
    score: Score
    facts: Sequence[Fact]


class BirthdayFact(NamedTuple):
    """The birthday, and the word that it comes from."""

    birthday: Birthday
    trait: str
    source: str
    time: datetime


@dataclass(frozen=True, slots=True)
class Facts:
    """What profiles knows of a person at a moment. `orders` are the times of placed orders that are not cancelled,
    the earliest first; `last_seen` says when a touchpoint of a name was seen last; `addresses` are the kinds of
    identifiers a message can go to; `told` is what other services told.
    """

    now: datetime
    today: date
    birthday: BirthdayFact | None
    orders: Sequence[datetime]
    order_days: Sequence[date]
    last_seen: Mapping[str, datetime]
    interests: Sequence[Ranked]
    addresses: frozenset[str]
    told: Standing


@dataclass(frozen=True, slots=True)
class Limits:
    """From when on a rule speaks; see `settings.py`."""

    birthday_days: int
    overdue_factor: float
    cart_hours: int
    cart_days: int
    welcome_days: int
    interest_strength: float
    tier_days: int
    expiry_days: int
    nps_days: int


def days(number: int) -> Text:
    """So many days, in words."""
    return Text(f"{number} ngày", "1 day" if number == 1 else f"{number} days")
