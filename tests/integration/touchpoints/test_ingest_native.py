"""The typed endpoint over HTTP."""

from typing import Any

from touchpoint_log import on_the_log

from shared.events.catalogue.touchpoints import TouchpointReceived
from shared.events.topics import INGEST, INGEST_REJECTED
from shared.testing.platform import Running


def a_purchase(**changes: Any) -> dict[str, Any]:
    """A typed Order Completed."""
    return {
        "type": "track",
        "event": "Order Completed",
        "user_id": "u1",
        "time": "2026-11-21T10:00:00+07:00",
        "properties": {"order_id": "o1", "total": "19.99", "currency": "USD"},
        **changes,
    }


async def test_good_and_bad_events_get_their_verdicts(door: Running) -> None:
    events = [a_purchase(message_id="m1"), a_purchase(naem=1), a_purchase(time="2026-11-21T10:00:00")]

    answer = await door.shop.post("/v1/events", json={"events": events})

    assert answer.status_code == 200
    assert answer.json()["accepted"] == 1
    assert [(each["index"], each["code"]) for each in answer.json()["rejected"]] == [
        (1, "unknown_field"),
        (2, "naive_time"),
    ]
    [event] = await on_the_log(door.platform.bus, INGEST)
    assert event.time.isoformat() == "2026-11-21T03:00:00+00:00"
    assert len(await on_the_log(door.platform.bus, INGEST_REJECTED)) == 2


async def test_nothing_but_bad_events_is_422_with_the_same_verdicts(door: Running) -> None:
    answer = await door.crm.post("/v1/events", json={"events": [a_purchase(type="buy"), 5]})

    assert answer.status_code == 422
    problem = answer.json()
    assert (problem["code"], problem["success"], problem["accepted"]) == ("all_events_refused", False, 0)
    assert [each["code"] for each in problem["rejected"]] == ["unknown_type", "not_an_object"]
    assert len(await on_the_log(door.platform.bus, INGEST_REJECTED)) == 2


async def test_an_idempotency_key_makes_missing_message_ids(door: Running) -> None:
    body = {"events": [a_purchase(), a_purchase(user_id="u2")]}

    for key in ("k1", "k1", "k2"):
        answer = await door.crm.post("/v1/events", json=body, headers={"Idempotency-Key": key})
        assert answer.json()["accepted"] == 2

    events = await on_the_log(door.platform.bus, INGEST)
    assert len(events) == 6
    assert len({event.id for event in events}) == 4


async def test_a_senseless_idempotency_key_is_refused(door: Running) -> None:
    for key in ("", "two words", "x" * 256):
        answer = await door.crm.post("/v1/events", json={"events": [a_purchase()]}, headers={"Idempotency-Key": key})
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_idempotency_key")


async def test_what_is_no_list_of_events_is_refused(door: Running) -> None:
    for body in ("[]", '{"batch": []}', '{"events": {}}', "null", "5"):
        answer = await door.crm.post("/v1/events", content=body)
        assert (answer.status_code, answer.json()["code"]) == (400, "no_batch")


async def test_a_browser_may_use_it_with_a_write_key(door: Running) -> None:
    answer = await door.shop.post("/v1/events", json={"events": [a_purchase()]}, headers={"Origin": "http://shop"})

    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (200, "http://shop")
    [event] = await on_the_log(door.platform.bus, INGEST)
    assert isinstance(event.data, TouchpointReceived)
    assert event.data.source == "web"
