"""Wire models of a customer with all that is asked for."""

from collections.abc import Collection
from typing import Literal, get_args

from pydantic import Field

from services.profiles.activity.schemas import ComputedOut
from services.profiles.consent.schemas import ConsentOut
from services.profiles.needs.schemas import PreferencesOut
from services.profiles.schemas import CustomerOut
from services.profiles.segments.schemas import BelongingsOut

Part = Literal["computed", "segments", "consent", "preferences"]


class OverviewOut(CustomerOut):
    """A person, and what was asked for; what was not is not there. Everything is as of one moment."""

    computed: ComputedOut | None = Field(None, description="As at /v1/customers/{customer}/computed.")
    segments: BelongingsOut | None = Field(None, description="As at /v1/customers/{customer}/segments.")
    consent: ConsentOut | None = Field(None, description="As at /v1/customers/{customer}/consent.")
    preferences: PreferencesOut | None = Field(None, description="As at /v1/customers/{customer}/preferences.")

    def asked(self, parts: Collection[Part]) -> str:
        """As JSON, without the parts that nobody asked for."""
        return self.model_dump_json(exclude=set(get_args(Part)).difference(parts))
