"""The main journey: a visitor becomes a customer, and the figures are those of one person."""

import re
from collections.abc import ItemsView
from uuid import uuid4

import httpx
import pytest
from e2e_world import Shop, eventually, order


def test_browse_buy_identify_buy_is_one_customer(empty_shop: Shop):
    shop = empty_shop
    visitor, user = {"anonymousId": "visitor-1"}, {"userId": "u-1"}
    steps = [
        {"type": "page", **visitor, "name": "Home", "timestamp": "2026-10-01T09:00:00Z"},
        {"type": "track", "event": "Product Viewed", **visitor, "timestamp": "2026-10-01T09:01:00Z"},
        order("o-1", "30.00", visitor, time="2026-10-01T09:05:00Z"),
        {"type": "identify", **visitor, **user, "traits": {"name": "Ánh"}, "timestamp": "2026-10-01T09:06:00Z"},
        order("o-2", "12.50", user, time="2026-11-05T09:00:00Z"),
    ]
    for step in steps:
        assert shop.post("/v1/batch", {"batch": [step]}).status_code == 200
    shop.settled()

    figures = shop.figures()
    assert (figures["orders"], figures["customers"], figures["gross"]) == (2, 1, "42.50")
    assert figures["repeat_purchase_rate"] == 1.0
    for reference in ("anonymous_id:visitor-1", "user_id:u-1"):
        customer = shop.customer(reference)
        assert (customer["orders"], customer["gross"]) == (2, "42.50")
        assert (customer["first_order"], customer["last_order"]) == ("2026-10-01", "2026-11-05")
        assert len(shop.touchpoints(reference)) == 5
    merged = shop.json("/v1/customers/anonymous_id:visitor-1")
    assert merged["id"] == shop.json("/v1/customers/user_id:u-1")["id"]

    assert (
        gauges(shop)
        >= {
            "tam_metrics_orders": 2.0,
            "tam_metrics_customers": 1.0,
            'tam_metrics_gross{currency="USD"}': 42.5,
            'tam_metrics_refunds{currency="USD"}': 0.0,
            'tam_metrics_net{currency="USD"}': 42.5,
            "tam_metrics_repeat_purchase_ratio": 1.0,
            'tam_metrics_historical_clv{currency="USD"}': 42.5,
        }.items()
    )


def gauges(shop: Shop) -> ItemsView[str, float]:
    """What Prometheus sees of the figures, by name and labels."""
    text = httpx.get(f"{shop.base_url}/metrics", trust_env=False).text
    found = re.findall(r"^(tam_metrics_\S+) (\S+)$", text, re.M)
    return {name: float(value) for name, value in found}.items()


def test_the_same_life_under_one_id_gives_the_same_figures(one_box: Shop):
    """Merged figures are those of a person who was known from the first click."""
    name = uuid4().hex
    visitor, merged, known = {"anonymousId": f"v-{name}"}, {"userId": f"m-{name}"}, {"userId": f"k-{name}"}
    life = [("1", "30.00", "2026-10-01T09:05:00Z"), ("2", "12.50", "2026-11-05T09:00:00Z"), ("3", "1.00", None)]
    identify = {"type": "identify", **visitor, **merged}
    # The first of the merged person's orders is a visitor's, and comes last.
    batch = [
        order(f"{name}-m{nth}", total, visitor if nth == "1" else merged, time=at) for nth, total, at in life[::-1]
    ]
    batch.insert(2, identify)
    batch += [order(f"{name}-k{nth}", total, known, time=at) for nth, total, at in life]
    assert one_box.post("/v1/batch", {"batch": batch}).json()["accepted"] == 7
    eventually(lambda: one_box.customer(f"anonymous_id:v-{name}").get("orders"), 3)
    one_box.settled()

    clean = one_box.customer(f"user_id:k-{name}")
    assert clean["orders"] == 3
    assert one_box.customer(f"user_id:m-{name}") == clean
    assert one_box.customer(f"anonymous_id:v-{name}") == clean


@pytest.mark.parametrize("currency", ["VND", "USD", "KWD"])
def test_a_refund_and_a_cancellation_reach_the_customers_figures(one_box: Shop, currency: str):
    name = uuid4().hex
    user = {"userId": name}
    total = {"VND": "100000", "USD": "100.00", "KWD": "100.000"}[currency]
    half = {"VND": "50000", "USD": "50.00", "KWD": "50.000"}[currency]

    def event(kind: str, order_id: str, **properties: str) -> dict[str, object]:
        properties = {"order_id": f"{name}-{order_id}", "currency": currency, **properties}
        return {"type": "track", "event": kind, **user, "properties": properties}

    batch = [
        event("Order Completed", "1", total=total),
        event("Order Completed", "2", total=total),
        event("Order Refunded", "1", total=half, refund_id="r-1"),
        event("Order Refunded", "1", total=half, refund_id="r-1"),
        event("Order Cancelled", "2"),
    ]
    answer = one_box.post("/v1/batch", {"batch": batch}).json()

    assert answer["success"] is True
    assert (answer["accepted"], answer["rejected"]) == (5, [])
    eventually(lambda: one_box.customer(f"user_id:{name}").get("orders"), 1)
    one_box.settled()
    figures = one_box.customer(f"user_id:{name}")
    assert (figures["gross"], figures["refunds"], figures["net"]) == (total, half, half)
