"""Which money fact an event states, and which are impossible."""

from datetime import UTC, datetime
from typing import Any

import pytest
from touchpoint_events import a_track, an_order, judged, refusal_of

from services.touchpoints.domain.commerce import Statement, fact_of
from shared.events.catalogue import touchpoints as facts
from shared.events.envelope import EventData

EVENT_ID = "9d1c55ae-ffdc-5fab-b0ca-838ea8127328"


def stated(name: str, **properties: Any) -> EventData | None:
    """The fact that an event of this canonical name states."""
    return fact_of(Statement(name, properties, EVENT_ID, "web"))


def test_an_order_is_placed() -> None:
    fact = stated(
        "Order Completed",
        order_id="o1",
        total=27.5,
        revenue=25,
        currency="usd",
        coupon=" TET ",
        products=[{"quantity": 2}, {"sku": "b"}, "x"],
    )

    lines = (facts.OrderLine(quantity=2), facts.OrderLine(sku="b"))
    assert fact == facts.OrderPlaced(
        order_id="o1", total_minor=2750, currency="USD", source="web", coupon="TET", items=4, lines=lines
    )


@pytest.mark.parametrize(
    ("amounts", "minor"),
    [
        ({"total": "19.99"}, 1999),
        ({"total": 0}, 0),
        ({"total": 0.30000000000000004}, 30),
        ({"total": None, "revenue": 5}, 500),
        ({"total": "", "value": 7}, 700),
        ({"revenue": 1, "value": 2}, 100),
    ],
)
def test_the_total_is_total_else_revenue_else_value(amounts: dict[str, Any], minor: int) -> None:
    fact = stated("Order Completed", order_id="o1", currency="USD", **amounts)

    assert isinstance(fact, facts.OrderPlaced)
    assert fact.total_minor == minor


def test_dong_has_no_decimals() -> None:
    fact = stated("Order Completed", order_id="o1", total=250000, currency="VND")

    assert isinstance(fact, facts.OrderPlaced)
    assert fact.total_minor == 250000


@pytest.mark.parametrize(
    ("properties", "order_id"),
    [
        ({"order_id": 4711}, "4711"),
        ({"orderId": "a"}, "a"),
        ({"transaction_id": "T-1"}, "T-1"),
        ({"checkout_id": "c1"}, "c1"),
        ({"order_id": "o", "checkout_id": "c"}, "o"),
        ({}, f"event-{EVENT_ID}"),
    ],
)
def test_an_order_without_id_is_known_by_its_checkout_or_its_event(properties: dict[str, Any], order_id: str) -> None:
    fact = stated("Order Completed", total=1, currency="USD", **properties)

    assert isinstance(fact, facts.OrderPlaced)
    assert fact.order_id == order_id


def test_a_purchase_of_ga4_is_an_order() -> None:
    read = judged(
        a_track(
            event="purchase",
            properties={"transaction_id": "T1", "value": 30.03, "currency": "USD", "items": [{"quantity": 3}]},
        )
    )

    fact = stated("Order Completed", **read.data.properties)

    lines = (facts.OrderLine(quantity=3),)
    assert fact == facts.OrderPlaced(
        order_id="T1", total_minor=3003, currency="USD", source="web", items=3, lines=lines
    )


def test_a_checkout_of_shopify_is_an_order() -> None:
    checkout = {
        "token": "tok",
        "order": {"id": 450789469},
        "totalPrice": {"amount": 105.5, "currencyCode": "CAD"},
        "lineItems": [{"quantity": 2}],
    }

    for properties in ({"checkout": checkout}, {"data": {"checkout": checkout}}):
        assert stated("Order Completed", **properties) == facts.OrderPlaced(
            order_id="450789469",
            total_minor=10550,
            currency="CAD",
            source="web",
            items=2,
            lines=(facts.OrderLine(quantity=2),),
        )


