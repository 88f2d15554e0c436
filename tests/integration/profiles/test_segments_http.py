"""Segments and computed traits over HTTP, with the workers at work: as a CX owner and a shop see them."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from time import monotonic
from typing import Any
from uuid import uuid4

import pytest
from profiles_world import NOW, HandClock

from services.profiles.app import service as profiles
from services.touchpoints.app import service as touchpoints
from shared.ids import user_key
from shared.testing.platform import Running, running_platform

HUE = {"trait": "city", "eq": "Huế"}


@pytest.fixture
async def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def running(database_url: str, clock: HandClock) -> AsyncIterator[Running]:
    async with running_platform(database_url, (profiles, touchpoints), clock=clock) as platform:
        yield platform


async def customer(running: Running, user: str, **traits: Any) -> str:
    answer = await running.crm.post("/v1/customers", json={"user_id": user, "traits": traits})
    assert answer.status_code in (200, 201), answer.text
    return str(answer.json()["id"])


async def segment(running: Running, name: str, rule: dict[str, Any] | None) -> dict[str, Any]:
    kind = "static" if rule is None else "rule"
    answer = await running.crm.post("/v1/segments", json={"name": name, "kind": kind, "rule": rule})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def members(running: Running, segment_id: str) -> set[str]:
    answer = await running.crm.get(f"/v1/segments/{segment_id}/members")
    return {each["customer"] for each in answer.json()["items"]}


async def becomes(running: Running, segment_id: str, wanted: set[str], *, patience_seconds: float = 20.0) -> None:
    deadline = monotonic() + patience_seconds
    while (found := await members(running, segment_id)) != wanted:
        assert monotonic() < deadline, (found, wanted)
        await asyncio.sleep(0.05)


async def test_a_new_segment_takes_in_who_belongs_there_and_a_new_rule_asks_again(running: Running) -> None:
    one, other = await customer(running, "1", city="Huế"), await customer(running, "2", city="Đà Nẵng")
    made = await segment(running, "From Huế", HUE)
    await becomes(running, made["id"], {one})

    body = {"name": "Not from Huế", "version": 1, "rule": {"not": HUE}}
    changed = await running.crm.put(f"/v1/segments/{made['id']}", json=body)
    again = await running.crm.put(f"/v1/segments/{made['id']}", json=body)

    assert (changed.status_code, changed.json()["version"]) == (200, 2)
    assert (again.status_code, again.json()["code"], again.json()["version"]) == (409, "profiles.segment_moved", 2)
    await becomes(running, made["id"], {other})
    versions = await running.crm.get(f"/v1/segments/{made['id']}/versions")
    assert [(each["version"], each["name"], each["rule"]) for each in versions.json()["items"]] == [
        (2, "Not from Huế", {"not": HUE}),
        (1, "From Huế", HUE),
    ]


async def test_a_trait_moves_a_customer_at_once(running: Running) -> None:
    one = await customer(running, "1", city="Đà Nẵng")
    made = await segment(running, "From Huế", HUE)

    await running.crm.patch("/v1/customers/user_id:1/traits", json={"traits": {"city": "Huế"}})

    assert await members(running, made["id"]) == {one}
    belongs = await running.crm.get("/v1/customers/user_id:1/segments")
    assert belongs.json() == {
        "customer": one,
        "segments": [{"segment": made["id"], "name": "From Huế", "since": NOW.isoformat().replace("+00:00", "Z")}],
    }
    size = await running.crm.get(f"/v1/segments/{made['id']}")
    assert size.json()["members"] == 1


async def test_what_a_customer_does_counts(running: Running, clock: HandClock) -> None:
    buyers = await segment(running, "Buyers", {"computed": "net_minor", "currency": "VND", "gte": 100_000})
    viewers = await segment(running, "Viewers", {"event": "Product Viewed", "count": {"gte": 2}, "within_days": 2})
    batch = [
        {"type": "identify", "userId": "1", "traits": {"city": "Huế"}},
        {"type": "track", "userId": "1", "event": "Product Viewed"},
        {"type": "track", "userId": "1", "event": "Product Viewed"},
        {
            "type": "track",
            "userId": "1",
            "event": "Order Completed",
            "properties": {"order_id": "o1", "total": 150_000, "currency": "VND"},
        },
    ]
    sent = [{**each, "messageId": str(number), "timestamp": NOW.isoformat()} for number, each in enumerate(batch)]
    answer = await running.shop.post("/v1/batch", json={"batch": sent, "sentAt": NOW.isoformat()})
    assert answer.status_code == 200

    one = str(user_key("1"))
    await becomes(running, buyers["id"], {one})
    await becomes(running, viewers["id"], {one})
    computed = (await running.crm.get("/v1/customers/user_id:1/computed")).json()
    assert computed["orders"] == 1
    assert computed["money"] == {"VND": {"orders": 1, "gross_minor": 150_000, "refunds_minor": 0, "net_minor": 150_000}}
    assert computed["days_since_last_order"] == 0
    assert computed["events"]["Product Viewed"]["count"] == 2

    clock.time += timedelta(days=2)
    await becomes(running, viewers["id"], set())
    await becomes(running, buyers["id"], {one})
    later = (await running.crm.get("/v1/customers/user_id:1/computed")).json()
    assert later["days_since_last_order"] == 2


async def test_a_preview_counts_and_shows_some_before_anything_is_saved(running: Running) -> None:
    one, _ = await customer(running, "1", city="Huế"), await customer(running, "2", city="Đà Nẵng")

    found = (await running.crm.post("/v1/segments/preview", json={"rule": HUE})).json()

    assert (found["count"], found["margin"], found["is_exact"], found["looked_at"]) == (1, 0, True, 2)
    assert found["sample"] == [one]
    assert (await running.crm.get("/v1/segments")).json()["items"] == []


async def test_a_list_takes_members_and_rules_may_ask_for_it(running: Running) -> None:
    one, other = await customer(running, "1"), await customer(running, "2")
    vips = await segment(running, "VIPs", None)
    others = await segment(running, "Others", {"not": {"list": vips["id"]}})

    said = await running.crm.post(
        f"/v1/segments/{vips['id']}/members", json={"add": ["user_id:1", "user_id:none", other], "remove": ["nobody"]}
    )

    assert (said.json()["added"], said.json()["removed"]) == (2, 0)
    assert {(each["field"], each["position"], each["code"]) for each in said.json()["refused"]} == {
        ("add", 1, "profiles.customer_unknown"),
        ("remove", 0, "profiles.customer_unknown"),
    }
    assert await members(running, vips["id"]) == {one, other}
    removed = await running.crm.post(f"/v1/segments/{vips['id']}/members", json={"remove": ["user_id:2"]})
    assert removed.json()["removed"] == 1
    assert await members(running, vips["id"]) == {one}
    assert await members(running, others["id"]) == {other}
    in_use = await running.crm.delete(f"/v1/segments/{vips['id']}")
    assert (in_use.status_code, in_use.json()["segments"]) == (409, [others["id"]])
    by_rule = await running.crm.post(f"/v1/segments/{others['id']}/members", json={"add": ["user_id:1"]})
    assert (by_rule.status_code, by_rule.json()["code"]) == (409, "profiles.not_a_list")


async def test_a_merge_moves_members_and_an_unmerge_gives_them_back(running: Running) -> None:
    one, other = await customer(running, "1", city="Huế"), await customer(running, "2")
    made = await segment(running, "From Huế", HUE)
    await becomes(running, made["id"], {one})

    await running.crm.post("/v1/customers/user_id:1/merge", json={"into": "user_id:2", "reason": "one person"})
    assert await members(running, made["id"]) == {other}
    await running.crm.post("/v1/customers/user_id:1/unmerge", json={"reason": "they are two"})
    assert await members(running, made["id"]) == {one}


async def test_a_deleted_segment_is_gone_and_everybody_leaves_it(running: Running) -> None:
    one = await customer(running, "1", city="Huế")
    made = await segment(running, "From Huế", HUE)
    await becomes(running, made["id"], {one})

    assert (await running.crm.delete(f"/v1/segments/{made['id']}")).status_code == 204

    assert (await running.crm.get(f"/v1/segments/{made['id']}")).status_code == 404
    assert (await running.crm.get("/v1/customers/user_id:1/segments")).json()["segments"] == []
    assert (await segment(running, "from huế", HUE))["version"] == 1
    db = dict(zip(("profiles", "touchpoints"), [db for _, db in running.platform.databases()], strict=False))
    deadline = monotonic() + 20
    while True:
        async with db["profiles"].read() as tx:
            rows = await tx.execute("SELECT count(*) FROM segments")
            left = rows.scalar_one()
        if left == 1:
            break
        assert monotonic() < deadline
        await asyncio.sleep(0.05)


async def test_what_is_wrong_with_a_segment_is_said(running: Running) -> None:
    await segment(running, "Huế", HUE)
    for body, status, code in (
        ({"name": "hUẾ", "rule": HUE}, 409, "profiles.segment_name_taken"),
        ({"name": "A"}, 422, "profiles.rule_needed"),
        ({"name": "A", "kind": "static", "rule": HUE}, 422, "profiles.rule_needed"),
        ({"name": "A", "rule": {"and": [{"trait": "x"}]}}, 422, "profiles.bad_rule"),
        ({"name": "A", "rule": {"list": str(uuid4())}}, 422, "profiles.bad_rule"),
        ({"name": " ", "rule": HUE}, 422, "invalid"),
    ):
        answer = await running.crm.post("/v1/segments", json=body)
        assert (answer.status_code, answer.json()["code"]) == (status, code), body
    refused = await running.crm.post("/v1/segments/preview", json={"rule": {"and": [{"trait": "x", "eq": None}]}})
    (problem,) = refused.json()["problems"]
    assert (problem["pointer"], problem["code"]) == ("/and/0/eq", "not_a_value")
    assert "x" not in problem["message"].split()


async def test_pages_of_segments_and_of_members(running: Running) -> None:
    everybody = {await customer(running, f"c{number}", city="Huế") for number in range(5)}
    made = [await segment(running, f"S {number}", HUE) for number in range(3)]
    await becomes(running, made[0]["id"], everybody)

    for path, wanted, name in (
        ("/v1/segments", [each["id"] for each in reversed(made)], "id"),
        (f"/v1/segments/{made[0]['id']}/members", sorted(everybody), "customer"),
    ):
        found: list[str] = []
        cursor: dict[str, str] = {}
        while True:
            page = (await running.crm.get(path, params={"limit": 2, **cursor})).json()
            found += [each[name] for each in page["items"]]
            if page["next_cursor"] is None:
                break
            cursor = {"cursor": page["next_cursor"]}
        assert found == wanted
        assert (await running.crm.get(path, params={"cursor": "WzFd"})).json()["code"] == "bad_cursor"
