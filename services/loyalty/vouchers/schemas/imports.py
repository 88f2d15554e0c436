"""Files of codes on the wire: how far an import is, and which lines it refused."""

from datetime import datetime
from typing import Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field

from services.loyalty.vouchers.repository.imports import Import, Refusal

Reason = Literal[
    "unreadable", "wrong_width", "too_long", "no_code", "bad_value", "bad_date", "bad_number", "used_up", "inactive",
    "bad_code", "duplicate", "taken", "value_needed", "no_value", "bad_limit", "expired", "no_pool",
]  # fmt: skip


class CodeImportOut(BaseModel):
    """An import of a file of codes: `imported` + `refused` of `rows` so far."""

    id: UUID
    campaign: UUID
    state: Literal["running", "interrupted", "failed", "done", "abandoned"] = Field(
        description="`interrupted`: it was cut off, or nothing came for ten minutes; `failed`: the file cannot be read "
        "on. Of both `problem` says why, and the file, sent again with the same Idempotency-Key, goes on where it "
        "ended; `abandoned`: nobody did within 48 hours. What was imported stays."
    )
    problem: str | None = Field(
        description="`cut_off`, `stalled`, or the reason that the file was refused for.", examples=["no_such_column"]
    )
    is_dry_run: bool = Field(description="Whether nothing is kept.")
    to_assign: bool
    rows: int = Field(description="Rows read so far, the heading not among them.")
    imported: int = Field(description="Taken over; of a dry run: that would be.")
    refused: int
    reasons: dict[Reason, int] = Field(description="How many rows were refused for what.")
    created_at: datetime
    created_by: str
    changed_at: datetime = Field(description="When it last went on.")
    finished_at: datetime | None

    @classmethod
    def of(cls, found: Import) -> Self:
        """The wire form."""
        return cls(
            campaign=found.campaign_id,
            **{name: getattr(found, name) for name in cls.model_fields if name != "campaign"},
        )


class RefusedLineOut(BaseModel):
    """A row that was not taken over: by the line it begins on, never by its text."""

    line: int
    reason: Reason

    @classmethod
    def of(cls, found: Refusal) -> Self:
        """The wire form."""
        return cls.model_validate(found._asdict())
