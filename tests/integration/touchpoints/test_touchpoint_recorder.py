"""What becomes of what the door took: a touchpoint and its facts, once."""

from typing import Any

from touchpoint_log import of_kind, on_the_log

from shared.events.catalogue import touchpoints as facts
from shared.events.topics import INGEST, ORDERS, SUBSCRIPTIONS, TOUCHPOINTS
from shared.ids import derived_id, user_key
from shared.testing.platform import Running


def an_order(message_id: str, **properties: Any) -> dict[str, Any]:
    """An Order Completed of one customer, with some personal data that must go nowhere."""
    return {
        "type": "track",
        "event": "order_completed",
        "userId": "u1",
        "messageId": message_id,
        "timestamp": "1997-03-01T10:00:00Z",
        "properties": {
            "order_id": "o1",
            "total": 27.5,
            "currency": "USD",
            "email": "lan@shop.example",
            "products": [{"sku": "a", "name": "Áo dài", "quantity": 2}],
            **properties,
        },
        "context": {"ip": "203.0.113.9", "traits": {"email": "lan@shop.example"}, "locale": "vi-VN"},
    }


async def test_an_order_becomes_a_touchpoint_and_a_money_fact(running: Running) -> None:
    await running.shop.post("/v1/batch", json={"batch": [an_order("m1")]}, headers={"traceparent": TRACE})
    await running.settled()

    [received] = await on_the_log(running.platform.bus, INGEST)
    [placed] = await on_the_log(running.platform.bus, ORDERS)
    line = facts.OrderLine(sku="a", quantity=2)
    assert placed.data == facts.OrderPlaced(
        order_id="o1", total_minor=2750, currency="USD", source="web", items=2, lines=(line,)
    )
    assert placed.subject == user_key("u1")
    assert placed.time.isoformat() == "1997-03-01T10:00:00+00:00"
    # So that the time from the request to a changed figure can be measured.
    assert placed.recorded == received.recorded
    assert placed.traceparent == received.traceparent is not None
    assert placed.id == derived_id(str(received.id), facts.OrderPlaced.event_type)
    [recorded] = await on_the_log(running.platform.bus, TOUCHPOINTS)
    assert recorded.data == facts.TouchpointRecorded(
        source="web",
        call="track",
        name="Order Completed",
        properties={
            "order_id": "o1",
            "total": 27.5,
            "currency": "USD",
            "products": [{"sku": "a", "quantity": 2}],
        },
    )


TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def test_what_is_sent_twice_counts_once(running: Running) -> None:
    for _ in range(3):
        answer = await running.shop.post("/v1/batch", json={"batch": [an_order("m1"), an_order("m1")]})
        assert (answer.json()["accepted"], answer.json()["duplicates"]) == (1, 1)
    await running.settled()

    assert len(await on_the_log(running.platform.bus, INGEST)) == 3
    assert len(await on_the_log(running.platform.bus, ORDERS)) == 1
    page = (await running.crm.get("/v1/customers/user_id:u1/touchpoints")).json()
    assert len(page["items"]) == 1


async def test_the_same_message_id_of_another_source_is_another_event(running: Running) -> None:
    _, other = await running.platform.keyring.create("write", "app", source="app")

    await running.shop.post("/v1/track", json=an_order("m1"))
    await running.shop.post("/v1/track", json=an_order("m1"), auth=(other, ""))
    await running.settled()

    placed = await on_the_log(running.platform.bus, ORDERS)
    assert {event.data.source for event in placed if isinstance(event.data, facts.OrderPlaced)} == {"web", "app"}


async def test_no_personal_data_leaves_the_raw_topic(running: Running) -> None:
    identify = {"type": "identify", "userId": "u1", "traits": {"email": "lan@shop.example", "name": "Lan"}}
    await running.shop.post("/v1/batch", json={"batch": [an_order("m1"), identify]})
    await running.settled()

    async with running.platform.units["touchpoints"].db.read() as tx:
        rows = (await tx.execute("SELECT t::text FROM touchpoints t")).scalars().all()
    kept = "".join(rows)
    for topic in (ORDERS, TOUCHPOINTS):
        kept += "".join(event.data.model_dump_json() for event in await on_the_log(running.platform.bus, topic))
    assert len(rows) == 2
    for personal in ("lan@", "203.0.113.9", '"Lan"', "u1"):
        assert personal not in kept


