"""Settings of loyalty: the variables `TAM_LOYALTY_…`."""

from pydantic import Field, field_validator

from services.loyalty.checkout.settings import CheckoutSettings
from services.loyalty.simulations.settings import SimulationSettings
from services.loyalty.verification.settings import VerificationSettings
from shared.secret_keys import secrets_in


class LoyaltySettings(CheckoutSettings, SimulationSettings, VerificationSettings):
    """What a firm may set; what changes with the programme stands in the programme."""

    code_peppers: str | None = Field(
        None,
        repr=False,
        description="Secrets that voucher codes are hashed under: base64 of 32 bytes or more, separated by commas, the "
        "current one first; unset: one that is made in TAM_DATA_DIR, but not with Kafka. Lost, no code is found.",
    )
    code_failures_per_minute: int = Field(
        300, ge=1, le=1_000_000, description="How many codes may fail in a minute that one key asks for, all customers."
    )

    @field_validator("code_peppers")
    @classmethod
    def _peppers_are_long(cls, value: str | None) -> str | None:
        if value is not None:
            secrets_in(value)
        return value

    @property
    def peppers(self) -> tuple[bytes, ...]:
        """The secrets of voucher codes, the current one first; none if they are not set."""
        return () if self.code_peppers is None else secrets_in(self.code_peppers)
