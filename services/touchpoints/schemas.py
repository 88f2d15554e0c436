"""What the touchpoints service shows."""

from datetime import datetime
from typing import Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field

from services.touchpoints.repository import CodeCount, QuarantineRow, TouchpointRow
from shared.http.paging import Page
from shared.http.profile_api import SpaceCursor


class TouchpointOut(BaseModel):
    """One thing that happened to a customer. `properties` and `context` hold no personal data."""

    id: UUID
    customer_id: UUID = Field(description="The person key it came with; a merged person has several.")
    source: str = Field(description="The source of the write key that sent it.")
    message_id: str
    call: str = Field(description="track, page, screen, identify, group or alias.")
    name: str = Field(description="The vocabulary's name: Order Completed, Page Viewed, …")
    time: datetime = Field(description="When it happened, corrected for a wrong clock.")
    received_at: datetime
    properties: dict[str, Any]
    context: dict[str, Any]

    @classmethod
    def of(cls, row: TouchpointRow) -> Self:
        """The wire form of a row."""
        return cls(**row._asdict())


class SpaceExternalIdOut(BaseModel):
    """Under which person key an event came: identifiers themselves are with profiles."""

    collection: Literal["users"] = "users"
    type: Literal["customer_id"] = "customer_id"
    id: UUID
    encoding: Literal["none"] = "none"


class SpaceEventOut(BaseModel):
    """A touchpoint as Segment's Profile API shows it. `properties` and `context` hold no personal data."""

    external_ids: list[SpaceExternalIdOut]
    context: dict[str, Any]
    type: str
    message_id: str
    source_id: str
    timestamp: datetime
    properties: dict[str, Any]
    event: str

    @classmethod
    def of(cls, row: TouchpointRow) -> Self:
        """The wire form of a row."""
        return cls(
            external_ids=[SpaceExternalIdOut(id=row.customer_id)],
            context=row.context,
            type=row.call,
            message_id=row.message_id,
            source_id=row.source,
            timestamp=row.time,
            properties=row.properties,
            event=row.name,
        )


class SpaceEventsOut(BaseModel):
    """A page of events, newest first."""

    data: list[SpaceEventOut]
    cursor: SpaceCursor


class QuarantinedOut(BaseModel):
    """One refused event, as it was sent."""

    id: UUID
    source: str
    message_id: str | None
    code: str = Field(description="Why, for programs.")
    message: str = Field(description="Why, for people.")
    raw: str = Field(description="What was sent, cut to 32 KB. It may hold personal data.")
    received_at: datetime

    @classmethod
    def of(cls, row: QuarantineRow) -> Self:
        """The wire form of a row."""
        return cls(**row._asdict())


class CodeCountOut(BaseModel):
    """How many events of a source were refused for one reason, and are still kept."""

    source: str
    code: str
    events: int

    @classmethod
    def of(cls, row: CodeCount) -> Self:
        """The wire form of a row."""
        return cls(**row._asdict())


class QuarantinePage(Page[QuarantinedOut]):
    """A page of refused events, with how many there are of each kind."""

    counts: list[CodeCountOut]
