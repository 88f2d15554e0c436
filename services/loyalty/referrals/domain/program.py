"""What a referral programme promises, and what it minds."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple
from uuid import UUID

Action = Literal["allow", "delay", "review", "block"]
Side = Literal["advocate", "friend"]
SIDES: tuple[Side, ...] = ("advocate", "friend")

# What may speak against a referral; `self` and `cycle` always block.
REASONS: Mapping[str, Action] = {
    "existing_customer": "block",
    "same_payment": "block",
    "same_email": "block",
    "same_name": "review",
    "merged_account": "review",
    "same_device": "review",
    "same_household": "review",
    "same_address": "review",
    "same_ip": "review",
    "disposable_mail": "review",
    "advocate_velocity": "review",
    "address_velocity": "review",
    "ip_velocity": "review",
}


class Reward(NamedTuple):
    """Points of a wallet, or a voucher of a campaign."""

    points: int = 0
    wallet: str = "points"
    campaign_id: UUID | None = None


class Milestone(NamedTuple):
    """What the friend must do: sign up with the code, place the `nth` order of at least `min_minor`, or have the `nth`
    touchpoint of a name.

    An order counts with what was paid and did not go back; with `currency` None any currency counts.
    """

    name: str
    event: Literal["signup", "order", "touchpoint"]
    nth: int
    min_minor: int
    currency: str | None
    rewards: Mapping[Side, Reward]
    touchpoint: str | None = None


class Terms(NamedTuple):
    """The terms of a programme. Days are of 24 hours. `delay_days`: how much longer what is suspect is held back."""

    milestones: tuple[Milestone, ...]
    hold_days: int
    window_days: int
    max_friends: int | None
    link: str | None
    actions: Mapping[str, Action]
    advocate_max: int
    address_max: int
    velocity_days: int
    disposable_domains: frozenset[str]
    ip_max: int
    delay_days: int


def terms_of(document: Mapping[str, Any]) -> Terms:
    """The terms in a stored document, as `schemas.TermsIn` writes it."""
    fraud = document["fraud"]
    return Terms(
        tuple(_milestone(each) for each in document["milestones"]),
        document["hold_days"],
        document["window_days"],
        document["max_friends"],
        document["link"],
        {**REASONS, **fraud["actions"]},
        fraud["advocate_max"],
        fraud["address_max"],
        fraud["velocity_days"],
        frozenset(fraud["disposable_domains"]),
        fraud["ip_max"],
        fraud["delay_days"],
    )


def _milestone(document: Mapping[str, Any]) -> Milestone:
    rewards: dict[Side, Reward] = {}
    for side in SIDES:
        if (said := document[side]) is not None:
            campaign = said.get("campaign")
            rewards[side] = Reward(
                said.get("points") or 0, said["wallet"], None if campaign is None else UUID(campaign)
            )
    return Milestone(
        document["name"],
        document["event"],
        document["nth"],
        document["min_minor"],
        document["currency"],
        rewards,
        document.get("touchpoint"),
    )
