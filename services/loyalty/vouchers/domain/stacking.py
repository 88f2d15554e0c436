"""What several vouchers are worth together on a basket. The order in which they were asked for does not matter.

Vouchers apply one after the other: the higher priority first, then by kind (units, shares, amounts, shipping, and at
the end gift cards, which pay), then those that expire first. Each takes off what the ones before have left.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple
from uuid import UUID

from services.loyalty.vouchers.domain.basket import Basket
from services.loyalty.vouchers.domain.benefit import RANKS, StoredValue
from services.loyalty.vouchers.domain.facts import STRANGER, Facts
from services.loyalty.vouchers.domain.grants import Grant, Left, grant, reduced
from services.loyalty.vouchers.domain.verdicts import Situation, judge
from services.loyalty.vouchers.domain.voucher import Reason, Voucher

MAX_VOUCHERS = 30
_NEVER = datetime.max.replace(tzinfo=UTC)


class Policy(NamedTuple):
    """How vouchers stand together: `all` of them or none, or those that can (`partial`); at most so many."""

    mode: Literal["all", "partial"] = "all"
    max_vouchers: int = 5


class Candidate(NamedTuple):
    """A voucher somebody wants to use. `customer_uses` counts the person's uses and live holds of its campaign.

    `customer_minor` is what these came to. `keys` are all keys of the person: a code that was assigned to another one
    is not theirs.
    """

    voucher: Voucher
    customer_uses: int = 0
    keys: frozenset[UUID] = frozenset()
    customer_minor: int = 0


class Applied(NamedTuple):
    """A voucher that counts: what it takes off each line it touches (by line id), and off shipping."""

    voucher: Voucher
    lines: Mapping[str, int]
    shipping_minor: int
    total_minor: int

    @property
    def is_payment(self) -> bool:
        """Whether it pays rather than makes cheaper: a gift card."""
        return isinstance(self.voucher.campaign.terms.benefit, StoredValue)


class Rejected(NamedTuple):
    """A voucher that does not count, and why; `data` says what was needed and found."""

    voucher: Voucher
    reason: Reason
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Quote:
    """What the vouchers are worth. `lines` is what each line still costs, by its id; all amounts in minor units."""

    applied: tuple[Applied, ...]
    rejected: tuple[Rejected, ...]
    currency: str
    total_minor: int
    discount_minor: int
    paid_minor: int
    payable_minor: int
    shipping_minor: int
    lines: Mapping[str, int]

    @property
    def is_whole(self) -> bool:
        """Whether every voucher that was asked for counts."""
        return not self.rejected


def quote(
    basket: Basket,
    candidates: Sequence[Candidate],
    now: datetime,
    facts: Facts = STRANGER,
    policy: Policy = Policy(),
) -> Quote:
    """What the candidates are worth at this moment. Days and hours are those of each campaign's zone."""
    stack = _Stack(basket, now, facts, policy)
    for candidate in sorted(candidates, key=_place):
        stack.put(candidate)
    if stack.rejected and policy.mode == "all":
        return _quoted(basket, _fresh(basket), (), stack.rejected)
    return _quoted(basket, stack.left, stack.applied, stack.rejected)


def _place(candidate: Candidate) -> tuple[Any, ...]:
    voucher = candidate.voucher
    terms = voucher.campaign.terms
    return -terms.priority, RANKS[terms.benefit.type], voucher.expires_at or _NEVER, voucher.campaign.id, voucher.id


def _fresh(basket: Basket) -> Left:
    return Left([line.total_minor for line in basket.lines], basket.shipping_minor)


