"""Wire models of consent."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field, model_validator
from pydantic_core import PydanticCustomError

from services.profiles.consent.domain import Basis, Frequency, Pair, Per, Reason, Registry, Text, Word, is_allowed
from shared.http.schemas import ExternalId, Instant, Strict

MAX_CHANGES = 100
MAX_CHECKED = 1_000

_Name = Annotated[str, Field(min_length=1, max_length=40)]
# It travels in events: a form that no address and no name has.
VERSION_PATTERN, MAX_VERSION = r"^[A-Za-z0-9][A-Za-z0-9._:-]*$", 64
_TextVersion = Annotated[
    str | None,
    Field(
        pattern=VERSION_PATTERN,
        max_length=MAX_VERSION,
        description="Version of the text that the customer was shown.",
        examples=["newsletter-2026-11"],
    ),
]


class FrequencyIn(Strict):
    """How often the customer agreed to be contacted."""

    max: int = Field(strict=True, ge=1, le=1_000, description="At most so many contacts", examples=[2])
    per: Per = Field(description="in each calendar day, week or month.", examples=["week"])


class ConsentChangeIn(Strict):
    """One purpose and channel that the customer allows, or no longer allows."""

    purpose: _Name = Field(examples=["marketing"])
    channel: _Name = Field(examples=["email"])
    state: Literal["granted", "withdrawn"]
    frequency: FrequencyIn | None = None
    expires_at: Instant | None = Field(None, description="When the consent ends by itself; none: never.")
    text_version: _TextVersion = None

    @model_validator(mode="after")
    def _withdraws_nothing_but_consent(self) -> Self:
        if self.state == "withdrawn" and (self.frequency is not None or self.expires_at is not None):
            raise PydanticCustomError("withdrawal", "A withdrawal has no frequency and no end")
        return self


class ConsentIn(Strict):
    """What a customer said: several things at once if they stood on one form. All of it is taken, or nothing."""

    changes: list[ConsentChangeIn] = Field(min_length=1, max_length=MAX_CHANGES)
    text_version: _TextVersion = Field(None, description="Of all changes that name none; each grant needs one.")
    time: Instant | None = Field(None, description="When it was said, in the past; none: now.")
    source: ExternalId | None = Field(
        None, description="Where it was said; none: the key that asks.", examples=["checkout", "call centre"]
    )
    proof: dict[str, Any] | None = Field(
        None,
        description="What shows that it was said: the id of the form, a hash of the address it came from, the place "
        "of the recording. It is kept with the history and never leaves it.",
        examples=[{"form_id": "newsletter-7", "ip_sha256": "9f86d081…"}],
    )

    @model_validator(mode="after")
    def _says_each_thing_once(self) -> Self:
        pairs = {(change.purpose, change.channel) for change in self.changes}
        if len(pairs) < len(self.changes):
            raise PydanticCustomError("repeated", "Say each purpose and channel once")
        return self


class CheckIn(Strict):
    """Customers who are about to be contacted."""

    customers: list[Annotated[str, Field(min_length=1, max_length=300)]] = Field(
        min_length=1,
        max_length=MAX_CHECKED,
        description="Customer ids, `user_id:<value>` or `anonymous_id:<value>`.",
        examples=[["user_id:42"]],
    )
    purpose: _Name = Field(examples=["marketing"])
    channel: _Name = Field(examples=["email"])


class TextIn(Strict):
    """The very words that customers are shown."""

    locale: str = Field(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$", max_length=35, examples=["vi", "en-GB"])
    text: str = Field(min_length=1, max_length=20_000)


class TextOut(BaseModel):
    """A text that was published; it stays as it is."""

    version: str
    locale: str
    text: str
    sha256: str = Field(description="Of the text in UTF-8, to hold against a copy.")
    published_at: datetime
    published_by: str

    @classmethod
    def of(cls, text: Text) -> Self:
        """The wire form of a text."""
        return cls(
            version=text.version,
            locale=text.locale,
            text=text.body,
            sha256=hashlib.sha256(text.body.encode()).hexdigest(),
            published_at=text.published_at,
            published_by=text.published_by,
        )


class FrequencyOut(BaseModel):
    """At most `max` contacts in each calendar `per` of the firm's time zone."""

    max: int
    per: Per

    @classmethod
    def of(cls, frequency: Frequency | None) -> Self | None:
        """The wire form, if a frequency was agreed."""
        return None if frequency is None else cls(max=frequency.max, per=frequency.per)


class VerdictOut(BaseModel):
    """Whether something is allowed, and the word it rests on."""

    allowed: bool
    reason: Reason = Field(
        description="`granted`: the customer said so. `not_needed`: it rests on another basis. `no_consent`: nobody "
        "ever said so. `withdrawn`, `expired`: it was so once. `undeclared`: the firm no longer declares it."
    )
    since: datetime | None = Field(description="When the word was said that this rests on.")
    text_version: str | None
    frequency: FrequencyOut | None = Field(description="How often was agreed; more would be a breach.")
    expires_at: datetime | None


