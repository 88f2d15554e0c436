"""How much one benefit takes off what is left of each line and of shipping; and how an amount is split over lines."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.loyalty.vouchers.domain.basket import Basket
from services.loyalty.vouchers.domain.benefit import (
    BuyGet,
    Fixed,
    Item,
    Percentage,
    Selector,
    Shipping,
    StoredValue,
    share,
    units_off,
)
from services.loyalty.vouchers.domain.terms import Terms

SHIPPING = -1  # where shipping stands among the positions of lines


@dataclass(slots=True)
class Left:
    """What is still to pay for each line, by position, and for shipping; no discount is taken off `closed` ones."""

    lines: list[int]
    shipping: int
    closed: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Grant:
    """What is taken off each line, by position, and off shipping."""

    lines: tuple[int, ...]
    shipping: int

    @property
    def total(self) -> int:
        """All of it."""
        return sum(self.lines) + self.shipping


def split(amount: int, weights: Sequence[int]) -> list[int]:
    """An amount in parts that follow the weights and sum to it exactly: largest remainders first, then the earlier.

    While the amount is no more than the weights together, no part is more than its weight.
    """
    whole = sum(weights)
    if whole == 0:
        return [0] * len(weights)
    parts, remainders = zip(*(divmod(amount * weight, whole) for weight in weights), strict=True)
    shares = list(parts)
    largest = sorted(range(len(weights)), key=lambda number: (-remainders[number], number))
    for number in largest[: amount - sum(shares)]:
        shares[number] += 1
    return shares


def grant(terms: Terms, basket: Basket, left: Left, balance_minor: int) -> Grant:
    """What the benefit takes off, never more than is left."""
    benefit = terms.benefit
    if isinstance(benefit, Shipping):
        if SHIPPING in left.closed:
            return Grant(_nothing(basket), 0)
        base = basket.shipping_minor if terms.percent_base == "initial" else left.shipping
        return Grant(_nothing(basket), _least(share(base, benefit.basis_points), benefit.cap_minor, left.shipping))
    if isinstance(benefit, StoredValue):
        amount = min(balance_minor, sum(left.lines) + left.shipping)
        *lines, shipping = split(amount, [*left.lines, left.shipping])
        return Grant(tuple(lines), shipping)
    if isinstance(benefit, Item | BuyGet):
        return _off_units(benefit, terms, basket, left)
    weights = _weights(benefit.applies_to, terms, basket, left)
    return Grant(tuple(split(_amount(benefit, terms, basket, weights), weights)), 0)


def _amount(benefit: Fixed | Percentage, terms: Terms, basket: Basket, weights: Sequence[int]) -> int:
    most = sum(weights)
    if isinstance(benefit, Fixed):
        return min(benefit.amount_minor, most)
    base = most
    if terms.percent_base == "initial":
        base = sum(line.total_minor for line, weight in zip(basket.lines, weights, strict=True) if weight)
    return _least(share(base, benefit.basis_points), benefit.cap_minor, most)


def _off_units(benefit: Item | BuyGet, terms: Terms, basket: Basket, left: Left) -> Grant:
    off = list(_nothing(basket))
    for number, units in units_off(benefit, basket.lines).items():
        line = basket.lines[number]
        if number in left.closed or (terms.skips_discounted and left.lines[number] < line.total_minor):
            continue
        off[number] = min(share(line.unit_minor * units, benefit.basis_points), left.lines[number])
    return Grant(tuple(off), 0)


def _weights(meant: Selector, terms: Terms, basket: Basket, left: Left) -> list[int]:
    """What is left of the lines that are meant; of the others nothing."""
    return [
        0
        if number in left.closed
        or not meant.matches(line)
        or (terms.skips_discounted and left.lines[number] < line.total_minor)
        else left.lines[number]
        for number, line in enumerate(basket.lines)
    ]


def reduced(granted: Grant, most: int) -> Grant:
    """A grant cut down to `most`, every part in proportion."""
    *lines, shipping = split(most, [*granted.lines, granted.shipping])
    return Grant(tuple(lines), shipping)


def _nothing(basket: Basket) -> tuple[int, ...]:
    return (0,) * len(basket.lines)


def _least(amount: int, cap: int | None, most: int) -> int:
    return min(amount, most) if cap is None else min(amount, cap, most)
