"""A basket as vouchers see it: lines with prices in minor units of one currency, and what it is bought with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from services.loyalty.vouchers.errors import BadBasket, Problem
from shared.money import EXPONENTS, MAX_MINOR

MAX_LINES = 1_000
MAX_QUANTITY = 100_000
MAX_CATEGORIES = 50
MAX_METADATA = 50

Scalar = str | int | bool


class Line(NamedTuple):
    """So many units of one product at one price. `categories` are all that it is in, the outer ones too."""

    id: str
    product_id: str
    quantity: int
    unit_minor: int
    sku: str | None = None
    categories: tuple[str, ...] = ()

    @property
    def total_minor(self) -> int:
        """What the line costs before any discount."""
        return self.quantity * self.unit_minor


@dataclass(frozen=True, slots=True)
class Basket:
    """What somebody is about to buy; `metadata` is what the shop says of it besides."""

    currency: str
    lines: tuple[Line, ...]
    shipping_minor: int = 0
    order_id: str | None = None
    channel: str | None = None
    metadata: Mapping[str, Scalar] = field(default_factory=dict)
    store_id: str | None = None

    @property
    def items_minor(self) -> int:
        """What the lines cost together, without shipping."""
        return sum(line.total_minor for line in self.lines)

    @property
    def total_minor(self) -> int:
        """What is to pay before any discount, with shipping."""
        return self.items_minor + self.shipping_minor


def check(basket: Basket) -> Basket:
    """The basket, if it can be one.

    Raises:
        BadBasket: with all that is wrong, each with a JSON Pointer and a code.
    """
    problems: list[Problem] = []
    if basket.currency not in EXPONENTS:
        problems.append(Problem("/currency", "unknown_currency", "The currency is not an ISO 4217 code."))
    if not 0 <= basket.shipping_minor <= MAX_MINOR:
        problems.append(Problem("/shipping_minor", "impossible_amount", "Shipping is negative or too large."))
    if len(basket.metadata) > MAX_METADATA:
        problems.append(Problem("/metadata", "too_many_metadata", f"Metadata has at most {MAX_METADATA} names."))
    if len(basket.lines) > MAX_LINES:
        problems.append(Problem("/lines", "too_many_lines", f"A basket has at most {MAX_LINES} lines."))
    else:
        problems += _line_problems(basket.lines)
    if not problems and basket.total_minor > MAX_MINOR:
        problems.append(Problem("/lines", "impossible_amount", "The basket costs more than money there is."))
    if problems:
        raise BadBasket(problems)
    return basket


def _line_problems(lines: tuple[Line, ...]) -> list[Problem]:
    found: list[Problem] = []
    seen: set[str] = set()
    for number, line in enumerate(lines):
        at = f"/lines/{number}"
        if not 1 <= line.quantity <= MAX_QUANTITY:
            found.append(Problem(f"{at}/quantity", "impossible_quantity", f"There are 1 to {MAX_QUANTITY} units."))
        if not 0 <= line.unit_minor <= MAX_MINOR:
            found.append(Problem(f"{at}/unit_minor", "impossible_amount", "The price is negative or too large."))
        if len(line.categories) > MAX_CATEGORIES:
            found.append(Problem(f"{at}/categories", "too_many_categories", f"At most {MAX_CATEGORIES} categories."))
        if line.id in seen:
            found.append(Problem(f"{at}/id", "duplicate_line", "Another line has this id."))
        seen.add(line.id)
    return found
