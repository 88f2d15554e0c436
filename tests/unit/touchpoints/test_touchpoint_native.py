"""The typed endpoint refuses what the SDK routes forgive."""

from typing import Any

import pytest
from touchpoint_events import CATALOGUE, a_delivery

from services.touchpoints.domain.refusal import Refusal
from services.touchpoints.ingest.schemas import accept_native
from shared.events.catalogue.touchpoints import TouchpointReceived
from shared.events.envelope import Event


def a_purchase(**properties: Any) -> dict[str, Any]:
    """A typed Order Completed."""
    said = {"order_id": "o1", "total": "19.99", "currency": "USD", **properties}
    return {"type": "track", "event": "Order Completed", "user_id": "u1", "message_id": "m1", "properties": said}


def read(event: Any, *, base: str | None = None, index: int = 0, **options: Any) -> Event[TouchpointReceived]:
    """The event as consumers will read it."""
    accepted = accept_native(event, index, a_delivery(**options), message_base=base)
    decoded = CATALOGUE.decode(accepted.value)
    assert decoded is not None
    return decoded


def refused(event: Any, **options: Any) -> Refusal:
    """Why the event is refused."""
    with pytest.raises(Refusal) as caught:
        read(event, **options)
    return caught.value


def test_a_typed_purchase_is_read() -> None:
    event = read(
        {**a_purchase(products=[{"sku": "a", "price": 9.99, "quantity": 2}]), "time": "1997-01-12T00:00:00+07:00"}
    )

    assert event.time.isoformat() == "1997-01-11T17:00:00+00:00"
    assert (event.data.user_id, event.data.message_id, event.data.name) == ("u1", "m1", "Order Completed")
    assert event.data.properties["products"] == [{"sku": "a", "price": 9.99, "quantity": 2}]


@pytest.mark.parametrize(
    "event",
    [
        {"type": "page", "anonymous_id": "a", "name": "Home", "properties": {"path": "/"}},
        {"type": "screen", "anonymous_id": "a"},
        {"type": "identify", "user_id": "u", "traits": {"city": "Huế"}},
        {"type": "group", "user_id": "u", "group_id": "g"},
        {"type": "alias", "user_id": "u", "previous_id": "a"},
        {"type": "track", "user_id": "u", "event": "Quiz Finished", "properties": {"anything": [1, {"b": None}]}},
    ],
)
def test_every_kind_of_call_can_be_typed(event: dict[str, Any]) -> None:
    assert read(event).data.call == event["type"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"usr_id": "u"}, "unknown_field"),
        ({"userId": "u"}, "unknown_field"),
        ({"time": "2026-11-21T10:00:00"}, "naive_time"),
        ({"time": "2026-11-21"}, "bad_time"),
        ({"time": 1700000000}, "bad_time"),
        ({"time": "1066-10-14T09:00:00Z"}, "impossible_time"),
        ({"user_id": None}, "no_user_anon_id"),
        ({"user_id": 5}, "bad_field"),
        ({"user_id": "u" * 256}, "user_id_too_long"),
        ({"message_id": "m" * 101}, "message_id_too_long"),
        ({"type": "purchase"}, "unknown_type"),
        ({"event": None}, "bad_field"),
        ({"event": "a\x00b"}, "nul_character"),
        ({"context": {"a": "\ud800"}}, "bad_field"),
    ],
)
def test_a_bad_event_is_refused(change: dict[str, Any], code: str) -> None:
    assert refused({**a_purchase(), **change}).code == code


@pytest.mark.parametrize(
    ("properties", "code"),
    [
        ({"totl": 5}, "unknown_field"),
        ({"total": None}, "impossible_amount"),
        ({"total": "19.999"}, "impossible_amount"),
        ({"total": "19,99"}, "impossible_amount"),
        ({"total": -1}, "impossible_amount"),
        ({"total": True}, "impossible_amount"),
        ({"total": 1e300}, "impossible_amount"),
        ({"shipping": "0.001"}, "impossible_amount"),
        ({"products": [{"price": -1}]}, "impossible_amount"),
        ({"products": [{"prize": 1}]}, "unknown_field"),
        ({"currency": "BTC"}, "unknown_currency"),
        ({"currency": None}, "no_currency"),
        ({"order_id": "o" * 256}, "order_id_too_long"),
        ({"order_id": ""}, "bad_field"),
    ],
)
def test_a_bad_purchase_is_refused(properties: dict[str, Any], code: str) -> None:
    refusal = refused(a_purchase(**properties))

    assert refusal.code == code
    assert "\x00" not in refusal.message


def test_a_missing_total_is_named() -> None:
    event = a_purchase()
    del event["properties"]["total"]

    refusal = refused(event)

    assert (refusal.code, "properties.total" in refusal.message) == ("missing_field", True)


def test_a_subscription_needs_its_id() -> None:
    event = {
        "type": "track",
        "event": "Subscription Started",
        "user_id": "u",
        "properties": {"mrr": 5, "currency": "USD"},
    }

    assert refused(event).code == "missing_field"


def test_the_firm_s_currency_stands_in() -> None:
    assert read(a_purchase(currency=None, total=250000), currency="VND").data.properties["currency"] == "VND"


@pytest.mark.parametrize("event", [None, 5, "x", [], {}, {"type": None}, {"type": ["track"]}])
def test_what_is_no_event_is_refused(event: Any) -> None:
    assert refused(event).code in ("not_an_object", "unknown_type")


def test_a_repeated_request_makes_the_same_message_ids() -> None:
    event = {"type": "screen", "user_id": "u"}

    first, again = read(event, base="web\x1fkey-1"), read(event, base="web\x1fkey-1")
    second = read(event, base="web\x1fkey-1", index=1)

    assert first.id == again.id != second.id
    assert read({**event, "message_id": "m7"}, base="web\x1fkey-1").data.message_id == "m7"
