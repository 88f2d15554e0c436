"""Preferences, interests and the next best action, as people in sales and support read them."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from profiles_world import NOW, HandClock

from services.profiles.app import service as profiles
from services.touchpoints.app import service as touchpoints
from shared.bus.base import OutRecord
from shared.events.catalogue.touchpoints import OrderCancelled, OrderPlaced, OrderRefunded, TouchpointRecorded
from shared.events.envelope import Event, EventData, encode
from shared.ids import anonymous_key, derived_id, user_key
from shared.testing.platform import Running, running_platform

URL = "/v1/customers/user_id:42"
SHOE = {"category": "Giày", "brand": "Biti's", "product_id": "SKU-7"}
VISITOR = anonymous_key("tablet")


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def running(database_url: str, clock: HandClock) -> AsyncIterator[Running]:
    async with running_platform(database_url, (profiles,), clock=clock) as platform:
        await created(platform, user_id="42")
        yield platform


async def created(running: Running, **body: Any) -> None:
    answer = await running.crm.post("/v1/customers", json=body)
    assert answer.status_code in (200, 201), answer.text


def touch(message: str, name: str, *, ago: timedelta = timedelta(), key: Any = None, **properties: Any) -> Event[Any]:
    data = TouchpointRecorded(source="web", call="track", name=name, properties=properties)
    return fact(message, data, ago, key)


def order(order_id: str, *, ago: timedelta, key: Any = None) -> Event[Any]:
    return fact(order_id, OrderPlaced(order_id=order_id, total_minor=1, currency="VND", source="web"), ago, key)


def fact(message: str, data: EventData, ago: timedelta, key: Any) -> Event[Any]:
    return Event(derived_id("web", message, data.event_type), key or user_key("42"), NOW - ago, NOW, data)


async def publish(running: Running, *events: Event[Any]) -> None:
    await running.platform.bus.append(
        [OutRecord(event.data.topic.name, event.subject.bytes, encode(event)) for event in events]
    )
    await running.settled()


async def put(running: Running, name: str, value: Any, *, url: str = URL, **more: Any) -> dict[str, Any]:
    answer = await running.crm.put(f"{url}/preferences/{name}", json={"value": value, **more})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def read(running: Running, what: str, *, url: str = URL, **parameters: Any) -> Any:
    answer = await running.crm.get(f"{url}/{what}", params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def values(running: Running, url: str = URL) -> dict[str, Any]:
    found = await read(running, "preferences", url=url)
    return {name: each["value"] for name, each in found["preferences"].items()}


async def strengths(running: Running, url: str = URL, **parameters: Any) -> dict[str, float]:
    found = await read(running, "interests", url=url, **parameters)
    return {each["interest"]: each["strength"]["value"] for each in found["interests"]}


async def actions(running: Running, url: str = URL, language: str = "en") -> dict[str, Any]:
    answer = await running.crm.get(f"{url}/next-best-actions", headers={"Accept-Language": language})
    assert answer.status_code == 200, answer.text
    assert (answer.headers["content-language"], answer.headers["vary"]) == (language[:2], "Accept-Language")
    return {each["code"]: each for each in answer.json()["actions"]}


def before(**time: float) -> str:
    return (NOW - timedelta(**time)).isoformat()


async def test_a_preference_is_said_changed_and_taken_back(running: Running, clock: HandClock) -> None:
    said = await put(running, "size", " M ", source="preference page")
    assert said["outdated"] is False
    clock.time += timedelta(seconds=1)
    await put(running, "size", "L")
    await put(running, "preferred_channel", "zalo")

    held = (await read(running, "preferences"))["preferences"]
    assert (held["size"]["value"], held["size"]["type"], held["size"]["customer"]) == ("L", "text", str(user_key("42")))
    assert held["size"]["source"].startswith("api:")
    clock.time += timedelta(seconds=1)
    gone = await running.crm.delete(f"{URL}/preferences/size")

    assert gone.status_code == 200
    assert await values(running) == {"preferred_channel": "zalo"}
    words = (await read(running, "preference-history"))["items"]
    assert [(each["name"], each["value"]) for each in words if each["name"] == "size"] == [
        ("size", None),
        ("size", "L"),
        ("size", "M"),
    ]
    assert words[-1]["source"] == "preference page"


async def test_an_earlier_word_that_comes_late_is_history(running: Running) -> None:
    await put(running, "language", "vi", time=before(hours=1))

    late = await put(running, "language", "en-GB", time=before(hours=2))

    assert late["outdated"] is True
    assert await values(running) == {"language": "vi"}
    page = await read(running, "preference-history", limit=1)
    assert page["items"][0]["value"] == "vi"
    rest = await read(running, "preference-history", limit=1, cursor=page["next_cursor"])
    assert (rest["items"][0]["value"], rest["next_cursor"]) == ("en-GB", None)


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("hat", {"value": "M"}, "profiles.unknown_preference"),
    ("size", {"value": 7}, "profiles.bad_preference"),
    ("size", {"value": "x" * 201}, "profiles.bad_preference"),
    ("size", {"value": None}, "profiles.bad_preference"),
    ("preferred_channel", {"value": "pigeon"}, "profiles.bad_preference"),
    ("language", {"value": "Vietnamese please"}, "profiles.bad_preference"),
    ("interests", {"value": ["a", 1]}, "profiles.bad_preference"),
    ("size", {"value": "M", "time": "2030-01-01T00:00:00Z"}, "profiles.future_time"),
    ("size", {"value": "M", "more": 1}, "invalid"),
    ("Size", {"value": "M"}, "invalid"),
]


async def test_what_is_no_preference_is_refused(running: Running) -> None:
    for name, body, code in REFUSED:
        answer = await running.crm.put(f"{URL}/preferences/{name}", json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, code), (name, body)

    assert await values(running) == {}


async def test_a_request_that_is_sent_again_says_it_once(running: Running) -> None:
    for _ in range(2):
        answer = await running.crm.put(
            f"{URL}/preferences/size", json={"value": "M"}, headers={"Idempotency-Key": "one"}
        )
        assert answer.status_code == 200

    assert len((await read(running, "preference-history"))["items"]) == 1


async def test_a_merge_unites_preferences_and_an_unmerge_gives_them_back(running: Running, clock: HandClock) -> None:
    other = "/v1/customers/anonymous_id:tablet"
    await created(running, anonymous_id="tablet")
    await put(running, "size", "M", time=before(hours=3))
    await put(running, "size", "S", url=other, time=before(hours=2))
    await put(running, "favourite_brand", "Biti's", url=other, time=before(hours=2))
    apart = await values(running), await values(running, other)

    await running.crm.post(f"{other}/merge", json={"into": "user_id:42", "reason": "the same phone"})
    merged = await values(running), await values(running, other)
    await put(running, "language", "vi", url=other)
    await running.crm.post(f"{other}/unmerge", json={"reason": "it was not"})

    assert merged == ({"size": "S", "favourite_brand": "Biti's"},) * 2
    assert (await values(running), await values(running, other)) == (apart[0], {**apart[1], "language": "vi"})


async def test_an_interest_grows_fades_and_says_why(running: Running) -> None:
    await publish(
        running,
        touch("1", "Product Viewed", ago=timedelta(days=30), **SHOE),
        touch("2", "Product Viewed", **SHOE),
        touch("3", "Product Added", products=[SHOE, SHOE]),
        touch("4", "Page Viewed", category="help"),
        touch("5", "Product Removed", category="Mũ"),
    )

    found = await read(running, "interests")

    assert {each["interest"]: each["strength"]["value"] for each in found["interests"]} == {
        "brand:biti's": 4.5,
        "category:giày": 4.5,
        "product:SKU-7": 4.5,
    }
    first = found["interests"][0]
    assert first["strength"] == {"value": 4.5, "unit": "points", "definition": found["definition"]["id"]}
    assert first["evidence"]["Product Viewed"] == {
        "count": 2,
        "points": 1.5,
        "first_at": "2026-10-22T09:00:00Z",
        "last_at": "2026-11-21T09:00:00Z",
    }
    assert found["definition"]["half_life_days"] == 30
    assert await strengths(running, as_of=before(days=30), limit=1) == {"brand:biti's": 1.0}
    assert await strengths(running, as_of=before(days=31)) == {}


async def test_interests_are_the_same_in_any_order_and_however_often_sent(running: Running) -> None:
    events = [
        touch(f"t{number}", name, ago=timedelta(days=7 * number), key=user_key(key), **SHOE)
        for number, name in enumerate(("Order Completed", "Product Viewed", "Order Refunded", "Product Added"))
        for key in ("42",)
    ]
    mirrored = [
        event._replace(id=derived_id("mirror", str(event.id)), subject=user_key("mirror")) for event in reversed(events)
    ]
    await created(running, user_id="mirror")

    await publish(running, *events)
    await publish(running, *events, *mirrored, mirrored[0])

    ours = await read(running, "interests")
    theirs = await read(running, "interests", url="/v1/customers/user_id:mirror")
    assert ours["interests"] == theirs["interests"] != []
    assert ours["interests"][0]["evidence"]["Product Added"]["count"] == 1


async def test_an_order_that_went_back_as_a_whole_tells_of_nothing(running: Running) -> None:
    hour = timedelta(hours=1)
    for order_id, category in (("kept", "Áo"), ("part", "Giày"), ("whole", "Mũ"), ("never", "Túi")):
        product = {"category": category}
        done = touch(f"t-{order_id}", "Order Completed", order_id=order_id, products=[product])
        await publish(running, done, order(order_id, ago=hour))
    assert set((await strengths(running)).values()) == {8.0}

    back = OrderRefunded(order_id="whole", refund_id="r", source="web")
    await publish(
        running,
        touch("part", "Order Refunded", order_id="part", products=[{"category": "Giày"}]),
        touch("whole", "Order Refunded", order_id="whole", products=[{"category": "Mũ"}]),
        touch("seen", "Product Viewed", category="Mũ"),
        fact("back", back, hour, None),
        fact("never", OrderCancelled(order_id="never", source="web"), hour, None),
    )

    assert await strengths(running) == {"category:áo": 8.0, "category:mũ": 1.0}


async def test_a_merge_adds_interests_and_an_unmerge_takes_them_apart(running: Running) -> None:
    other = "/v1/customers/anonymous_id:tablet"
    await created(running, anonymous_id="tablet")
    await publish(running, touch("1", "Product Viewed", **SHOE), touch("2", "Product Added", key=VISITOR, **SHOE))
    apart = await strengths(running), await strengths(running, other)

    await running.crm.post(f"{other}/merge", json={"into": "user_id:42", "reason": "the same phone"})
    merged = await strengths(running), await strengths(running, other)
    await publish(running, touch("late", "Product Shared", key=VISITOR, **SHOE))
    await running.crm.post(f"{other}/unmerge", json={"reason": "it was not"})

    assert apart[0]["category:giày"], apart[1]["category:giày"] == (1.0, 3.0)
    assert [each["category:giày"] for each in merged] == [4.0, 4.0]
    assert await strengths(running) == apart[0]
    assert (await strengths(running, other))["category:giày"] == 5.0


async def test_actions_rest_on_facts_and_ask_consent(running: Running, clock: HandClock) -> None:
    await created(running, user_id="42", traits={"email": "huong@example.vn", "birthday": "1990-11-24"})
    await publish(running, touch("1", "Product Added", ago=timedelta(hours=2), **SHOE))

    found = await actions(running)
    assert list(found) == ["cart_left_behind", "birthday_near"]
    cart, near = found.values()
    assert cart["facts"][0]["value"] == "2026-11-21T07:00:00+00:00"
    assert near["sentence"] == "In 3 days is the customer's birthday (24 November): send congratulations."
    assert [(each["name"], each["value"]) for each in near["facts"]] == [
        ("birthday", "11-24"),
        ("next_birthday", "2026-11-24"),
        ("days_until", 3),
    ]
    assert (near["needs_message"], near["contact_allowed"], near["contact_reason"]) == (True, False, "no_consent")

    change = {"purpose": "marketing", "channel": "email", "state": "granted"}
    await running.crm.post(f"{URL}/consent", json={"changes": [change], "text_version": "1"})
    near = (await actions(running))["birthday_near"]
    assert (near["contact_allowed"], near["contact_reason"], near["contact_channel"]) == (True, "granted", "email")

    clock.time += timedelta(seconds=1)
    await running.crm.post(f"{URL}/consent", json={"changes": [{**change, "state": "withdrawn"}]})
    near = (await actions(running, language="vi-VN,en;q=0.5"))["birthday_near"]
    assert (near["contact_allowed"], near["contact_reason"], near["contact_channel"]) == (False, "withdrawn", None)
    assert near["sentence"] == "Còn 3 ngày nữa là sinh nhật của khách (24/11): hãy gửi lời chúc mừng."


async def test_what_may_be_done_comes_before_what_may_not(running: Running) -> None:
    await publish(running, touch("1", "Product Added", ago=timedelta(hours=2), **SHOE))

    found = await actions(running)

    assert list(found) == ["contact_data_missing", "cart_left_behind"]
    assert (found["contact_data_missing"]["contact_allowed"], found["contact_data_missing"]["contact_reason"]) == (
        None,
        "no_message",
    )
    assert (found["cart_left_behind"]["contact_allowed"], found["cart_left_behind"]["contact_reason"]) == (
        False,
        "no_address",
    )


async def test_the_preferred_channel_comes_first_where_it_is_allowed(running: Running) -> None:
    await created(running, user_id="42", traits={"email": "a@example.vn", "phone": "0912345678"})
    grants = [{"purpose": "marketing", "channel": channel, "state": "granted"} for channel in ("email", "zalo")]
    await running.crm.post(f"{URL}/consent", json={"changes": grants, "text_version": "1"})
    await put(running, "preferred_channel", "zalo")

    found = await read(running, "next-best-actions")

    assert [(each["channel"], each["allowed"]) for each in found["channels"]] == [
        ("zalo", True),
        ("email", True),
        ("phone", False),
        ("sms", False),
    ]


async def test_orders_welcome_the_new_and_miss_the_late(running: Running) -> None:
    await publish(
        running, touch("1", "Product Added", ago=timedelta(days=3), **SHOE), order("o1", ago=timedelta(days=2))
    )
    assert {"welcome_first_order", "contact_data_missing"} == set(await actions(running))

    late = [order(f"x{days}", ago=timedelta(days=days), key=VISITOR) for days in (90, 80, 70)]
    await created(running, anonymous_id="tablet")
    await publish(running, *late)
    overdue = (await actions(running, "/v1/customers/anonymous_id:tablet"))["purchase_overdue"]
    assert {each["name"]: each["value"] for each in overdue["facts"]} == {
        "last_order_at": (NOW - timedelta(days=70)).isoformat(),
        "days_since_last_order": 70,
        "usual_gap": 10,
        "purchase_days": 3,
    }

    await running.crm.post(
        "/v1/customers/anonymous_id:tablet/merge", json={"into": "user_id:42", "reason": "the same phone"}
    )
    # Together they bought two days ago, and not for the first time.
    assert set(await actions(running)) == {"contact_data_missing"}


async def test_nobody_is_nobody(running: Running) -> None:
    for what in ("preferences", "preference-history", "interests", "next-best-actions"):
        answer = await running.crm.get(f"/v1/customers/user_id:nobody/{what}")

        assert (answer.status_code, answer.json()["code"]) == (404, "profiles.customer_unknown")
        assert (await running.shop.get(f"{URL}/{what}")).status_code in (401, 403)


async def test_the_future_of_an_interest_is_refused(running: Running) -> None:
    tomorrow = (NOW + timedelta(days=1)).isoformat()

    answer = await running.crm.get(f"{URL}/interests", params={"as_of": tomorrow})

    assert (answer.status_code, answer.json()["code"]) == (422, "profiles.future_time")
    assert datetime.fromisoformat((await read(running, "interests"))["as_of"]) == NOW


async def test_what_a_shop_sends_becomes_interests(database_url: str) -> None:
    """In GA4's words, and by an SDK that sends the same twice: one view and one cart of a pair of shoes."""
    item = {"item_id": "SKU-7", "item_category": "Giày", "item_brand": "Biti's", "price": 10, "quantity": 2}
    calls = [
        {"event": "view_item", "messageId": "m1", "properties": {"items": [item]}},
        {"event": "add_to_cart", "messageId": "m2", "properties": {"items": [item]}},
        {"event": "view_item", "messageId": "m1", "properties": {"items": [item]}},
    ]
    async with running_platform(database_url, (touchpoints, profiles)) as running:
        for call in calls:
            assert (await running.shop.post("/v1/track", json={"userId": "42", **call})).status_code == 200
        await running.settled()

        assert await strengths(running) == {"brand:biti's": 4.0, "category:giày": 4.0, "product:SKU-7": 4.0}
