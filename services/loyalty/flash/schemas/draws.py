"""Wire models of draws and entries."""

from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from services.loyalty.flash.domain.draw import METHOD, Entry, EntryState
from services.loyalty.flash.schemas.sales import MAX_UNITS_OF_CLAIM
from shared.http.schemas import ExternalId, Instant, Strict


class EntryIn(Strict):
    """What a customer wants to be drawn for."""

    item: ExternalId
    customer: str = Field(
        min_length=1, max_length=300, description="A customer id, user_id:<value> or anonymous_id:<value>."
    )
    units: int = Field(
        1, strict=True, ge=1, le=MAX_UNITS_OF_CLAIM, description="At most those that one person may have; without: 1."
    )


class EntryOut(BaseModel):
    """A customer's entry; its id is the ticket."""

    id: UUID
    sale: UUID
    item: str
    customer_id: UUID = Field(description="The person key it was made under.")
    units: int
    state: EntryState = Field(
        description="`waiting` to be drawn, `won`: may claim until `right_until`; `claimed`; `lapsed`: did not; "
        "`withdrawn`; `duplicate`: an earlier entry of the same person counts."
    )
    place: int | None = Field(description="In the order that was drawn, from one.")
    entered_at: Instant
    won_at: Instant | None
    right_until: Instant | None
    claim: UUID | None

    @classmethod
    def of(cls, entry: Entry) -> "EntryOut":
        """As it goes out."""
        fields = entry._asdict()
        fields["sale"], fields["customer_id"] = fields.pop("sale_id"), fields.pop("person_id")
        fields["claim"] = fields.pop("claim_id")
        return cls.model_construct(**fields)


class ItemDrawOut(BaseModel):
    """Which tickets of an item counted."""

    item: str
    entries: int
    digest: str = Field(description="SHA-256 of the tickets in ascending order, in hexadecimal.")


class DrawOut(BaseModel):
    """What was promised, and what was drawn: enough to draw again."""

    sale: UUID
    method: str = Field(METHOD, description="How to draw again.")
    seed_hash: str
    seed: str | None = Field(description="In hexadecimal; null until it was drawn with.")
    drawn_at: Instant | None
    items: list[ItemDrawOut]


class TicketOut(BaseModel):
    """A ticket: it tells of nobody."""

    place: int
    ticket: UUID
    state: Literal["waiting", "won", "claimed", "lapsed", "withdrawn", "duplicate"]
    right_until: Instant | None
