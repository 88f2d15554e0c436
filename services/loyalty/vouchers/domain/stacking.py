"""What several vouchers are worth together on a basket. The order in which they were asked for does not matter.

Vouchers apply one after the other: the higher priority first, then by kind (units, shares, amounts, shipping, and at
the end gift cards, which pay), then those that expire first. Each takes off what the ones before have left.

Promotions apply without a code, wherever they can, beside the codes. A code that somebody typed never gives way to a
promotion that ranks higher; a promotion does, to a code that it cannot stand beside.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.loyalty.vouchers.domain.basket import Basket
from services.loyalty.vouchers.domain.facts import STRANGER, Facts
from services.loyalty.vouchers.domain.search import Found, Search
from services.loyalty.vouchers.domain.stack import (
    MAX_PROMOTIONS,
    MAX_VOUCHERS,
    Applied,
    Candidate,
    Policy,
    Rejected,
    Stack,
    place,
)
from services.loyalty.vouchers.domain.voucher import Reason

__all__ = [
    "MAX_PROMOTIONS",
    "MAX_VOUCHERS",
    "Applied",
    "Candidate",
    "Found",
    "Policy",
    "Quote",
    "Rejected",
    "quote",
]


@dataclass(frozen=True, slots=True)
class Quote:
    """What the vouchers are worth. `lines` is what each line still costs, by its id; all amounts in minor units.

    `passed` are promotions that do not apply, with the reason; `found` is how those that do were chosen.
    """

    applied: tuple[Applied, ...]
    rejected: tuple[Rejected, ...]
    currency: str
    total_minor: int
    discount_minor: int
    paid_minor: int
    payable_minor: int
    shipping_minor: int
    lines: Mapping[str, int]
    passed: tuple[Rejected, ...] = ()
    found: Found | None = None

    @property
    def is_whole(self) -> bool:
        """Whether every code that was asked for counts."""
        return not self.rejected


def quote(
    basket: Basket,
    candidates: Sequence[Candidate],
    now: datetime,
    facts: Facts = STRANGER,
    policy: Policy = Policy(),
) -> Quote:
    """What the candidates are worth at this moment. Days and hours are those of each campaign's zone."""
    ordered = sorted(candidates, key=place)
    codes = _straight(Stack(basket, now, facts, policy), ordered)
    if codes.rejected and policy.mode == "all":
        # None of the codes counts; what promotions give is not lost by that.
        stack = Stack(basket, now, facts, policy)
        found = _chosen(stack, [each for each in ordered if each.campaign.is_automatic], frozenset())
        return _quoted(stack, codes.rejected, found)
    is_plain = policy.choice == "hierarchy" and not any(each.campaign.is_automatic for each in ordered)
    if is_plain:
        return _quoted(codes, codes.rejected, None)
    stack = Stack(basket, now, facts, policy)
    required = frozenset(each.voucher.id for each in codes.applied if not each.is_payment)
    found = _chosen(stack, ordered, required if policy.choice == "hierarchy" or policy.mode == "all" else frozenset())
    return _quoted(stack, [each for each in stack.rejected if not each.voucher.campaign.is_automatic], found)


def _straight(stack: Stack, ordered: Sequence[Candidate]) -> Stack:
    """The codes alone, one after the other."""
    for candidate in ordered:
        if not candidate.campaign.is_automatic:
            stack.put(candidate)
    return stack


def _chosen(stack: Stack, ordered: Sequence[Candidate], required: frozenset[UUID]) -> Found | None:
    """Choose among those that could count; gift cards pay what is left after that."""
    able: list[Candidate] = []
    for candidate in ordered:
        reason = stack.refusal(candidate)
        stack.seen.add(candidate.voucher.id)
        if reason is None:
            able.append(candidate)
        else:
            stack.reject(candidate, reason)
    if not able:
        return None
    makes_cheaper = [each for each in able if not each.is_payment]
    found = Search(stack, makes_cheaper, required, is_best=stack.policy.choice == "best").run()
    counted = {each.voucher.id for each in stack.applied}
    for candidate in able:
        if candidate.is_payment:
            if (reason := stack.take(candidate)) is not None:
                stack.reject(candidate, reason)
        elif candidate.voucher.id not in counted:
            mark = stack.mark()
            stack.reject(candidate, stack.take(candidate) or Reason.NOT_IN_BEST)
            stack.back(mark)
    return found


def _quoted(stack: Stack, rejected: Sequence[Rejected], found: Found | None) -> Quote:
    basket, left, applied = stack.basket, stack.left, stack.applied
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
        passed=tuple(each for each in stack.rejected if each.voucher.campaign.is_automatic),
        found=found,
    )
