"""Settings of the profiles service: `TAM_PROFILES_…`."""

from typing import Any, Literal

from pydantic import Field, field_validator

from shared.config import Settings


class ProfilesSettings(Settings):
    """What counts as an identifier, and how much is kept of a customer."""

    blocked_values: tuple[str, ...] = Field(
        (), description="More values that never identify anybody, separated by commas; case does not matter."
    )
    max_traits: int = Field(200, ge=1, le=2_000, description="Traits kept of a customer: those written last.")
    max_trait_bytes: int = Field(8_192, ge=64, le=65_536, description="Longest value of a trait, as JSON in UTF-8.")
    phone_country: Literal["VN", "none"] = Field(
        "VN", description="Country of phone numbers without a country code; none: they stay as they are."
    )

    @field_validator("blocked_values", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value
