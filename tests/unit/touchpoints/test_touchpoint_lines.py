"""What an order holds: its lines, in minor units, without anything somebody may have typed."""

from typing import Any

import pytest

from services.touchpoints.domain.commerce import MAX_TOLD_LINES, Statement, fact_of
from shared.events.catalogue.touchpoints import OrderChanged, OrderLine, OrderPlaced


def order(products: Any, *, name: str = "Order Completed", **more: Any) -> OrderPlaced | OrderChanged:
    properties = {"order_id": "o", "total": 100_000, "currency": "VND", "products": products, **more}
    fact = fact_of(Statement(name, properties, "e", "web"))
    assert isinstance(fact, OrderPlaced | OrderChanged)
    return fact


def test_lines_are_told_in_minor_units():
    fact = order(
        [{"product_id": "p1", "sku": "s1", "category": "Trà", "quantity": 2, "price": 19.99, "name": "Trà sen"}],
        currency="USD",
        shipping=3.5,
        tax="1.25",
    )

    assert fact.lines == (OrderLine("p1", "s1", "Trà", 2, 1999),)
    assert (fact.shipping_minor, fact.tax_minor) == (350, 125)


@pytest.mark.parametrize("name", ["Order Completed", "Order Updated"])
def test_dong_have_no_decimals(name: str):
    assert order([{"product_id": 7, "price": "45000"}], name=name).lines == (OrderLine("7", unit_minor=45_000),)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ({"item_id": "i", "item_category": "c", "price": 5}, OrderLine("i", None, "c", 1, 5)),
        ({"product_id": "p", "price": -1}, OrderLine("p")),
        ({"product_id": "p", "price": "a lot", "quantity": "two"}, OrderLine("p")),
        ({"product_id": "p", "quantity": float("nan")}, OrderLine("p")),
        ({"product_id": "p", "quantity": 0.5}, OrderLine("p")),
        ({"product_id": ["p"], "sku": {}, "category": 3.5}, OrderLine()),
        ({"product_id": "an@shop.example", "sku": "x" * 201}, OrderLine()),
        (
            {"quantity": 2, "variant": {"sku": "v", "price": {"amount": 9}, "product": {"id": "1", "type": "Mũ"}}},
            OrderLine("1", "v", "Mũ", 2, 9),
        ),
        ({"product_id": "p", "variant": "Đỏ", "price": 3}, OrderLine("p", unit_minor=3)),
    ],
)
def test_a_line_is_read_as_far_as_it_can_be(line: dict[str, Any], told: OrderLine):
    assert order([line]).lines == (told,)


@pytest.mark.parametrize("products", [None, [], {}, "p", 3, ["p", 4]])
def test_an_order_that_says_nothing_of_lines_has_none(products: Any):
    assert order(products).lines is None


def test_the_number_of_lines_is_bounded():
    assert len(order([{"product_id": str(each)} for each in range(3_000)]).lines or ()) == MAX_TOLD_LINES
