"""Conditions on sequences, consent, personas, points, tiers and scores, as a CX owner sees them: live, over HTTP."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

import pytest
from profiles_world import NOW, HandClock

from services.profiles.app import service as profiles
from services.touchpoints.app import service as touchpoints
from shared.bus.base import OutRecord
from shared.events.catalogue.loyalty import PointsEarned, TierChanged
from shared.events.catalogue.loyalty_rows import TierKept
from shared.events.envelope import Event, encode
from shared.ids import user_key, uuid7
from shared.testing.platform import Running, running_platform

WORDS = {"owner": "CX", "texts": {"vi": {"name": "Chị Lan", "summary": "Mua sắm buổi tối"}}}


@pytest.fixture
async def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def running(database_url: str, clock: HandClock) -> AsyncIterator[Running]:
    async with running_platform(database_url, (profiles, touchpoints), clock=clock) as platform:
        yield platform


async def segment(running: Running, name: str, rule: dict[str, Any]) -> str:
    answer = await running.crm.post("/v1/segments", json={"name": name, "rule": rule})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def refused(running: Running, rule: dict[str, Any]) -> str:
    """The code of what is wrong with a rule; the sentence says how to mend it."""
    answer = await running.crm.post("/v1/segments/preview", json={"rule": rule})
    assert answer.status_code == 422, answer.text
    (problem,) = answer.json()["problems"]
    assert problem["message"].endswith(".")
    return str(problem["code"])


async def members(running: Running, segment_id: str) -> set[str]:
    answer = await running.crm.get(f"/v1/segments/{segment_id}/members")
    return {each["customer"] for each in answer.json()["items"]}


async def becomes(running: Running, segment_id: str, wanted: set[str], *, patience_seconds: float = 20.0) -> None:
    deadline = monotonic() + patience_seconds
    while (found := await members(running, segment_id)) != wanted:
        assert monotonic() < deadline, (found, wanted)
        await asyncio.sleep(0.05)


async def customer(running: Running, user: str) -> str:
    return str((await running.crm.post("/v1/customers", json={"user_id": user})).json()["id"])


async def told(running: Running, *events: Event[Any]) -> None:
    """What loyalty would send."""
    topic = events[0].data.topic.name
    await running.platform.bus.append([OutRecord(topic, each.subject.bytes, encode(each)) for each in events])


async def test_one_thing_after_another_with_nothing_in_between(running: Running, clock: HandClock) -> None:
    left = {"sequence": ["Product Added", "Cart Viewed"], "within_hours": 2, "without": ["Order Completed"]}
    ever = await segment(running, "Undecided", left)
    lately = await segment(running, "Undecided today", {**left, "days_since_last": {"lte": 1}})
    steps = [
        *(
            ("1", "Product Added", 180),
            ("1", "Cart Viewed", 120),
            ("2", "Product Added", 170),
            ("2", "Cart Viewed", 10),
        ),
        *(("3", "Cart Viewed", 100), ("3", "Product Added", 90)),
    ]
    batch = [
        {
            "type": "track",
            "userId": user,
            "event": event,
            "messageId": str(number),
            "timestamp": (NOW - timedelta(minutes=ago)).isoformat(),
        }
        for number, (user, event, ago) in enumerate(steps)
    ]
    assert (await running.shop.post("/v1/batch", json={"batch": batch, "sentAt": NOW.isoformat()})).status_code == 200

    one = str(user_key("1"))
    await becomes(running, ever, {one})
    await becomes(running, lately, {one})
    clock.time += timedelta(hours=22, minutes=1)
    await becomes(running, lately, set())
    assert await members(running, ever) == {one}


async def test_what_a_customer_allows_moves_them_at_once_and_its_end_too(running: Running, clock: HandClock) -> None:
    rule = {"consent": "granted", "purpose": "marketing", "channel": "email"}
    allowed = await segment(running, "May be written to", rule)
    gone = await segment(running, "Ended", {**rule, "consent": "expired"})
    silent = await segment(running, "Never asked", {**rule, "consent": "none"})
    one = await customer(running, "1")
    await becomes(running, silent, {one})
    change = {"purpose": "marketing", "channel": "email", "state": "granted"}
    until = (NOW + timedelta(hours=5)).isoformat()
    body = {"changes": [{**change, "expires_at": until}], "text_version": "v1"}

    said = await running.crm.post("/v1/customers/user_id:1/consent", json=body)

    assert said.status_code == 200, said.text
    assert (await members(running, allowed), await members(running, silent)) == ({one}, set())
    clock.time += timedelta(hours=5)
    await becomes(running, gone, {one})
    assert await members(running, allowed) == set()
    assert await refused(running, {**rule, "purpose": "transactional"}) == "unknown_purpose"
    assert await refused(running, {**rule, "channel": "fax"}) == "unknown_channel"


async def test_a_persona_and_a_segment_in_a_rule_follow_what_they_are(running: Running) -> None:
    one, other = await customer(running, "1"), await customer(running, "2")
    await running.crm.patch("/v1/customers/user_id:1/traits", json={"traits": {"city": "Huế"}})
    hue = await segment(running, "Huế", {"trait": "city", "eq": "Huế"})
    persona = {"key": "lan", "status": "draft", "segment": hue, **WORDS}
    assert (await running.crm.post("/v1/personas", json=persona)).status_code == 201
    like_lan = await segment(running, "Like Lan", {"persona": "lan"})
    unlike = await segment(running, "Unlike", {"not": {"segment": like_lan}})
    await becomes(running, unlike, {one, other})

    del persona["key"]
    assert (await running.crm.put("/v1/personas/lan", json={**persona, "status": "active"})).status_code == 200

    await becomes(running, like_lan, {one})
    await becomes(running, unlike, {other})
    body = {"name": "Huế", "version": 1, "rule": {"trait": "city", "exists": False}}
    assert (await running.crm.put(f"/v1/segments/{hue}", json=body)).status_code == 200
    await becomes(running, like_lan, {other})
    await becomes(running, unlike, {one})

    ring = await running.crm.put(f"/v1/segments/{hue}", json={**body, "version": 2, "rule": {"segment": unlike}})
    assert (ring.status_code, ring.json()["problems"][0]["code"]) == (422, "cycle")
    itself = await running.crm.put("/v1/personas/lan", json={**persona, "status": "active", "segment": like_lan})
    assert (itself.status_code, itself.json()["code"]) == (409, "profiles.persona_cycle")
    for id_, users, personas in ((hue, [], ["lan"]), (like_lan, [unlike], [])):
        in_use = await running.crm.delete(f"/v1/segments/{id_}")
        assert (in_use.status_code, in_use.json()["segments"], in_use.json()["personas"]) == (409, users, personas)
    assert await refused(running, {"persona": "nobody"}) == "unknown_persona"
    assert await refused(running, {"segment": str(uuid7())}) == "unknown_segment"


def points(user: str, version: int, available: int) -> Event[Any]:
    data = PointsEarned(
        transaction_id=uuid7(), wallet="points", version=version, points=1, available=available, pending=0, held=0,
        debt=0, reason="order",
    )  # fmt: skip
    return Event(uuid7(), user_key(user), NOW, NOW, data)


async def test_points_and_tiers_are_what_loyalty_told_last(running: Running) -> None:
    one, other = await customer(running, "1"), await customer(running, "2")
    rich = await segment(running, "Rich", {"computed": "points", "wallet": "points", "gte": 100})
    gold = await segment(running, "Gold", {"computed": "tier", "track": "main", "eq": "gold"})
    data = TierChanged(track="main", tier="gold", rank=3, previous=None, version=1, reason="qualified")
    since, until = NOW - timedelta(days=3), NOW + timedelta(days=90)
    longer = TierKept(track="main", tier="gold", rank=3, version=2, since=since, valid_until=until)

    await told(
        running,
        points("1", 2, 60),
        points("1", 1, 900),
        points("2", 1, 50),
        Event(uuid7(), user_key("1"), NOW, NOW, data),
        Event(uuid7(), user_key("1"), NOW, NOW, longer),
    )

    await becomes(running, gold, {one})
    assert await members(running, rich) == set()
    await running.crm.post("/v1/customers/user_id:1/merge", json={"into": "user_id:2", "reason": "one person"})
    assert (await members(running, rich), await members(running, gold)) == ({other}, {other})
    computed = (await running.crm.get("/v1/customers/user_id:2/computed")).json()
    assert computed["points"] == {"points": 110}
    assert (computed["tiers"]["main"]["tier"], computed["tiers"]["main"]["rank"]) == ("gold", 3)
    assert datetime.fromisoformat(computed["tiers"]["main"]["valid_until"]) == until
    assert datetime.fromisoformat(computed["tiers"]["main"]["since"]) == since
    await running.crm.post("/v1/customers/user_id:1/unmerge", json={"reason": "they are two"})
    assert (await members(running, rich), await members(running, gold)) == (set(), {one})


async def test_scores_follow_the_scale_and_quintiles_are_taken_anew_once_a_day(
    running: Running, clock: HandClock
) -> None:
    batch = [
        {
            "type": "track",
            "userId": f"u{user}",
            "event": "Order Completed",
            "messageId": f"{user}-{number}",
            "timestamp": (NOW - timedelta(days=user * 10, hours=number)).isoformat(),
            "properties": {"order_id": f"o{user}-{number}", "total": 100_000 * (user + 1), "currency": "VND"},
        }
        for user in range(5)
        for number in range(user + 1)
    ]
    assert (await running.shop.post("/v1/batch", json={"batch": batch, "sentAt": NOW.isoformat()})).status_code == 200
    users = [str(user_key(f"u{user}")) for user in range(5)]
    often = await segment(running, "Often", {"rfm": "frequency", "gte": 4})
    lately = await segment(running, "Lately", {"rfm": "recency", "eq": 5})
    await becomes(running, often, {users[4]})
    await becomes(running, lately, set(users[:4]))
    assert await refused(running, {"rfm": "monetary", "gte": 4}) == "no_currency"

    url = "/v1/rfm-scale"
    assert (await running.crm.get(url)).json()["version"] == 0
    scale = (await running.crm.put(url, json={"basis": "quintiles", "currency": "VND"})).json()

    assert (scale["version"], scale["people"], scale["recency_days"]) == (1, 5, [0, 10, 20, 30])
    assert (scale["orders"], scale["net_minor"]) == ([2, 3, 4, 5], [100_001, 400_001, 900_001, 1_600_001])
    await becomes(running, lately, {users[0]})
    await becomes(running, often, set(users[3:]))
    top = await segment(running, "Top", {"rfm": "monetary", "eq": 5})
    await becomes(running, top, {users[4]})
    computed = (await running.crm.get("/v1/customers/user_id:u3/computed")).json()
    assert computed["rfm"] == {"recency": 2, "frequency": 4, "monetary": 4}

    clock.time += timedelta(days=1)
    service = running.platform.value("profiles")
    assert await service.rfm.take_anew()
    assert not await service.rfm.take_anew()
    again = (await running.crm.get(url)).json()
    assert (again["version"], again["set_by"], again["recency_days"]) == (2, "schedule", [1, 11, 21, 31])
    fixed = {"basis": "fixed", "recency_days": [1, 2, 2, 4]}
    assert (await running.crm.put(url, json=fixed)).status_code == 422
    moved = await running.crm.put(url, json={"basis": "fixed"}, headers={"If-Match": "1"})
    assert (moved.status_code, moved.json()["version"]) == (412, 2)
    assert (await running.crm.put(url, json={"basis": "fixed"}, headers={"If-Match": "2"})).json()["version"] == 3
    assert [each["version"] for each in (await running.crm.get(f"{url}/versions")).json()["items"]] == [3, 2, 1]
