"""What can be consented to: the part of `TAM_PROFILES_…` that declares purposes and channels.

They are settings and no table: what needs consent is decided by people who answer for it, and holds for every process.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, get_args

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from services.profiles.consent.domain import Basis, Pair, Registry
from shared.config import Settings

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)


def _split(value: Any) -> Any:
    """`a,b` as a tuple; what is none of text stays."""
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _assigned(value: Any) -> Any:
    """`a=b,c=d` as pairs; what is none of text stays."""
    if not isinstance(value, str):
        return value
    halves = [part.partition("=") for part in _split(value)]
    if not all(found for _, found, _ in halves):
        raise ValueError("it is written name=value,name=value")
    return tuple((left.strip(), right.strip()) for left, _, right in halves)


_Names = Annotated[tuple[str, ...], BeforeValidator(_split)]


class ConsentSettings(Settings):
    """What the firm asks consent for, over which channels, and what rests on another basis."""

    consent_purposes: _Names = Field(
        ("marketing", "personalisation", "analytics", "surveys"),
        description="Purposes that need consent, separated by commas.",
    )
    consent_exempt: Annotated[tuple[tuple[str, Basis], ...], BeforeValidator(_assigned)] = Field(
        (("transactional", "contract"),),
        validate_default=True,
        description=f"Purposes that need none, each with its basis ({', '.join(get_args(Basis))}): purpose=basis,…",
    )
    consent_channels: _Names = Field(
        ("email", "sms", "push", "phone", "zalo", "web", "app"), description="Channels, separated by commas."
    )
    consent_frequency_required: _Names = Field(
        (),
        validate_default=True,
        description="Purposes whose grants must say how often the customer agreed to be contacted.",
    )
    consent_texts_required: bool = Field(
        False, description="Whether grants over HTTP must name a text that is published here."
    )
    consent_categories: Annotated[tuple[tuple[str, str], ...], BeforeValidator(_assigned)] = Field(
        (),
        validate_default=True,
        description="Categories of a consent manager, as in context.consent.categoryPreferences of the call "
        "`Segment Consent Preference Updated`, each with what it stands for: Category=purpose/channel,…",
    )
    consent_proof_bytes: int = Field(4_096, ge=64, le=65_536, description="Longest proof of a consent, as JSON.")

    @field_validator("consent_purposes", "consent_channels")
    @classmethod
    def _are_names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        _check_names(value)
        return value

    @field_validator("consent_exempt")
    @classmethod
    def _rest_on_something_else(
        cls, value: tuple[tuple[str, Basis], ...], info: ValidationInfo
    ) -> tuple[tuple[str, Basis], ...]:
        _check_names([name for name, _ in value])
        if both := {name for name, _ in value} & set(info.data.get("consent_purposes", ())):
            raise ValueError(f"{min(both)!r} cannot both need consent and be exempt")
        return value

    @field_validator("consent_frequency_required")
    @classmethod
    def _need_consent(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if others := set(value) - set(info.data.get("consent_purposes", ())):
            raise ValueError(f"{min(others)!r} is no purpose that needs consent")
        return value

    @field_validator("consent_categories")
    @classmethod
    def _stand_for_one_thing(
        cls, value: tuple[tuple[str, str], ...], info: ValidationInfo
    ) -> tuple[tuple[str, str], ...]:
        for target, times in Counter(target for _, target in value).items():
            purpose, _, channel = target.partition("/")
            if purpose not in info.data.get("consent_purposes", ()) or channel not in info.data.get(
                "consent_channels", ()
            ):
                raise ValueError(f"{target!r} is no purpose/channel that consent can be given to")
            if times > 1:
                raise ValueError(f"{target!r} stands for two categories, which may differ")
        return value

    def consent_registry(self) -> Registry:
        """The declarations as the rules take them."""
        return Registry(
            purposes=frozenset(self.consent_purposes),
            exempt=dict(self.consent_exempt),
            channels=frozenset(self.consent_channels),
            frequency_required=frozenset(self.consent_frequency_required),
            texts_required=self.consent_texts_required,
            categories=_by_category(self.consent_categories),
        )


def _check_names(names: Iterable[str]) -> None:
    if bad := [name for name in names if not _NAME.fullmatch(name)]:
        raise ValueError(f"{bad[0]!r} is no name: it has a-z, 0-9 and _, and at most 40 of them")


def _by_category(assigned: tuple[tuple[str, str], ...]) -> Mapping[str, tuple[Pair, ...]]:
    found: dict[str, tuple[Pair, ...]] = {}
    for category, target in assigned:
        purpose, _, channel = target.partition("/")
        found[category] = (*found.get(category, ()), Pair(purpose, channel))
    return found
