"""Which word on consent holds, what it allows, and what of it followers have not heard yet."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple
from uuid import UUID

from services.profiles.consent.errors import ConsentNotNeeded, UnknownChannel, UnknownPurpose
from services.profiles.domain.identifiers import ANONYMOUS_ID, USER_ID, Blocklist
from services.profiles.identifier_types.domain import UNDECLARED, Types
from shared.events.catalogue.touchpoints import TouchpointReceived
from shared.events.envelope import Event
from shared.ids import anonymous_key, derived_id

Per = Literal["day", "week", "month"]
Basis = Literal["contract", "legal_obligation", "vital_interest", "public_interest", "legitimate_interest"]
Reason = Literal["granted", "not_needed", "no_consent", "withdrawn", "expired", "undeclared", "objected", "restricted"]

# A caller's clock may run ahead by this much; its words then count as said now.
CLOCK_TOLERANCE = timedelta(minutes=5)

# What consent managers send when, and only when, somebody chose; other calls carry the same object along.
_PREFERENCE_CALLS = ("segment consent preference updated", "segment consent preference")


class Pair(NamedTuple):
    """What a consent is about."""

    purpose: str
    channel: str


class Frequency(NamedTuple):
    """At most `max` contacts in each calendar `per`."""

    max: int
    per: Per


class Word(NamedTuple):
    """Somebody allowed something, or withdrew it. `source` is where it was said, `recorded_by` who told us."""

    id: UUID
    customer_id: UUID
    pair: Pair
    granted: bool
    time: datetime
    recorded_at: datetime
    source: str
    recorded_by: str
    text_version: str | None = None
    frequency: Frequency | None = None
    expires_at: datetime | None = None
    proof: Mapping[str, Any] | None = None

    @property
    def rank(self) -> tuple[datetime, bool, UUID]:
        """The greatest rank holds: the latest, and of two at one moment the withdrawal."""
        return self.time, not self.granted, self.id


class Text(NamedTuple):
    """What customers are shown before they consent. It is never changed: a new wording is a new version."""

    version: str
    locale: str
    body: str
    published_at: datetime
    published_by: str

    def is_same(self, other: "Text") -> bool:
        """Whether the customer reads the same."""
        return (self.locale, self.body) == (other.locale, other.body)


class State(NamedTuple):
    """What holds for a person and a pair, as followers hear of it."""

    state: Literal["granted", "withdrawn", "none"] = "none"
    text_version: str | None = None
    frequency: Frequency | None = None
    expires_at: datetime | None = None

    @classmethod
    def of(cls, word: Word | None) -> "State":
        """What a word means to followers; no word: nothing is allowed."""
        if word is None:
            return cls()
        return cls("granted" if word.granted else "withdrawn", word.text_version, word.frequency, word.expires_at)


class Announced(NamedTuple):
    """What followers heard last, and how many times they heard."""

    state: State
    version: int


@dataclass(frozen=True, slots=True)
class Registry:
    """The purposes and channels that the firm has declared.

    `exempt` are purposes that rest on another basis than consent; of all others those in `frequency_required` need a
    frequency, and, where `texts_required`, a text that is published. `categories` say which purpose and channel a
    category of a consent manager stands for.
    """

    purposes: frozenset[str]
    exempt: Mapping[str, Basis]
    channels: frozenset[str]
    frequency_required: frozenset[str]
    texts_required: bool
    categories: Mapping[str, tuple[Pair, ...]]

    def declared(self, pair: Pair, *, position: int = 0) -> Basis | None:
        """The basis on which the pair needs no consent; None if it needs one.

        Raises:
            UnknownPurpose, UnknownChannel: it is not declared.
        """
        if pair.purpose not in self.purposes and pair.purpose not in self.exempt:
            raise UnknownPurpose({*self.purposes, *self.exempt}, position=position)
        if pair.channel not in self.channels:
            raise UnknownChannel(self.channels, position=position)
        return self.exempt.get(pair.purpose)

    def askable(self, pair: Pair, *, position: int) -> None:
        """Make sure that consent to the pair can be given.

        Raises:
            UnknownPurpose, UnknownChannel, ConsentNotNeeded: it cannot.
        """
        if (basis := self.declared(pair, position=position)) is not None:
            raise ConsentNotNeeded(basis, position=position)

    def reason(self, pair: Pair, word: Word | None, at: datetime) -> Reason:
        """Why something is allowed at a time, or not, by the word that holds then."""
        if pair.purpose in self.exempt:
            return "not_needed"
        if pair.purpose not in self.purposes or pair.channel not in self.channels:
            return "undeclared"
        return judge(word, at)


def judge(word: Word | None, at: datetime) -> Reason:
    """What a word says at a time; a consent has ended at the very moment of `expires_at`."""
    if word is None:
        return "no_consent"
    if not word.granted:
        return "withdrawn"
    return "expired" if word.expires_at is not None and word.expires_at <= at else "granted"


def is_allowed(reason: Reason) -> bool:
    """Whether this is a reason to go on, and not one to leave it."""
    return reason in ("granted", "not_needed")


def holding(words: Iterable[Word]) -> dict[Pair, Word]:
    """The word that holds for each pair, in whatever order they come."""
    held: dict[Pair, Word] = {}
    for word in words:
        known = held.get(word.pair)
        if known is None or word.rank > known.rank:
            held[word.pair] = word
    return held


def news(held: Mapping[Pair, Word], announced: Mapping[Pair, Announced]) -> dict[Pair, Announced]:
    """What followers of a person have to hear, each with its next version."""
    found: dict[Pair, Announced] = {}
    for pair in sorted({*held, *announced}):
        state, known = State.of(held.get(pair)), announced.get(pair, Announced(State(), 0))
        if state != known.state:
            found[pair] = Announced(state, known.version + 1)
    return found


def heard(
    event: Event[TouchpointReceived], registry: Registry, blocklist: Blocklist, types: Types = UNDECLARED
) -> Iterator[Word]:
    """The words in a touchpoint with which a consent manager tells of a choice; any other has none."""
    data = event.data
    if data.call != "track" or (data.name or "").strip().casefold() not in _PREFERENCE_CALLS:
        return
    consent = data.context.get("consent")
    preferences = consent.get("categoryPreferences") if isinstance(consent, dict) else None
    customer_id = _subject(event, blocklist, types)
    if not isinstance(preferences, dict) or customer_id is None:
        return
    for category, pairs in registry.categories.items():
        granted = preferences.get(category)
        if isinstance(granted, bool):
            for pair in pairs:
                yield Word(
                    id=derived_id("consent", str(event.id), *pair),
                    customer_id=customer_id,
                    pair=pair,
                    granted=granted,
                    # No event is about a time after we learnt it: a clock set wrong must not win for ever.
                    time=min(event.time, event.recorded),
                    recorded_at=event.recorded,
                    source=data.source,
                    recorded_by="touchpoints",
                    proof={"event_id": str(event.id), "category": category},
                )


def _subject(event: Event[TouchpointReceived], blocklist: Blocklist, types: Types) -> UUID | None:
    """The person key that a touchpoint is of, as `domain.facts` sees it; None if it names nobody."""
    data = event.data
    if blocklist.usable(data.user_id) and types.takes(USER_ID, data.user_id or ""):
        return event.subject
    anonymous = data.anonymous_id
    if anonymous is not None and blocklist.usable(anonymous) and types.takes(ANONYMOUS_ID, anonymous):
        return anonymous_key(anonymous) if data.user_id else event.subject
    return None
