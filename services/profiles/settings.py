"""Settings of the profiles service: `TAM_PROFILES_…`."""

from typing import Any, Literal

from pydantic import Field, field_validator

from services.profiles.consent.settings import ConsentSettings
from services.profiles.needs.settings import NeedsSettings
from services.profiles.rights.settings import RightsSettings

MAX_LIMIT = 10_000


class ProfilesSettings(ConsentSettings, NeedsSettings, RightsSettings):
    """What counts as an identifier, and how much is kept of a customer."""

    blocked_values: tuple[str, ...] = Field(
        (), description="More values that never identify anybody, separated by commas; case does not matter."
    )
    max_traits: int = Field(200, ge=1, le=2_000, description="Traits kept of a customer: those written last.")
    max_trait_bytes: int = Field(8_192, ge=64, le=65_536, description="Longest value of a trait, as JSON in UTF-8.")
    strict_traits: bool = Field(
        False,
        description="Refuse traits that are not declared (/v1/trait-schema): requests as a whole, and of events that "
        "trait alone, which is kept as refused.",
    )
    identifier_limits: dict[str, int] = Field(
        {"email": 20, "phone": 20, "*": 50},
        description="Identifiers of each type that one person key goes by: those seen first; * is any other type. More "
        "are kept as refused evidence. Written as email=20,phone=20,*=50.",
    )
    max_identifiers: int = Field(
        1_000,
        ge=10,
        le=100_000,
        description="Identifiers of all types together that one person key goes by: those of the smallest priority "
        "(/v1/identifier-types), of equal ones those seen first.",
    )
    max_links: int = Field(
        1_000, ge=1, le=100_000, description="Keys that events may join to one person key: those linked first."
    )
    phone_country: Literal["VN", "none"] = Field(
        "VN", description="Country of phone numbers without a country code; none: they stay as they are."
    )

    @field_validator("identifier_limits", mode="before")
    @classmethod
    def _pairs(cls, value: Any) -> Any:
        if isinstance(value, str):
            value = dict(part.strip().split("=", 1) for part in value.split(",") if part.strip())
        return {"email": 20, "phone": 20, "*": 50, **value}

    @field_validator("identifier_limits")
    @classmethod
    def _positive(cls, value: dict[str, int]) -> dict[str, int]:
        if any(not 1 <= limit <= MAX_LIMIT for limit in value.values()):
            raise ValueError(f"a limit is a number from 1 to {MAX_LIMIT}")
        return value

    @field_validator("blocked_values", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value
