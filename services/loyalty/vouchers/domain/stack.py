"""Vouchers applied one after the other: each takes off what the ones before have left, or is refused with a reason."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple
from uuid import UUID

from services.loyalty.vouchers.domain.basket import Basket
from services.loyalty.vouchers.domain.benefit import RANKS, StoredValue
from services.loyalty.vouchers.domain.budgets import Room
from services.loyalty.vouchers.domain.facts import Facts
from services.loyalty.vouchers.domain.grants import SHIPPING, Grant, Left, grant, reduced
from services.loyalty.vouchers.domain.verdicts import Situation, judge
from services.loyalty.vouchers.domain.voucher import Campaign, Reason, Voucher

MAX_VOUCHERS = 30
MAX_PROMOTIONS = 100
_NEVER = datetime.max.replace(tzinfo=UTC)

Mode = Literal["all", "partial"]
Choice = Literal["hierarchy", "best"]
PerProduct = Literal["multiple", "single"]


class Policy(NamedTuple):
    """How vouchers stand together: `all` codes or none, or those that can (`partial`); at most so many of each kind.

    `choice` is among those that cannot stand together: what ranks higher (`hierarchy`), or what is worth most (`best`).
    `per_product`: whether a product, or shipping, takes more than one discount; gift cards pay and are none.
    """

    mode: Mode = "all"
    max_vouchers: int = 5
    max_promotions: int = 5
    choice: Choice = "hierarchy"
    per_product: PerProduct = "multiple"


class Candidate(NamedTuple):
    """A voucher somebody wants to use. `customer_uses` counts the person's uses and live holds of its campaign.

    `customer_minor` is what these came to. `keys` are all keys of the person: a code that was assigned to another one
    is not theirs. `rooms` is what the campaign's budgets have left where this use counts.
    """

    voucher: Voucher
    customer_uses: int = 0
    keys: frozenset[UUID] = frozenset()
    customer_minor: int = 0
    rooms: tuple[Room, ...] = ()

    @property
    def campaign(self) -> Campaign:
        """The campaign of the voucher."""
        return self.voucher.campaign

    @property
    def is_payment(self) -> bool:
        """Whether it pays rather than makes cheaper: a gift card."""
        return isinstance(self.voucher.campaign.terms.benefit, StoredValue)


class Applied(NamedTuple):
    """A voucher that counts: what it takes off each line it touches (by line id), and off shipping.

    `short_minor` is how much more it would have been, had `short_of` (a budget) had enough left.
    """

    voucher: Voucher
    lines: Mapping[str, int]
    shipping_minor: int
    total_minor: int
    rooms: tuple[Room, ...] = ()
    short_minor: int = 0
    short_of: str | None = None

    @property
    def is_payment(self) -> bool:
        """Whether it pays rather than makes cheaper: a gift card."""
        return isinstance(self.voucher.campaign.terms.benefit, StoredValue)


class Rejected(NamedTuple):
    """A voucher that does not count, and why; `data` says what was needed and found."""

    voucher: Voucher
    reason: Reason
    data: Mapping[str, Any]


class Mark(NamedTuple):
    """Where a stack stood: what is put on it since can be taken off again."""

    left: Left
    applied: int
    groups: frozenset[str]
    uses: Mapping[UUID, int]
    spent: Mapping[UUID, int]


def place(candidate: Candidate) -> tuple[Any, ...]:
    """Which goes first: the higher priority, then by kind, then what expires first."""
    voucher = candidate.voucher
    terms = voucher.campaign.terms
    return -terms.priority, RANKS[terms.benefit.type], voucher.expires_at or _NEVER, voucher.campaign.id, voucher.id


def fresh(basket: Basket) -> Left:
    """What is to pay before any voucher."""
    return Left([line.total_minor for line in basket.lines], basket.shipping_minor)


@dataclass(slots=True)
class Stack:
    """What has been applied so far."""

    basket: Basket
    now: datetime
    facts: Facts
    policy: Policy
    left: Left = field(init=False)
    applied: list[Applied] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    seen: set[UUID] = field(default_factory=set)
    groups: frozenset[str] = frozenset()
    uses: Counter[UUID] = field(default_factory=Counter)
    spent: Counter[UUID] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.left = fresh(self.basket)

    def put(self, candidate: Candidate) -> None:
        """Apply the voucher, or note why not."""
        reason = self.refusal(candidate) or self.take(candidate)
        if reason is not None:
            self.reject(candidate, reason)
        self.seen.add(candidate.voucher.id)

    def reject(self, candidate: Candidate, reason: Reason) -> None:
        """Note why the voucher does not count."""
        self.rejected.append(Rejected(candidate.voucher, reason, self._data(candidate, reason)))

    def refusal(self, candidate: Candidate) -> Reason | None:
        """Why it would not count in any company."""
        if candidate.voucher.id in self.seen:
            return Reason.DUPLICATE
        return (
            self._whose(candidate)
            or candidate.voucher.trouble(self.now)
            or self._limits(candidate)
            or self._conditions(candidate.voucher)
        )

    def take(self, candidate: Candidate) -> Reason | None:
        """Apply it beside the others, or say why that cannot be; nothing has changed then."""
        return self._limits(candidate) or self._company(candidate.voucher) or self._apply(candidate)

    def mark(self) -> Mark:
        """Where it stands."""
        return Mark(self.left, len(self.applied), self.groups, dict(self.uses), dict(self.spent))

    def back(self, mark: Mark) -> None:
        """As it stood then."""
        self.left, self.groups = mark.left, mark.groups
        self.uses, self.spent = Counter(mark.uses), Counter(mark.spent)
        del self.applied[mark.applied :]

    @property
    def discount_minor(self) -> int:
        """What all but gift cards take off."""
        return sum(each.total_minor for each in self.applied if not each.is_payment)

    def _whose(self, candidate: Candidate) -> Reason | None:
        if candidate.voucher.holder is not None and candidate.voucher.holder not in candidate.keys:
            return Reason.NOT_YOURS
        if candidate.campaign.terms.needs_customer and self.facts.person is None:
            return Reason.CUSTOMER_REQUIRED
        return None

    def _limits(self, candidate: Candidate) -> Reason | None:
        campaign = candidate.campaign
        used = self.uses[campaign.id]
        if campaign.uses_left is not None and campaign.uses_left - used <= 0:
            return Reason.CAMPAIGN_USED_UP
        for room in candidate.rooms:
            if room.charge is None and not room.budget.is_soft:
                return _UNSAID[room.budget.by or "customer"]
            if room.is_used_up(used):
                return Reason.BUDGET_EXHAUSTED
        terms = campaign.terms
        if not terms.limits_customers:
            return None
        if self.facts.person is None:
            # Who is not known has no uses that could be counted.
            return Reason.CUSTOMER_REQUIRED
        most = terms.max_uses_per_customer
        return Reason.CUSTOMER_LIMIT if most is not None and candidate.customer_uses + used >= most else None

    def _conditions(self, voucher: Voucher) -> Reason | None:
        campaign = voucher.campaign
        if campaign.currency != self.basket.currency:
            return Reason.CURRENCY_MISMATCH
        if campaign.terms.rule is None or judge(campaign.terms.rule, self._situation(voucher)).holds:
            return None
        return Reason.CONDITIONS_NOT_MET

    def _company(self, voucher: Voucher) -> Reason | None:
        terms = voucher.campaign.terms
        if any(each.voucher.campaign.terms.is_exclusive for each in self.applied):
            return Reason.NOT_STACKABLE
        if terms.is_exclusive and self.applied:
            return Reason.NOT_STACKABLE
        if terms.group is not None and terms.group in self.groups:
            return Reason.GROUP_TAKEN
        if self.uses[voucher.campaign.id] >= terms.max_per_order:
            return Reason.CAMPAIGN_TAKEN
        automatic = voucher.campaign.is_automatic
        if sum(each.voucher.campaign.is_automatic is automatic for each in self.applied) >= self._most(automatic):
            return Reason.TOO_MANY_VOUCHERS
        return None

    def _most(self, automatic: bool) -> int:
        return self.policy.max_promotions if automatic else self.policy.max_vouchers

    def _apply(self, candidate: Candidate) -> Reason | None:
        terms = candidate.campaign.terms
        wanted = granted = grant(terms, self.basket, self.left, candidate.voucher.balance_minor)
        if granted.total == 0:
            return Reason.NO_EFFECT
        short_of: str | None = None
        for reason, name, left in self._money(candidate):
            if granted.total <= left:
                continue
            if left <= 0 or not terms.grants_partly:
                return reason
            granted, short_of = reduced(granted, left), name
        self._take(candidate, granted, wanted.total - granted.total, short_of)
        return None

    def _money(self, candidate: Candidate) -> Sequence[tuple[Reason, str, int]]:
        """What each budget of money has left."""
        campaign = candidate.campaign
        most, spent = campaign.terms.max_minor_per_customer, self.spent[campaign.id]
        budgets = [
            (Reason.BUDGET_EXHAUSTED, "budget_minor", campaign.budget_left_minor),
            (
                Reason.CUSTOMER_BUDGET,
                "max_minor_per_customer",
                None if most is None else most - candidate.customer_minor,
            ),
            *((Reason.BUDGET_EXHAUSTED, room.budget.name, room.minor_left) for room in candidate.rooms),
        ]
        return [(reason, name, left - spent) for reason, name, left in budgets if left is not None]

    def _take(self, candidate: Candidate, granted: Grant, short: int, short_of: str | None) -> None:
        voucher, campaign = candidate.voucher, candidate.campaign
        # Values of their own each time: a mark keeps those of before.
        self.left = Left(
            [rest - off for rest, off in zip(self.left.lines, granted.lines, strict=True)],
            self.left.shipping - granted.shipping,
            self.left.closed if candidate.is_payment else self.left.closed | self._closing(granted),
        )
        lines = {line.id: off for line, off in zip(self.basket.lines, granted.lines, strict=True) if off}
        self.applied.append(
            Applied(
                voucher, lines, granted.shipping, granted.total, candidate.rooms, short, short_of if short else None
            )
        )
        self.uses[campaign.id] += 1
        self.spent[campaign.id] += granted.total
        if campaign.terms.group is not None:
            self.groups |= {campaign.terms.group}

    def _closing(self, granted: Grant) -> frozenset[int]:
        """The lines of products, and shipping, that take no other discount after this one."""
        if self.policy.per_product == "multiple":
            return frozenset()
        touched = {line.product_id for line, off in zip(self.basket.lines, granted.lines, strict=True) if off}
        closed = {number for number, line in enumerate(self.basket.lines) if line.product_id in touched}
        return frozenset(closed | {SHIPPING} if granted.shipping else closed)

    def _situation(self, voucher: Voucher) -> Situation:
        return Situation(self.basket, self.facts, self.now, voucher.campaign.zone)

    def _data(self, candidate: Candidate, reason: Reason) -> dict[str, Any]:
        """What helps whoever is refused."""
        voucher, campaign = candidate.voucher, candidate.campaign
        terms = campaign.terms
        if reason is Reason.CONDITIONS_NOT_MET and terms.rule is not None:
            verdict = judge(terms.rule, self._situation(voucher))
            return {"failed": [each.document() for each in verdict.failures()], "explanation": verdict.document()}
        if reason is Reason.BUDGET_EXHAUSTED:
            return self._exhausted(candidate)
        if reason is Reason.OUTSIDE_SCHEDULE and terms.schedule is not None:
            opens = terms.schedule.opens_next(self.now, campaign.zone)
            return {} if opens is None else {"opens_at": opens.isoformat()}
        ends = voucher.expires_at if reason is Reason.EXPIRED else campaign.ends_at
        found: dict[Reason, dict[str, Any]] = {
            Reason.CURRENCY_MISMATCH: {"needed": campaign.currency, "found": self.basket.currency},
            Reason.CUSTOMER_LIMIT: {"limit": terms.max_uses_per_customer, "used": candidate.customer_uses},
            Reason.CUSTOMER_BUDGET: {"limit": terms.max_minor_per_customer, "used": candidate.customer_minor},
            Reason.NOT_STARTED: {"starts_at": campaign.starts_at and campaign.starts_at.isoformat()},
            Reason.EXPIRED: {} if ends is None else {"ended_at": ends.isoformat()},
            Reason.CAMPAIGN_ENDED: {} if ends is None else {"ended_at": ends.isoformat()},
            Reason.GROUP_TAKEN: {"group": terms.group},
            Reason.TOO_MANY_VOUCHERS: {"limit": self._most(campaign.is_automatic)},
        }
        return found.get(reason, {})

    def _exhausted(self, candidate: Candidate) -> dict[str, Any]:
        """Which of the budgets has nothing left, or not enough; none: the campaign's own."""
        id_ = candidate.campaign.id
        wanted = grant(candidate.campaign.terms, self.basket, self.left, candidate.voucher.balance_minor).total
        for room in candidate.rooms:
            left = room.minor_left
            if room.is_used_up(self.uses[id_]) or (left is not None and wanted > left - self.spent[id_]):
                return room.document()
        return {}


_UNSAID = {
    "customer": Reason.CUSTOMER_REQUIRED,
    "store": Reason.STORE_REQUIRED,
    "identifier": Reason.IDENTIFIER_REQUIRED,
}