@pytest.mark.parametrize(
    ("properties", "code"),
    [
        ({"total": -1}, "impossible_amount"),
        ({"total": "abc"}, "impossible_amount"),
        ({"total": True}, "impossible_amount"),
        ({"total": [1]}, "impossible_amount"),
        ({"total": float("nan")}, "impossible_amount"),
        ({"total": float("inf")}, "impossible_amount"),
        ({"total": 1e16}, "impossible_amount"),
        ({"total": 10**400}, "impossible_amount"),
        ({"total": "1,234.50"}, "impossible_amount"),
        ({"currency": "XBT"}, "unknown_currency"),
        ({"currency": "đồng"}, "unknown_currency"),
        ({"currency": 704}, "unknown_currency"),
        ({"currency": None}, "no_currency"),
        ({"order_id": "o" * 256}, "order_id_too_long"),
        ({"order_id": 10**300}, "order_id_too_long"),
        ({"order_id": ["o"]}, "bad_order_id"),
        ({"order_id": 1.5}, "bad_order_id"),
    ],
)
def test_an_impossible_order_is_refused_at_the_door(properties: dict[str, Any], code: str) -> None:
    assert refusal_of(an_order(**properties)) == code


def test_the_firm_s_currency_stands_in_and_is_written_into_the_log() -> None:
    """The log alone decides what was meant: a later change of the setting must not change old orders."""
    event = an_order(currency=None)

    assert judged(event, currency="VND").data.properties["currency"] == "VND"
    assert judged(an_order(), currency="VND").data.properties["currency"] == "USD"


def test_an_amount_elsewhere_is_not_judged() -> None:
    assert refusal_of(a_track(event="Product Viewed", properties={"price": -5, "currency": "XBT"})) == "accepted"


def test_a_change_is_a_new_total() -> None:
    assert stated("Order Updated", order_id="o1", total="12.00", currency="USD") == facts.OrderChanged(
        order_id="o1", total_minor=1200, currency="USD", source="web"
    )
    assert stated("Order Updated", order_id="o1", shipping_method="air") is None


@pytest.mark.parametrize(
    ("amounts", "minor"),
    [
        ({"refund_amount": 5, "total": 20}, 500),
        ({"total": 20, "value": 1}, 2000),
        ({"amount": "3.30"}, 330),
        ({"value": 4}, 400),
        ({"revenue": 6}, 600),
        ({}, None),
    ],
)
def test_a_refund_is_of_what_it_says_or_of_all(amounts: dict[str, Any], minor: int | None) -> None:
    fact = stated("Order Refunded", order_id="o1", refund_id="r1", currency="USD", **amounts)

    assert fact == facts.OrderRefunded(
        order_id="o1",
        refund_id="r1",
        amount_minor=minor,
        currency=None if minor is None else "USD",
        source="web",
    )


def test_a_refund_without_id_is_known_by_its_event() -> None:
    fact = stated("Order Refunded", order_id="o1")

    assert isinstance(fact, facts.OrderRefunded)
    assert fact.refund_id == f"event-{EVENT_ID}"


def test_a_cancellation_needs_only_its_order() -> None:
    assert stated("Order Cancelled", order_id="o1", total="nonsense") == facts.OrderCancelled(
        order_id="o1", source="web"
    )


@pytest.mark.parametrize("name", ["Order Updated", "Order Refunded", "Order Cancelled"])
def test_what_refers_to_no_order_is_refused(name: str) -> None:
    assert refusal_of(a_track(event=name, properties={"total": 5, "currency": "USD"})) == "no_order_id"