class ConsentStateOut(VerdictOut):
    """What holds for one purpose and channel."""

    purpose: str
    channel: str
    source: str
    recorded_at: datetime = Field(description="When we learnt it.")
    customer: UUID = Field(description="Under which of the person's keys it was said.")
    id: UUID = Field(description="The word in the history.")


class ExemptOut(BaseModel):
    """A purpose that needs no consent."""

    purpose: str
    basis: Basis = Field(description="What it rests on instead.")


class ConsentOut(BaseModel):
    """What a customer allows. A purpose and channel that is in neither list is not allowed: nobody ever said so."""

    customer: UUID
    as_of: datetime | None = Field(description="The time asked for; null: now.")
    consents: list[ConsentStateOut]
    not_needed: list[ExemptOut]


class RecordedOut(ConsentOut):
    """What a customer allows after a request, and what of it came too late."""

    outdated: list[int] = Field(description="Positions of changes on which a later word is known: that one holds.")


class ConsentWordOut(BaseModel):
    """One word in the history."""

    id: UUID
    customer: UUID = Field(description="Under which of the person's keys it was said.")
    purpose: str
    channel: str
    state: Literal["granted", "withdrawn"]
    time: datetime = Field(description="When it was said.")
    recorded_at: datetime = Field(description="When we learnt it.")
    source: str
    recorded_by: str
    text_version: str | None
    frequency: FrequencyOut | None
    expires_at: datetime | None
    proof: dict[str, Any] | None

    @classmethod
    def of(cls, word: Word) -> Self:
        """The wire form of a word."""
        return cls(
            id=word.id,
            customer=word.customer_id,
            purpose=word.pair.purpose,
            channel=word.pair.channel,
            state="granted" if word.granted else "withdrawn",
            time=word.time,
            recorded_at=word.recorded_at,
            source=word.source,
            recorded_by=word.recorded_by,
            text_version=word.text_version,
            frequency=FrequencyOut.of(word.frequency),
            expires_at=word.expires_at,
            proof=None if word.proof is None else dict(word.proof),
        )


class CheckedOut(VerdictOut):
    """The verdict on one customer, in the place that it had in the request."""

    customer: str = Field(description="As it was asked for.")


class CheckOut(BaseModel):
    """Who may be contacted at `checked_at`, for this purpose and over this channel."""

    purpose: str
    channel: str
    checked_at: datetime
    basis: Basis | None = Field(description="What the purpose rests on if it needs no consent.")
    results: list[CheckedOut]


class PurposeOut(BaseModel):
    """A purpose that the firm has declared."""

    name: str
    needs_consent: bool
    basis: Basis | None = Field(description="What it rests on if it needs no consent.")
    needs_frequency: bool = Field(description="Whether a grant must say how often the customer agreed to be contacted.")


class DeclaredOut(BaseModel):
    """What consent can be asked for."""

    purposes: list[PurposeOut]
    channels: list[str]

    @classmethod
    def of(cls, registry: Registry) -> Self:
        """The wire form of the firm's declarations."""
        exempt = registry.exempt
        return cls(
            purposes=[
                PurposeOut(
                    name=name,
                    needs_consent=name not in exempt,
                    basis=exempt.get(name),
                    needs_frequency=name in registry.frequency_required,
                )
                for name in sorted({*registry.purposes, *exempt})
            ],
            channels=sorted(registry.channels),
        )


def verdict(reason: Reason, word: Word | None) -> Mapping[str, Any]:
    """The fields of a verdict: of a purpose that needs no consent there is no word that it rests on."""
    on = None if reason == "not_needed" else word
    return {
        "allowed": is_allowed(reason),
        "reason": reason,
        "since": on and on.time,
        "text_version": on and on.text_version,
        "frequency": on and FrequencyOut.of(on.frequency),
        "expires_at": on and on.expires_at,
    }


def state_out(registry: Registry, pair: Pair, word: Word, at: datetime) -> ConsentStateOut:
    """The wire form of the word that holds for a pair."""
    return ConsentStateOut(
        **verdict(registry.reason(pair, word, at), word),
        purpose=pair.purpose,
        channel=pair.channel,
        source=word.source,
        recorded_at=word.recorded_at,
        customer=word.customer_id,
        id=word.id,
    )


def exempt_out(registry: Registry) -> list[ExemptOut]:
    """The purposes that need no consent."""
    return [ExemptOut(purpose=purpose, basis=basis) for purpose, basis in sorted(registry.exempt.items())]
