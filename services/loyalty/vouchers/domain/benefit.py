"""What a voucher grants, and how much that is on the lines of a basket.

A benefit proposes; `stacking.py` bounds by what is left of each line, so nothing is ever below zero. Percentages are
basis points (1250 is 12.5 %) and are rounded half up, once per voucher.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from services.loyalty.vouchers.domain.basket import Line

WHOLE = 10_000  # basis points of everything


class Selector(NamedTuple):
    """Lines of any of these products, SKUs or categories (all, if none is named), but not of the others."""

    products: frozenset[str] = frozenset()
    skus: frozenset[str] = frozenset()
    categories: frozenset[str] = frozenset()
    except_products: frozenset[str] = frozenset()
    except_categories: frozenset[str] = frozenset()

    def matches(self, line: Line) -> bool:
        """Whether the line is meant."""
        if line.product_id in self.except_products or not self.except_categories.isdisjoint(line.categories):
            return False
        if not (self.products or self.skus or self.categories):
            return True
        return (
            line.product_id in self.products or line.sku in self.skus or not self.categories.isdisjoint(line.categories)
        )


EVERYTHING = Selector()


class Fixed(NamedTuple):
    """An amount off the lines that are meant together."""

    amount_minor: int
    applies_to: Selector = EVERYTHING
    type: Literal["fixed"] = "fixed"


class Percentage(NamedTuple):
    """A share off the lines that are meant, at most `cap_minor`."""

    basis_points: int
    cap_minor: int | None = None
    applies_to: Selector = EVERYTHING
    type: Literal["percentage"] = "percentage"


class Item(NamedTuple):
    """A share off up to `max_units` units of the lines that are meant, the cheapest or the dearest first."""

    applies_to: Selector
    basis_points: int = WHOLE
    max_units: int | None = None
    pick: Literal["cheapest", "dearest"] = "cheapest"
    type: Literal["item"] = "item"


class Shipping(NamedTuple):
    """A share off shipping, at most `cap_minor`."""

    basis_points: int = WHOLE
    cap_minor: int | None = None
    type: Literal["shipping"] = "shipping"


class StoredValue(NamedTuple):
    """A gift card: pays for lines and shipping with the value on the code."""

    type: Literal["stored_value"] = "stored_value"


class BuyGet(NamedTuple):
    """Who buys `buy_units` gets a share off the `get_units` cheapest others, up to `max_times` times."""

    buy: Selector
    buy_units: int
    get: Selector
    get_units: int
    basis_points: int = WHOLE
    max_times: int | None = None
    type: Literal["buy_get"] = "buy_get"


Benefit = Fixed | Percentage | Item | Shipping | StoredValue | BuyGet

# In this order at one priority: units first, then shares, then amounts, shipping, and at the end what pays.
RANKS: dict[str, int] = {
    "buy_get": 0,
    "item": 1,
    "percentage": 2,
    "fixed": 3,
    "shipping": 4,
    "stored_value": 5,
}


def share(amount_minor: int, basis_points: int) -> int:
    """A share of an amount, rounded half up."""
    return (amount_minor * basis_points * 2 + WHOLE) // (2 * WHOLE)


def units_off(benefit: Item | BuyGet, lines: Sequence[Line]) -> dict[int, int]:
    """How many units of each line (by position) the benefit is for."""
    if isinstance(benefit, BuyGet):
        return _units_got(benefit, lines)
    meant = [number for number, line in enumerate(lines) if benefit.applies_to.matches(line)]
    meant.sort(key=lambda number: (lines[number].unit_minor, lines[number].id), reverse=benefit.pick == "dearest")
    left = benefit.max_units if benefit.max_units is not None else sum(line.quantity for line in lines)
    found: dict[int, int] = {}
    for number in meant:
        taken = min(left, lines[number].quantity)
        if taken:
            found[number] = taken
        left -= taken
    return found


def _units_got(benefit: BuyGet, lines: Sequence[Line]) -> dict[int, int]:
    """The units that are got: the cheapest, but never one that is needed to have bought enough."""
    bought = {number for number, line in enumerate(lines) if benefit.buy.matches(line)}
    got = {number for number, line in enumerate(lines) if benefit.get.matches(line)}
    either = bought & got
    only_bought, only_got, in_both = (
        sum(lines[number].quantity for number in group) for group in (bought - either, got - either, either)
    )
    count, needed_of_both = _times(benefit, only_bought, only_got, in_both)
    spare = in_both - needed_of_both
    found: dict[int, int] = {}
    for number in sorted(got, key=lambda number: (lines[number].unit_minor, lines[number].id)):
        taken = min(count, lines[number].quantity, spare if number in either else count)
        if taken:
            found[number] = taken
        count -= taken
        spare -= taken if number in either else 0
    return found


def _times(benefit: BuyGet, only_bought: int, only_got: int, in_both: int) -> tuple[int, int]:
    """How many units are got at most, and how many of those that could be either must be bought for it."""
    most = (only_bought + in_both) // benefit.buy_units
    if benefit.max_times is not None:
        most = min(most, benefit.max_times)

    def needed(times: int) -> int:
        return max(0, times * benefit.buy_units - only_bought)

    def free(times: int) -> int:
        return only_got + in_both - needed(times)

    # What may be got grows with the times, what is there to get shrinks: the best is where they cross.
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if middle * benefit.get_units <= free(middle):
            low = middle
        else:
            high = middle - 1
    best = (low * benefit.get_units, low)
    if low < most:
        best = max(best, (free(low + 1), low + 1), key=lambda each: each[0])
    return best[0], needed(best[1])
