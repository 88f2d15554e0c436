"""Wire models of waiting rooms."""

from uuid import UUID

from pydantic import BaseModel, Field

from services.loyalty.flash.schemas.sales import ItemOut
from shared.http.schemas import Instant, Strict


class JoinIn(Strict):
    """Who waits."""

    customer: str = Field(
        min_length=1, max_length=300, description="A customer id, user_id:<value> or anonymous_id:<value>."
    )


class TokenIn(Strict):
    """The token of somebody who waits."""

    token: str = Field(min_length=1, max_length=300)


class WaitingOut(BaseModel):
    """Where somebody stands in a waiting room, as it is: nothing is embellished."""

    sale: UUID
    token: str = Field(description="Signed; claim with it once you are in. It is this customer's alone.")
    number: int
    is_in: bool = Field(description="Whether the customer may claim now.")
    ahead: int = Field(description="How many are let in before.")
    admit_per_second: float
    turn_at: Instant | None = Field(
        description="When their turn comes, or came at the latest; null while the sale is paused."
    )
    pass_until: Instant | None = Field(description="Until when they may claim; null while the sale is paused.")
    items: list[ItemOut] = Field(description="What is left, so that nobody waits for nothing.")
    is_sold_out: bool
    as_of: Instant