@dataclass(slots=True)
class _Stack:
    """What has been applied so far."""

    basket: Basket
    now: datetime
    facts: Facts
    policy: Policy
    left: Left = field(init=False)
    applied: list[Applied] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    seen: set[UUID] = field(default_factory=set)
    groups: set[str] = field(default_factory=set)
    uses: Counter[UUID] = field(default_factory=Counter)
    spent: Counter[UUID] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.left = _fresh(self.basket)

    def put(self, candidate: Candidate) -> None:
        """Apply the voucher, or note why not."""
        reason = self._refusal(candidate)
        if reason is None:
            reason = self._apply(candidate)
        if reason is not None:
            self.rejected.append(Rejected(candidate.voucher, reason, self._data(candidate, reason)))
        self.seen.add(candidate.voucher.id)

    def _refusal(self, candidate: Candidate) -> Reason | None:
        voucher = candidate.voucher
        if voucher.id in self.seen:
            return Reason.DUPLICATE
        return (
            self._whose(candidate)
            or voucher.trouble(self.now)
            or self._limits(candidate)
            or self._conditions(voucher)
            or self._company(voucher)
        )

    def _whose(self, candidate: Candidate) -> Reason | None:
        if candidate.voucher.holder is not None and candidate.voucher.holder not in candidate.keys:
            return Reason.NOT_YOURS
        if candidate.voucher.campaign.terms.needs_customer and self.facts.person is None:
            return Reason.CUSTOMER_REQUIRED
        return None

    def _limits(self, candidate: Candidate) -> Reason | None:
        campaign = candidate.voucher.campaign
        used = self.uses[campaign.id]
        if campaign.uses_left is not None and campaign.uses_left - used <= 0:
            return Reason.CAMPAIGN_USED_UP
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
        if len(self.applied) >= self.policy.max_vouchers:
            return Reason.TOO_MANY_VOUCHERS
        return None

    def _apply(self, candidate: Candidate) -> Reason | None:
        campaign = candidate.voucher.campaign
        granted = grant(campaign.terms, self.basket, self.left, candidate.voucher.balance_minor)
        if granted.total == 0:
            return Reason.NO_EFFECT
        spent, most = self.spent[campaign.id], campaign.terms.max_minor_per_customer
        budgets = (
            (Reason.BUDGET_EXHAUSTED, campaign.budget_left_minor),
            (Reason.CUSTOMER_BUDGET, None if most is None else most - candidate.customer_minor),
        )
        for reason, left in budgets:
            if left is None or granted.total <= left - spent:
                continue
            if left - spent <= 0 or not campaign.terms.grants_partly:
                return reason
            granted = reduced(granted, left - spent)
        self._take(candidate.voucher, granted)
        return None

    def _take(self, voucher: Voucher, granted: Grant) -> None:
        self.left.lines = [rest - off for rest, off in zip(self.left.lines, granted.lines, strict=True)]
        self.left.shipping -= granted.shipping
        lines = {line.id: off for line, off in zip(self.basket.lines, granted.lines, strict=True) if off}
        self.applied.append(Applied(voucher, lines, granted.shipping, granted.total))
        campaign = voucher.campaign
        self.uses[campaign.id] += 1
        self.spent[campaign.id] += granted.total
        if campaign.terms.group is not None:
            self.groups.add(campaign.terms.group)

    def _situation(self, voucher: Voucher) -> Situation:
        return Situation(self.basket, self.facts, self.now, voucher.campaign.zone)

    def _data(self, candidate: Candidate, reason: Reason) -> dict[str, Any]:
        """What helps whoever is refused."""
        voucher, campaign = candidate.voucher, candidate.voucher.campaign
        if reason is Reason.CONDITIONS_NOT_MET and campaign.terms.rule is not None:
            verdict = judge(campaign.terms.rule, self._situation(voucher))
            return {"failed": [each.document() for each in verdict.failures()], "explanation": verdict.document()}
        if reason is Reason.CURRENCY_MISMATCH:
            return {"needed": campaign.currency, "found": self.basket.currency}
        if reason is Reason.CUSTOMER_LIMIT:
            return {"limit": campaign.terms.max_uses_per_customer, "used": candidate.customer_uses}
        if reason is Reason.CUSTOMER_BUDGET:
            return {"limit": campaign.terms.max_minor_per_customer, "used": candidate.customer_minor}
        if reason is Reason.NOT_STARTED and campaign.starts_at is not None:
            return {"starts_at": campaign.starts_at.isoformat()}
        ends = voucher.expires_at if reason is Reason.EXPIRED else campaign.ends_at
        if reason in (Reason.EXPIRED, Reason.CAMPAIGN_ENDED) and ends is not None:
            return {"ended_at": ends.isoformat()}
        if reason is Reason.GROUP_TAKEN:
            return {"group": campaign.terms.group}
        if reason is Reason.TOO_MANY_VOUCHERS:
            return {"limit": self.policy.max_vouchers}
        return {}


def _quoted(basket: Basket, left: Left, applied: Sequence[Applied], rejected: Sequence[Rejected]) -> Quote:
    paid = sum(each.total_minor for each in applied if each.is_payment)
    discount = sum(each.total_minor for each in applied) - paid
    return Quote(
        applied=tuple(applied),
        rejected=tuple(rejected),
        currency=basket.currency,
        total_minor=basket.total_minor,
        discount_minor=discount,
        paid_minor=paid,
        payable_minor=sum(left.lines) + left.shipping,
        shipping_minor=left.shipping,
        lines={line.id: rest for line, rest in zip(basket.lines, left.lines, strict=True)},
    )