def test_subscription_facts_carry_plan_price_and_period() -> None:
    fact = stated(
        "Subscription Started",
        subscription_id="s1",
        plan_id=7,
        plan_name="Gold",
        mrr="9.90",
        currency="USD",
        interval="month",
        period_start="2026-11-01T00:00:00+07:00",
    )

    assert fact == facts.SubscriptionStarted(
        subscription_id="s1",
        source="web",
        plan_id="7",
        plan_name="Gold",
        mrr_minor=990,
        currency="USD",
        interval="month",
        period_start=datetime(2026, 10, 31, 17, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("name", "kind", "direction"),
    [
        ("Subscription Upgraded", facts.SubscriptionChanged, "upgrade"),
        ("Subscription Downgraded", facts.SubscriptionChanged, "downgrade"),
        ("Subscription Changed", facts.SubscriptionChanged, None),
        ("Subscription Renewed", facts.SubscriptionRenewed, None),
        ("Subscription Paused", facts.SubscriptionPaused, None),
        ("Subscription Resumed", facts.SubscriptionResumed, None),
        ("Subscription Payment Failed", facts.SubscriptionPaymentFailed, None),
    ],
)
def test_each_subscription_event_is_its_fact(name: str, kind: type[EventData], direction: str | None) -> None:
    fact = stated(name, subscription_id="s1")

    assert type(fact) is kind
    assert getattr(fact, "direction", None) == direction


def test_a_subscription_states_what_a_piece_costs_for_an_interval_and_when_its_trial_ends() -> None:
    fact = stated(
        "Subscription Started",
        subscription_id="s1",
        price=199_000,
        currency="VND",
        quantity=3,
        interval="week",
        interval_count=2,
        trial_ends_at="2026-11-15T00:00:00+07:00",
    )

    assert isinstance(fact, facts.SubscriptionStarted)
    assert (fact.mrr_minor, fact.price_minor, fact.currency) == (None, 199_000, "VND")
    assert (fact.quantity, fact.interval, fact.interval_count) == (3, "week", 2)
    assert fact.trial_ends_at == datetime(2026, 11, 14, 17, tzinfo=UTC)


@pytest.mark.parametrize("quantity", [0, -1, 1.5, True, "two", 10**9])
def test_a_quantity_that_is_none_was_not_said(quantity: object) -> None:
    fact = stated("Subscription Changed", subscription_id="s1", price=5, currency="USD", quantity=quantity)

    assert isinstance(fact, facts.SubscriptionChanged)
    assert (fact.price_minor, fact.quantity) == (500, None)


def test_a_cancelled_subscription_runs_to_the_end_of_its_period() -> None:
    end = "2026-12-01T00:00:00Z"

    fact = stated("Subscription Cancelled", subscription_id="s1", period_end=end, is_voluntary=False, cancel_reason="x")

    assert isinstance(fact, facts.SubscriptionCancelled)
    assert (fact.ends_at, fact.is_voluntary, fact.cancel_reason) == (datetime(2026, 12, 1, tzinfo=UTC), False, "x")


@pytest.mark.parametrize(
    ("properties", "code"),
    [
        ({"mrr": -1}, "impossible_amount"),
        ({"mrr": None, "price": -1}, "impossible_amount"),
        ({"mrr": None, "price": 5, "currency": None}, "no_currency"),
        ({"trial_ends_at": "2026-12-01T00:00:00"}, "naive_time"),
        ({"mrr": 5, "currency": "nope"}, "unknown_currency"),
        ({"mrr": 5, "currency": None}, "no_currency"),
        ({"period_end": "2026-12-01T00:00:00"}, "naive_time"),
        ({"period_end": "soon"}, "bad_time"),
        ({"subscription_id": "s" * 256}, "subscription_id_too_long"),
    ],
)
def test_an_impossible_subscription_is_refused(properties: dict[str, Any], code: str) -> None:
    said = {"subscription_id": "s1", "mrr": 5, "currency": "USD", **properties}

    assert refusal_of(a_track(event="Subscription Started", properties=said)) == code


def test_a_newsletter_subscription_is_no_fact() -> None:
    """Shops have events of that name without a subscription_id: touchpoints, not revenue."""
    assert refusal_of(a_track(event="Subscription Started", properties={"list": "news"})) == "accepted"
    assert stated("Subscription Started", list="news") is None
