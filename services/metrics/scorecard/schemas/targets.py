"""Wire forms of targets."""

from datetime import date
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field
from pydantic_core import PydanticCustomError

from services.metrics.scorecard.domain.card import Target
from shared.http.schemas import Day, Instant, Strict
from shared.money import MoneyError, currency_code

# NUL and other control characters cannot be stored, or shown.
Text = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]


def _known(code: str) -> str:
    try:
        return currency_code(code)
    except MoneyError:
        raise PydanticCustomError("currency", "Input should be an ISO 4217 code such as VND") from None


class TargetIn(Strict):
    """What a figure shall be, and who answers for it."""

    value: float = Field(description="In the figure's unit; money in major units of `currency`.", examples=[41.5])
    owner: Text = Field(examples=["Chị Lan, Trưởng phòng CSKH"])
    due: Day = Field(description="By when it shall be reached.")
    segment: UUID | None = Field(None, description="For this segment alone.")
    currency: Annotated[str, Field(max_length=12), AfterValidator(_known)] | None = Field(
        None, description="ISO 4217 code; of figures of money, and of no other."
    )
    note: Text | None = None


class TargetOut(BaseModel):
    """A version of a target. `value` null: from then on there was none."""

    figure: str
    segment: UUID | None
    version: int
    value: float | None
    currency: str | None
    owner: str | None
    due: date | None
    note: str | None
    entered_at: Instant
    entered_by: str = Field(description="The id of the key that entered it.")

    @classmethod
    def of(cls, target: Target) -> "TargetOut":
        """The target on the wire."""
        return cls(
            figure=target.figure,
            segment=UUID(target.segment) if target.segment else None,
            version=target.version,
            value=target.value,
            currency=target.currency,
            owner=target.owner,
            due=target.due,
            note=target.note,
            entered_at=target.entered_at,
            entered_by=target.entered_by,
        )


class TargetsOut(BaseModel):
    """Targets."""

    items: list[TargetOut]
