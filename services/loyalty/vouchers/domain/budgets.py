"""Budgets of a campaign besides the one in all: so many uses, so much money, per period, and by what.

    {"name": "daily", "per": "day", "max_minor": 5000000}
    {"name": "store", "per": "month", "by": "store", "max_uses": 200}
    {"name": "device", "by": "identifier", "identifier": "device_id", "max_uses": 1}
    {"name": "plan", "per": "month", "max_minor": 90000000, "is_soft": true}

Days, weeks (from Monday) and months are those of the campaign's zone, at the moment of the reservation or redemption:
what is taken in one period is given back to that one, however late. A store is the basket's `store_id`, an identifier
a name of its metadata. A soft budget refuses nobody: it counts, and whoever reads it sees that it is overdrawn.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from services.loyalty.programs.domain.calendar import DAY, local_day
from services.loyalty.vouchers.domain.basket import Basket

Per = Literal["day", "week", "month"]
By = Literal["customer", "store", "identifier"]
MAX_BUDGETS = 5


class Budget(NamedTuple):
    """At most `max_uses` and `max_minor` (None: without limit) `per` period (None: in all), for each `by` (None: for
    all together); `identifier` is the name of the basket's metadata that tells them apart. One that `is_soft` counts
    what is beyond, too, and what nobody can say where it would count is not counted."""

    name: str
    max_uses: int | None = None
    max_minor: int | None = None
    per: Per | None = None
    by: By | None = None
    identifier: str | None = None
    is_soft: bool = False


class Charge(NamedTuple):
    """Which counter of a budget a use counts in: that of a period, by its first day, and of somebody; '': of all.

    The limits hold when it counts; None: without limit, or given back.
    """

    budget: str
    period: str
    who: str
    max_uses: int | None = None
    max_minor: int | None = None

    @property
    def place(self) -> "Charge":
        """The counter alone."""
        return Charge(self.budget, self.period, self.who)


class Room(NamedTuple):
    """A budget and what is taken of it where a use would count; `charge` None: nobody can say where it would."""

    budget: Budget
    charge: Charge | None
    uses: int = 0
    minor: int = 0

    @property
    def minor_left(self) -> int | None:
        """How much money is left; None: without limit."""
        most = None if self.budget.is_soft else self.budget.max_minor
        return None if most is None else most - self.minor

    def is_used_up(self, more: int) -> bool:
        """Whether no use is left once `more` are taken besides."""
        most = None if self.budget.is_soft else self.budget.max_uses
        return most is not None and self.uses + more >= most

    def document(self) -> dict[str, Any]:
        """What whoever is refused may know of it: never who else took what."""
        said = {"budget": self.budget.name, "per": self.budget.per, "by": self.budget.by}
        limits = {"max_uses": self.budget.max_uses, "max_minor": self.budget.max_minor}
        return {name: value for name, value in {**said, **limits}.items() if value is not None}


def read(document: Mapping[str, Any]) -> Budget:
    """The budget of a document that was checked when it was written."""
    return Budget(**{name: value for name, value in document.items() if name != "currency"})


def charge(
    budget: Budget, campaign: UUID, basket: Basket, person: UUID | None, now: datetime, zone: ZoneInfo
) -> Charge | None:
    """Where a use counts; None: the basket does not say which store, identifier or customer it is.

    What a customer has taken stands under all their keys, so no counter alone can say the limit: who takes more for
    them holds the lock of the person, and has read them all.
    """
    who = _who(budget, campaign, basket, person)
    if who is None:
        return None
    limits = (None, None) if budget.by == "customer" or budget.is_soft else (budget.max_uses, budget.max_minor)
    return Charge(budget.name, _period(budget.per, now, zone), who, *limits)


def customer(person: UUID) -> str:
    """How a counter names a customer, by one raw key."""
    return f"c:{person}"


def _who(budget: Budget, campaign: UUID, basket: Basket, person: UUID | None) -> str | None:
    if budget.by is None:
        return ""
    if budget.by == "customer":
        return None if person is None else customer(person)
    if budget.by == "store":
        return None if basket.store_id is None else f"s:{basket.store_id}"
    value = basket.metadata.get(budget.identifier or "")
    # A device or a card tells of a person: only a digest is kept, another one in each campaign.
    return None if value is None else f"i:{_digest(campaign, value)}"


def _digest(campaign: UUID, value: object) -> str:
    return hashlib.sha256(f"{campaign}\x1f{value}".encode()).hexdigest()[:32]


def _period(per: Per | None, now: datetime, zone: ZoneInfo) -> str:
    if per is None:
        return ""
    today = local_day(now, zone)
    if per == "week":
        today -= today.weekday() * DAY
    return (today.replace(day=1) if per == "month" else today).isoformat()
