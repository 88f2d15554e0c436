"""What a step changes in the counters that all share: gathered first, so that it is written in one canonical order.

Whoever takes several of these locks takes campaigns before vouchers, each in ascending order of id; so no two
checkouts ever wait for each other.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from services.loyalty.vouchers.domain.budgets import Charge


class Change(NamedTuple):
    """By how much the counters of a campaign, a voucher or a person's uses change."""

    redeemed: int = 0
    reserved: int = 0
    spent_minor: int = 0
    reserved_minor: int = 0

    def plus(self, other: "Change") -> "Change":
        """Both together."""
        return Change(
            self.redeemed + other.redeemed,
            self.reserved + other.reserved,
            self.spent_minor + other.spent_minor,
            self.reserved_minor + other.reserved_minor,
        )

    @property
    def uses(self) -> int:
        """How many uses more are taken; a hold that becomes a redemption takes none."""
        return self.redeemed + self.reserved

    @property
    def minor(self) -> int:
        """How much money more is taken."""
        return self.spent_minor + self.reserved_minor


NONE = Change()


def holding(minor: int) -> Change:
    """A use is held for `minor` of discount."""
    return Change(reserved=1, reserved_minor=minor)


def letting_go(minor: int) -> Change:
    """A hold ends without a use."""
    return Change(reserved=-1, reserved_minor=-minor)


def redeeming(minor: int) -> Change:
    """A use without a hold before it."""
    return Change(redeemed=1, spent_minor=minor)


def committing(held_minor: int, minor: int) -> Change:
    """A hold becomes a use, of all or a part of what was held."""
    return Change(1, -1, minor, -held_minor)


def taking_back(*, use: bool, minor: int) -> Change:
    """A use, or a part of its money, is returned."""
    return Change(redeemed=-1 if use else 0, spent_minor=-minor)


@dataclass(slots=True)
class Effects:
    """Changes by campaign, by voucher, by campaign and person, and by campaign and counter of a budget."""

    campaigns: dict[UUID, Change] = field(default_factory=lambda: defaultdict(Change))
    vouchers: dict[UUID, Change] = field(default_factory=lambda: defaultdict(Change))
    uses: dict[tuple[UUID, UUID], Change] = field(default_factory=lambda: defaultdict(Change))
    budgets: dict[tuple[UUID, Charge], Change] = field(default_factory=lambda: defaultdict(Change))

    def add(
        self, campaign_id: UUID, voucher_id: UUID, person: UUID, change: Change, charges: Sequence[Charge] = ()
    ) -> None:
        """One voucher's part in it; it counts in the budgets of `charges`."""
        self.add_to_campaign(campaign_id, person, change, charges)
        self.add_to_voucher(voucher_id, change)

    def add_to_campaign(self, campaign_id: UUID, person: UUID, change: Change, charges: Sequence[Charge] = ()) -> None:
        """What of it concerns the campaign, its budgets, and the person's uses of it."""
        self.campaigns[campaign_id] = self.campaigns[campaign_id].plus(change)
        self.uses[campaign_id, person] = self.uses[campaign_id, person].plus(change)
        for charge in charges:
            self.budgets[campaign_id, charge] = self.budgets[campaign_id, charge].plus(change)

    def add_to_voucher(self, voucher_id: UUID, change: Change) -> None:
        """What of it concerns the voucher."""
        self.vouchers[voucher_id] = self.vouchers[voucher_id].plus(change)
