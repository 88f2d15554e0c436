"""Wire models of quotes of points."""

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field

from services.loyalty.checkout.domain.promise import Promise
from services.loyalty.checkout.schemas import Customer, Wallet
from shared.http.schemas import BigInt, Instant, Strict


class QuoteIn(Strict):
    """What so many points will pay. Nothing is held: whether they are there is seen when they are taken."""

    customer: Customer
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$", description="In which they are to pay (ISO 4217).")]
    points: Annotated[BigInt, Field(ge=1, description="The most that one order will pay with.")]
    wallet: Annotated[Wallet | None, Field(description="None: the first that may pay.")] = None
    ttl_seconds: Annotated[
        int | None, Field(strict=True, ge=1, le=604_800, description="Seconds it is honoured; none: as the firm set.")
    ] = None


class QuoteOut(BaseModel):
    """Terms that are honoured until `expires_at`: whatever the firm changes, and on any basket of the customer's."""

    id: UUID
    customer: UUID
    wallet: str
    currency: str
    points: int = Field(description="The fewest that pay as much as what was asked for: the most an order may use.")
    minor: int = Field(description="What they pay.")
    minimum_points: int
    share_basis_points: int = Field(description="How much of an order points may pay, in hundredths of a percent.")
    available: int | None = Field(None, description="What the customer can spend now; in the answer to the request.")
    lapsed: bool
    created_at: Instant
    expires_at: Instant

    @classmethod
    def of(cls, promise: Promise, *, available: int | None = None) -> "QuoteOut":
        """As it stands."""
        rate = promise.rate
        return cls(
            id=promise.id,
            customer=promise.person,
            wallet=rate.wallet,
            currency=rate.currency,
            points=promise.points,
            minor=promise.minor,
            minimum_points=rate.minimum_points,
            share_basis_points=rate.share_basis_points,
            available=available,
            lapsed=promise.is_over,
            created_at=promise.created_at,
            expires_at=promise.expires_at,
        )
