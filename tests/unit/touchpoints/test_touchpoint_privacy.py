"""What is kept says what happened, and never who it was."""

from typing import Any

import orjson
import pytest

from services.touchpoints.domain import privacy

PERSONAL: dict[str, Any] = {
    "email": "lan@shop.example",
    "phone": 84901234567,
    "first_name": "Lan",
    "address": {"street": "1 Lê Lợi"},
    "zip": 70000,
    "ip": "203.0.113.9",
    "birthday": "1990-01-01",
    "customer": {"id": 1},
    "lat": 10.77,
    "card_last4": 4242,
    "recipient": "friend@shop.example",
    "review_body": "I am Lan, call me",
    "share_message": "look",
    "coupon": "lan@shop.example",
}


@pytest.mark.parametrize("name", ["Order Completed", "Signed Up", "Page Viewed", "Cart Shared"])
def test_personal_fields_pass_no_sieve(name: str) -> None:
    assert privacy.for_table(name, PERSONAL) == {}
    assert privacy.for_log(PERSONAL) == {}


def test_commerce_passes_both() -> None:
    order = {
        "order_id": "o1",
        "total": 27.5,
        "currency": "USD",
        "products": [{"sku": "a", "price": 1, "name": "Áo dài", "email": "x@y.z", "gift_for": "Lan"}, 5],
    }

    assert privacy.for_log(order) == {
        "order_id": "o1",
        "total": 27.5,
        "currency": "USD",
        "products": [{"sku": "a", "price": 1}],
    }
    assert privacy.for_table("Order Completed", order)["products"] == [{"sku": "a", "price": 1, "name": "Áo dài"}]


def test_what_was_promised_passes_both() -> None:
    said = {"order_id": "o1", "promised_at": "2026-11-25T18:00:00+07:00", "delivered_at": "2026-11-26", "note": "Lan"}
    kept = {field: value for field, value in said.items() if field != "note"}

    assert privacy.for_log(said) == kept
    assert privacy.for_table("Order Delivered", said) == kept


def test_a_name_is_kept_of_products_and_pages_only() -> None:
    assert privacy.for_table("Product Viewed", {"name": "Áo dài"}) == {"name": "Áo dài"}
    assert privacy.for_table("Page Viewed", {"name": "Home"}) == {"name": "Home"}
    assert privacy.for_table("Account Created", {"name": "Lan"}) == {}
    assert privacy.for_log({"name": "Áo dài"}) == {}


def test_a_shop_s_own_event_keeps_numbers_and_flags() -> None:
    kept = privacy.for_table("Quiz Finished", {"score": 8, "passed": True, "answer": "free text", "phone_count": 2})

    assert kept == {"score": 8, "passed": True}


def test_addresses_of_pages_lose_their_query() -> None:
    kept = privacy.for_table(
        "Page Viewed", {"url": "https://lan:pw@shop.example/p?token=1#x", "referrer": "https://a.example/b?email=x"}
    )

    assert kept == {"url": "https://shop.example/p", "referrer": "https://a.example/b"}


@pytest.mark.parametrize("url", [None, 5, "", "http://[", "x" * 5000, "https://a.example/u/lan@shop.example"])
def test_an_address_that_says_too_much_or_nothing_is_dropped(url: Any) -> None:
    assert not privacy.without_query(url)


def test_context_keeps_where_and_not_who() -> None:
    context = {
        "ip": "203.0.113.9",
        "traits": {"email": "lan@shop.example"},
        "userAgent": "Mozilla/5.0",
        "locale": "vi-VN",
        "timezone": "Asia/Ho_Chi_Minh",
        "campaign": {"source": "nl", "name": "c1", "term": "lan@shop.example", "other": 1},
        "page": {"path": "/p", "referrer": "https://a.example/?q=1", "search": "?email=x"},
        "device": {"id": "secret", "type": "ios", "advertisingId": "x"},
        "library": {"name": "@segment/analytics-node", "version": "3.1.0"},
    }

    assert privacy.of_context(context) == {
        "locale": "vi-VN",
        "timezone": "Asia/Ho_Chi_Minh",
        "campaign": {"source": "nl", "name": "c1"},
        "page": {"path": "/p", "referrer": "https://a.example/"},
        "device": {"type": "ios"},
        "library": {"name": "@segment/analytics-node", "version": "3.1.0"},
    }


def test_what_is_kept_is_bounded() -> None:
    many = {f"metric_{i}": i for i in range(5000)} | {"products": [{"sku": "a" * 200}] * 5000}

    assert len(orjson.dumps(privacy.for_table("x", many))) < 32_000
