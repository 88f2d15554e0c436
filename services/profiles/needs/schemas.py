"""Wire models of preferences, interests and the next best action."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field

from services.profiles.consent.schemas import FrequencyOut
from services.profiles.needs.domain.actions import Action, Fact, Language, Score
from services.profiles.needs.domain.contact import Contact, ContactReason, Door
from services.profiles.needs.domain.interests import DEFINITION, WEIGHTS, Evidence, Kind, Ranked, points
from services.profiles.needs.domain.preferences import Type, Word
from shared.http.schemas import ExternalId, Instant, Strict


class PreferenceIn(Strict):
    """What a customer wants."""

    value: Any = Field(
        description="Of the type that the firm declared for this preference: a text, a number, true or false, or a "
        "list of texts.",
        examples=["M"],
    )
    time: Instant | None = Field(None, description="When it was said, in the past; none: now.")
    source: ExternalId | None = Field(
        None, description="Where it was said; none: the key that asks.", examples=["preference page"]
    )


class PreferenceOut(BaseModel):
    """The latest word on a preference, and where it comes from."""

    value: Any
    type: Type | None = Field(description="As it is declared now; null: it is no longer declared.")
    time: datetime = Field(description="When it was said.")
    recorded_at: datetime = Field(description="When we learnt it.")
    source: str
    recorded_by: str
    customer: UUID = Field(description="Under which of the person's keys it was said.")
    id: UUID


class PreferencesOut(BaseModel):
    """What a customer wants: the latest word on each preference, those taken back left out."""

    customer: UUID
    preferences: dict[str, PreferenceOut]


class DeclaredOut(PreferencesOut):
    """What a customer wants after a request."""

    outdated: bool = Field(description="Whether a later word is known: that one holds, and this one is history.")


class PreferenceWordOut(BaseModel):
    """One word in the history."""

    id: UUID
    customer: UUID = Field(description="Under which of the person's keys it was said.")
    name: str
    value: Any = Field(description="null: it was taken back.")
    time: datetime = Field(description="When it was said.")
    recorded_at: datetime = Field(description="When we learnt it.")
    source: str
    recorded_by: str

    @classmethod
    def of(cls, word: Word) -> Self:
        """The wire form of a word."""
        return cls(
            id=word.id,
            customer=word.customer_id,
            name=word.name,
            value=word.value,
            time=word.time,
            recorded_at=word.recorded_at,
            source=word.source,
            recorded_by=word.recorded_by,
        )


class StrengthOut(BaseModel):
    """A figure that explains itself."""

    value: float
    unit: Literal["points"] = "points"
    definition: str = DEFINITION


class EvidenceOut(BaseModel):
    """How often touchpoints of one name told of an interest, and what that is worth on the day asked for."""

    count: int
    points: float
    first_at: datetime
    last_at: datetime


class InterestOut(BaseModel):
    """An interest, as strong as it is on the day asked for."""

    interest: str = Field(description="`<kind>:<name>`", examples=["category:giày"])
    kind: Kind
    name: str = Field(description="Categories and brands in lower case, for shops write them in all ways.")
    strength: StrengthOut
    first_at: datetime
    last_at: datetime
    evidence: dict[str, EvidenceOut] = Field(description="By the name of the touchpoint.")


class DefinitionOut(BaseModel):
    """What a strength means."""

    id: str = DEFINITION
    text: str = (
        "The sum over the customer's touchpoints that name the interest of weight * 0.5 ** (age / half-life), the age "
        "in whole local days. A touchpoint counts once for each interest that it names. What takes an act back takes "
        "its points back, where it names the products; an order that was cancelled or refunded as a whole counts for "
        "nothing. Below 0.1 points nothing is left."
    )
    half_life_days: float
    weights: dict[str, float] = Field(description="Points of one touchpoint on its day, by its name.")


class InterestsOut(BaseModel):
    """What a customer was seen to look for, the strongest first."""

    customer: UUID
    as_of: datetime
    day: date = Field(description="The local day that this is of, the whole of it.")
    definition: DefinitionOut
    interests: list[InterestOut]


class FactOut(BaseModel):
    """Something that a suggestion rests on."""

    name: str
    value: str | int | float
    unit: str | None
    time: datetime | None = Field(description="As of when it is so.")
    source: str | None

    @classmethod
    def of(cls, fact: Fact) -> Self:
        """The wire form of a fact."""
        return cls.model_validate(fact._asdict())


class ScoreOut(BaseModel):
    """How much a suggestion matters."""

    value: float = Field(description="base * factor")
    unit: Literal["points of 100"] = "points of 100"
    base: int = Field(description="What suggestions of this kind are worth.")
    factor: float
    reason: str = Field(description="Why this factor.")

    @classmethod
    def of(cls, score: Score, language: Language) -> Self:
        """The wire form of a score."""
        return cls(
            value=score.value,
            base=score.base,
            factor=round(score.factor, 4),
            reason=score.reason.in_language(language),
        )


class DoorOut(BaseModel):
    """What consent says of one channel."""

    channel: str
    allowed: bool
    reason: ContactReason
    since: datetime | None = Field(description="When the word was said that this rests on.")
    frequency: FrequencyOut | None = Field(description="How often was agreed; more would be a breach.")
    expires_at: datetime | None

    @classmethod
    def of(cls, door: Door) -> Self:
        """The wire form of a door."""
        on = None if door.reason == "not_needed" else door.word
        return cls(
            channel=door.channel,
            allowed=door.is_open,
            reason=door.reason,
            since=on and on.time,
            frequency=on and FrequencyOut.of(on.frequency),
            expires_at=on and on.expires_at,
        )


class ActionOut(BaseModel):
    """A suggestion, what it rests on, and whether the customer allows the message it needs."""

    code: str = Field(examples=["cart_left_behind"])
    sentence: str
    score: ScoreOut
    facts: list[FactOut]
    needs_message: bool
    contact_allowed: bool | None = Field(description="null: it needs no message.")
    contact_reason: ContactReason = Field(
        description="As in a check of consent; also `no_address`: none is known that a message could go to, and "
        "`no_message`: none is needed."
    )
    contact_channel: str | None = Field(description="The channel to take: the preferred one if it is allowed.")

    @classmethod
    def of(cls, action: Action, contact: Contact, language: Language) -> Self:
        """The wire form of a suggestion."""
        is_message = action.needs_message
        return cls(
            code=action.code,
            sentence=action.sentence.in_language(language),
            score=ScoreOut.of(action.score, language),
            facts=[FactOut.of(fact) for fact in action.facts],
            needs_message=is_message,
            contact_allowed=contact.is_allowed if is_message else None,
            contact_reason=contact.reason if is_message else "no_message",
            contact_channel=contact.channel if is_message else None,
        )


class ActionsOut(BaseModel):
    """What to do for a customer next: what may be done first, and of that the highest score.

    It suggests and sends nothing. Whoever sends asks `POST /v1/consent/check` at that moment.
    """

    customer: UUID
    as_of: datetime
    language: Language
    purpose: str = Field(description="The purpose of consent that messages rest on.")
    channels: list[DoorOut] = Field(description="Those for which an address is known, the preferred one first.")
    actions: list[ActionOut]


def preferences_out(held: Mapping[str, Word], types: Mapping[str, Type]) -> dict[str, PreferenceOut]:
    """The wire form of the words that hold; one that takes back is none."""
    return {
        name: PreferenceOut(
            value=word.value,
            type=types.get(name),
            time=word.time,
            recorded_at=word.recorded_at,
            source=word.source,
            recorded_by=word.recorded_by,
            customer=word.customer_id,
            id=word.id,
        )
        for name, word in sorted(held.items())
        if word.value is not None
    }


def definition_out(half_life_days: float) -> DefinitionOut:
    """What a strength means with this half-life."""
    return DefinitionOut(half_life_days=half_life_days, weights=dict(WEIGHTS))


def interests_out(found: Sequence[Ranked], day: date, *, half_life_days: float) -> list[InterestOut]:
    """The wire form of interests on a day."""
    return [
        InterestOut(
            interest=f"{each.interest.kind}:{each.interest.name}",
            kind=each.interest.kind,
            name=each.interest.name,
            strength=StrengthOut(value=each.strength),
            first_at=min(one.first_at for one in each.evidence),
            last_at=each.last_at,
            evidence={one.event: _evidence(one, day, half_life_days) for one in each.evidence},
        )
        for each in found
    ]


def _evidence(found: Evidence, day: date, half_life_days: float) -> EvidenceOut:
    worth = round(points(found, day, half_life_days=half_life_days), 4)
    return EvidenceOut(count=found.times, points=worth, first_at=found.first_at, last_at=found.last_at)
