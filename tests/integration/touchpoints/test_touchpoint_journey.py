"""A customer's journey, as a CRM reads it."""

from typing import Any
from uuid import UUID

from services.touchpoints.app import service
from shared.bus.base import OutRecord
from shared.clock import SystemClock
from shared.events.catalogue.profiles import CustomerMerged, CustomerUnmerged
from shared.events.envelope import Event, encode
from shared.events.topics import IDENTITY
from shared.ids import anonymous_key, user_key, uuid7
from shared.runtime.progress import empty_projection
from shared.testing.platform import Running


def seen(message_id: str, day: int, *, event: str = "Product Viewed", **person: str) -> dict[str, Any]:
    """Something seen on a day of January 2026."""
    who = person or {"userId": "u1"}
    return {
        "type": "track",
        "event": event,
        "messageId": message_id,
        "timestamp": f"2026-01-{day:02}T09:00:00+07:00",
        **who,
    }


async def journey(running: Running, customer: str, **params: Any) -> list[str]:
    """The message ids of a customer's journey, over all its pages."""
    found: list[str] = []
    cursor: str | None = None
    while True:
        query = {**params, **({"cursor": cursor} if cursor else {})}
        answer = await running.crm.get(f"/v1/customers/{customer}/touchpoints", params=query)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert len(page["items"]) <= params.get("limit", 50)
        found += [item["message_id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            return found


async def merge(running: Running, event: CustomerMerged | CustomerUnmerged) -> None:
    """Announce who is the same person, as profiles does."""
    now = SystemClock().now()
    record = encode(Event(uuid7(), event.from_id, now, now, event))
    await running.platform.bus.append([OutRecord(IDENTITY.name, event.from_id.bytes, record)])
    await running.settled()


async def test_newest_first_in_pages(running: Running) -> None:
    events = [seen(f"m{day}", day) for day in (3, 1, 2, 5, 4)] + [seen(f"same-{i}", 6) for i in range(5)]
    await running.shop.post("/v1/batch", json={"batch": [*events, seen("other", 1, userId="u2")]})
    await running.settled()

    whole = await journey(running, "user_id:u1")

    assert whole[5:] == ["m5", "m4", "m3", "m2", "m1"]
    assert set(whole[:5]) == {f"same-{i}" for i in range(5)}
    for limit in (1, 2, 3, 10):
        assert await journey(running, "user_id:u1", limit=limit) == whole
    assert await journey(running, str(user_key("u1"))) == whole


async def test_filters_by_name_and_time(running: Running) -> None:
    batch = [seen("a", 1), seen("b", 2, event="order_cancelled"), seen("c", 3), seen("d", 4)]
    batch[1]["properties"] = {"order_id": "o1"}
    await running.shop.post("/v1/batch", json={"batch": batch})
    await running.settled()

    assert await journey(running, "user_id:u1", name="Order Cancelled") == ["b"]
    assert await journey(running, "user_id:u1", name="order cancelled") == ["b"]
    assert await journey(
        running, "user_id:u1", since="2026-01-02T09:00:00+07:00", until="2026-01-04T09:00:00+07:00"
    ) == [
        "c",
        "b",
    ]


async def test_a_merged_person_has_one_journey_and_an_unmerge_divides_it(running: Running) -> None:
    await running.shop.post(
        "/v1/batch",
        json={"batch": [seen("visit", 1, anonymousId="a1"), seen("login", 2), seen("later", 3, anonymousId="a1")]},
    )
    await running.settled()
    visitor, customer = anonymous_key("a1"), user_key("u1")

    await merge(running, CustomerMerged(from_id=visitor, into_id=customer, version=1, reason="identify"))
    for reference in ("user_id:u1", "anonymous_id:a1", str(visitor)):
        assert await journey(running, reference, limit=2) == ["later", "login", "visit"]

    await merge(running, CustomerUnmerged(from_id=visitor, into_id=customer, version=2, reason="manual"))
    assert await journey(running, "user_id:u1") == ["login"]
    assert await journey(running, "anonymous_id:a1") == ["later", "visit"]


async def test_who_is_whom_is_rebuilt_from_the_log(running: Running) -> None:
    await running.shop.post("/v1/batch", json={"batch": [seen("visit", 1, anonymousId="a1"), seen("login", 2)]})
    merged = CustomerMerged(from_id=anonymous_key("a1"), into_id=user_key("u1"), version=1, reason="identify")
    await merge(running, merged)

    await empty_projection(running.platform.units["touchpoints"].db, service.projections[0])
    await running.settled()

    assert await journey(running, "user_id:u1") == ["login", "visit"]


async def test_calls_of_each_kind_have_a_name(running: Running) -> None:
    batch: list[dict[str, Any]] = [
        {"type": "page", "name": "Home", "properties": {"path": "/", "url": "https://shop.example/?email=x"}},
        {"type": "screen", "name": "Cart"},
        {"type": "identify", "traits": {"email": "a@b.c"}},
        {"type": "group", "groupId": "g1"},
        {"type": "alias", "previousId": "a1"},
    ]
    await running.shop.post("/v1/batch", json={"batch": [{"userId": "u1", **each} for each in batch]})
    await running.settled()

    page = (await running.crm.get("/v1/customers/user_id:u1/touchpoints")).json()

    kept = {item["name"]: item["properties"] for item in page["items"]}
    assert kept == {
        "Page Viewed": {"name": "Home", "path": "/", "url": "https://shop.example/"},
        "Screen Viewed": {"name": "Cart"},
        "Identified": {},
        "Grouped": {},
        "Aliased": {},
    }


async def test_an_unknown_customer_has_an_empty_journey(running: Running) -> None:
    assert await journey(running, "user_id:nobody") == []
    assert await journey(running, str(UUID(int=5))) == []


async def test_bad_questions_are_refused_with_a_code(running: Running) -> None:
    for path, params, status, code in (
        ("not-an-id", {}, 422, "bad_customer"),
        ("email:a@b.c", {}, 422, "bad_customer"),
        ("user_id:u1", {"cursor": "nonsense"}, 400, "bad_cursor"),
        ("user_id:u1", {"cursor": "WyJhIiwgImIiXQ"}, 400, "bad_cursor"),
        ("user_id:u1", {"cursor": "WzEsMl0"}, 400, "bad_cursor"),
        ("user_id:u1", {"since": "2026-01-01T00:00:00"}, 422, "invalid"),
        ("user_id:u1", {"limit": 0}, 422, "invalid"),
    ):
        answer = await running.crm.get(f"/v1/customers/{path}/touchpoints", params=params)
        assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


async def test_a_write_key_reads_nothing(running: Running) -> None:
    answer = await running.shop.get("/v1/customers/user_id:u1/touchpoints")

    assert (answer.status_code, answer.json()["code"]) == (403, "wrong_key_kind")
