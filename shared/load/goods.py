"""What a shop sells: a few things are sold all the time, most hardly ever."""

import random
from typing import Any, NamedTuple

from shared.load.chance import stream, zipf
from shared.money import to_decimal_string

PRODUCTS = 2_000
_KINDS = ("Áo dài", "Cà phê", "Nón lá", "Trà sen", "Giày", "Túi xách", "Sách", "Tai nghe")
# Minor units for a thousand đồng; prices are whole thousands, so that points of them are whole too.
_RATES = {"VND": 1_000, "USD": 5, "EUR": 4, "JPY": 6}


class Line(NamedTuple):
    """So many of a product, at a price for one in minor units."""

    product: int
    name: str
    quantity: int
    unit_minor: int


def basket(chance: random.Random, currency: str, hottest: float) -> tuple[Line, ...]:
    """What somebody buys, each product once; `hottest` is how much more often the first products are bought."""
    products = {zipf(chance, PRODUCTS, hottest) for _ in range(chance.choice((1, 1, 1, 2, 3)))}
    return tuple(
        Line(each, _KINDS[each % len(_KINDS)], chance.choice((1, 1, 1, 2)), price(each, currency))
        for each in sorted(products)
    )


def price(product: int, currency: str) -> int:
    """What a product costs, in minor units."""
    return stream("price", product).randrange(20, 1_500) * _RATES[currency]


def total(lines: tuple[Line, ...]) -> int:
    """What they cost together, in minor units."""
    return sum(line.quantity * line.unit_minor for line in lines)


def counted(lines: tuple[Line, ...]) -> list[dict[str, Any]]:
    """Lines as the till of a checkout takes them."""
    return [
        {"id": str(n), "product_id": f"sku-{line.product}", "quantity": line.quantity, "unit_minor": line.unit_minor}
        for n, line in enumerate(lines, 1)
    ]


def told(line: Line, currency: str) -> dict[str, Any]:
    """A line as SDKs tell it, in major units."""
    return {
        "product_id": f"sku-{line.product}",
        "name": line.name,
        "category": line.name,
        "price": float(to_decimal_string(line.unit_minor, currency)),
        "quantity": line.quantity,
    }
