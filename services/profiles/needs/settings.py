"""What customers can declare they want, and when the next best action speaks: a part of `TAM_PROFILES_…`."""

import re
from typing import Annotated, Any, get_args

from pydantic import BeforeValidator, Field, field_validator

from services.profiles.needs.domain.actions import Limits
from services.profiles.needs.domain.preferences import Type
from shared.config import Settings

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)


def _assigned(value: Any) -> Any:
    """`a=b,c=d` as pairs; what is none of text stays."""
    if not isinstance(value, str):
        return value
    halves = [part.partition("=") for part in value.split(",") if part.strip()]
    if not all(found for _, found, _ in halves):
        raise ValueError("it is written name=type,name=type")
    return tuple((left.strip(), right.strip()) for left, _, right in halves)


class NeedsSettings(Settings):
    """Preferences, interests and the next best action."""

    preferences: Annotated[tuple[tuple[str, Type], ...], BeforeValidator(_assigned)] = Field(
        (
            ("size", "text"),
            ("shoe_size", "text"),
            ("favourite_category", "text"),
            ("favourite_brand", "text"),
            ("interests", "texts"),
            ("preferred_channel", "channel"),
            ("language", "language"),
        ),
        description=f"Preferences that customers can declare, each with its type ({', '.join(get_args(Type))}): "
        "name=type,…",
    )
    interest_half_life_days: float = Field(
        30.0, ge=1, le=3_650, description="Days after which an interest that is not shown again is half as strong."
    )
    action_purpose: str = Field(
        "marketing", description="The purpose of consent that messages of the next best action rest on."
    )
    action_birthday_days: int = Field(7, ge=0, le=60, description="Days before a birthday that it is suggested from.")
    action_overdue_factor: float = Field(
        1.5, ge=1, le=10, description="Times the usual gap between purchases after which the next is overdue."
    )
    action_cart_hours: int = Field(1, ge=0, le=720, description="Hours after which a cart counts as left behind.")
    action_cart_days: int = Field(14, ge=1, le=90, description="Days after which a cart is of no use any more.")
    action_welcome_days: int = Field(14, ge=0, le=90, description="Days for which a first order is recent.")
    action_interest_strength: float = Field(
        5.0, gt=0, le=1_000, description="Points from which an interest is strong; a view of a product is 1."
    )

    action_expiry_days: int = Field(30, ge=1, le=365, description="Days before points end that it is told from.")
    action_nps_days: int = Field(
        90, ge=1, le=730, description="Days for which an answer on recommending the firm is recent enough to act on."
    )
    action_tier_days: int = Field(30, ge=1, le=365, description="Days before the end of a tier that it is told from.")

    @field_validator("preferences")
    @classmethod
    def _are_named_once(cls, value: tuple[tuple[str, Type], ...]) -> tuple[tuple[str, Type], ...]:
        names = [name for name, _ in value]
        if bad := [name for name in names if not _NAME.fullmatch(name)]:
            raise ValueError(f"{bad[0]!r} is no name: it has a-z, 0-9 and _, and at most 40 of them")
        if len(set(names)) < len(names):
            raise ValueError("each preference is declared once")
        return value

    def action_limits(self) -> Limits:
        """From when on the rules speak."""
        return Limits(
            birthday_days=self.action_birthday_days,
            overdue_factor=self.action_overdue_factor,
            cart_hours=self.action_cart_hours,
            cart_days=self.action_cart_days,
            welcome_days=self.action_welcome_days,
            interest_strength=self.action_interest_strength,
            tier_days=self.action_tier_days,
            expiry_days=self.action_expiry_days,
            nps_days=self.action_nps_days,
        )
