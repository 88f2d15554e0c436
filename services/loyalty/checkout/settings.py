"""How long a checkout may hold what it reserved: a part of `TAM_LOYALTY_…`."""

from datetime import timedelta

from pydantic import Field, model_validator

from shared.config import Settings


class CheckoutSettings(Settings):
    """Reservations."""

    reservation_seconds: int = Field(
        900, ge=1, le=604_800, description="How long a reservation holds, and an extension, if the shop does not say."
    )
    max_reservation_seconds: int = Field(
        3_600, ge=1, le=604_800, description="The longest that a shop may ask for at a time."
    )
    max_vouchers_per_order: int = Field(5, ge=1, le=30, description="Vouchers that count together on one order.")

    quote_seconds: int = Field(
        900, ge=1, le=604_800, description="How long a quote of points is honoured, if the shop does not say."
    )
    max_quote_seconds: int = Field(86_400, ge=1, le=604_800, description="The longest that a shop may ask for.")

    @model_validator(mode="after")
    def _is_within(self) -> "CheckoutSettings":
        if self.reservation_seconds > self.max_reservation_seconds:
            raise ValueError("reservation_seconds is at most max_reservation_seconds")
        if self.quote_seconds > self.max_quote_seconds:
            raise ValueError("quote_seconds is at most max_quote_seconds")
        return self

    def hold_for(self, seconds: int | None) -> timedelta | None:
        """What a shop asked for, or the default; None: it asked for too long."""
        asked = self.reservation_seconds if seconds is None else seconds
        return timedelta(seconds=asked) if asked <= self.max_reservation_seconds else None

    def quote_for(self, seconds: int | None) -> timedelta | None:
        """The same for a quote of points."""
        asked = self.quote_seconds if seconds is None else seconds
        return timedelta(seconds=asked) if asked <= self.max_quote_seconds else None