async def test_the_life_of_an_order_and_a_subscription(running: Running) -> None:
    def track(event: str, **properties: Any) -> dict[str, Any]:
        return {"type": "track", "userId": "u1", "event": event, "properties": properties, "messageId": event}

    batch = [
        track("Order Completed", order_id="o1", total=100),
        track("Order Updated", order_id="o1", total=90),
        track("Order Refunded", order_id="o1", refund_id="r1", refund_amount=30),
        track("refund", transaction_id="o1"),
        track("Order Cancelled", order_id="o1"),
        track("Subscription Started", subscription_id="s1", mrr=9.9),
        track("Subscription Cancelled", subscription_id="s1", is_voluntary=True),
        track("Product Viewed", sku="a"),
    ]

    answer = await running.shop.post("/v1/batch", json={"batch": batch})
    await running.settled()

    assert answer.json()["accepted"] == 8
    orders = await on_the_log(running.platform.bus, ORDERS)
    # One partition per customer: they come in the order in which they were sent.
    assert [event.data for event in orders] == [
        facts.OrderPlaced(order_id="o1", total_minor=10000, currency="USD", source="web"),
        facts.OrderChanged(order_id="o1", total_minor=9000, currency="USD", source="web"),
        facts.OrderRefunded(order_id="o1", refund_id="r1", amount_minor=3000, currency="USD", source="web"),
        facts.OrderRefunded(order_id="o1", refund_id=f"event-{derived_id('web', 'refund')}", source="web"),
        facts.OrderCancelled(order_id="o1", source="web"),
    ]
    subscriptions = await on_the_log(running.platform.bus, SUBSCRIPTIONS)
    [started] = of_kind(subscriptions, facts.SubscriptionStarted)
    [ended] = of_kind(subscriptions, facts.SubscriptionCancelled)
    assert (started.data.mrr_minor, ended.data.is_voluntary) == (990, True)  # type: ignore[attr-defined] # by kind
    assert len(await on_the_log(running.platform.bus, TOUCHPOINTS)) == 8


async def test_refused_events_wait_in_the_quarantine(running: Running) -> None:
    bad = [{"type": "track", "userId": "u1", "messageId": f"m{i}"} for i in range(3)] + [7]
    for _ in range(2):
        await running.shop.post("/v1/batch", json={"batch": bad})
    await running.settled()

    path = "/v1/touchpoints/quarantine"
    page = (await running.crm.get(path, params={"limit": 3})).json()
    rest = (await running.crm.get(path, params={"limit": 3, "cursor": page["next_cursor"]})).json()
    assert page["counts"] == [
        {"source": "web", "code": "no_event", "events": 3},
        {"source": "web", "code": "not_an_object", "events": 1},
    ]
    items = page["items"] + rest["items"]
    assert sorted((each["code"], each["message_id"]) for each in items if each["message_id"]) == [
        ("no_event", "m0"),
        ("no_event", "m1"),
        ("no_event", "m2"),
    ]
    assert {each["raw"] for each in items} >= {"7", '{"type":"track","userId":"u1","messageId":"m0"}'}
    only = (await running.crm.get(path, params={"code": "not_an_object"})).json()
    assert [each["raw"] for each in only["items"]] == ["7"]


async def test_the_quarantine_is_for_operators(running: Running) -> None:
    _, key = await running.platform.keyring.create("secret", "reads", scopes=("touchpoints:read",))

    answer = await running.crm.get("/v1/touchpoints/quarantine", headers={"Authorization": f"Bearer {key}"})

    assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope")


async def test_what_was_kept_long_enough_is_deleted(running: Running) -> None:
    await running.shop.post("/v1/batch", json={"batch": [an_order("old"), an_order("new"), 1, 2]})
    await running.settled()
    unit = running.platform.units["touchpoints"]
    async with unit.db.write() as tx:
        await tx.execute("UPDATE touchpoints SET received_at = now() - interval '401 days' WHERE message_id = 'old'")
        await tx.execute("UPDATE quarantine SET received_at = now() - interval '31 days' WHERE raw = '1'")

    await unit.value.trim()

    async with unit.db.read() as tx:
        assert (await tx.execute("SELECT array_agg(message_id) FROM touchpoints")).scalar_one() == ["new"]
        assert (await tx.execute("SELECT array_agg(raw) FROM quarantine")).scalar_one() == ["2"]
