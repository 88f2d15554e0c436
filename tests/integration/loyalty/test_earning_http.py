"""Earning rules over HTTP, as staff and shops use them; bad input is refused with a code and a place."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from earning_world import PER_10K, placed
from httpx import AsyncClient

from services.loyalty.app import service as manifest
from services.loyalty.service import LoyaltyService
from shared.ids import user_key
from shared.testing.platform import Running

pytestmark = pytest.mark.asyncio(loop_scope="module")

RULES = "/v1/loyalty/earning/rules"
PAST = datetime(2026, 1, 5, 2, tzinfo=UTC)


@pytest_asyncio.fixture(loop_scope="module")
async def crm(module_running: Running) -> AsyncIterator[AsyncClient]:
    """The CRM; whatever rules a test leaves behind are ended."""
    yield module_running.crm
    listed = (await module_running.crm.get(RULES)).json()["items"]
    for rule in listed:
        if rule["state"] == "draft" and rule["version"] == 1:
            await module_running.crm.delete(f"{RULES}/{rule['id']}")
        elif rule["state"] != "ended":
            ended = {"version": rule["version"], "name": rule["name"], "state": "ended", "rule": rule["rule"]}
            assert (await module_running.crm.put(f"{RULES}/{rule['id']}", json=ended)).is_success


async def tell(running: Running, *events: Any) -> None:
    loyalty: LoyaltyService = running.platform.value("loyalty")
    handler = next(each for each in manifest.subscriptions if each.group == "loyalty.orders").handler
    async with loyalty.db.write() as tx:
        await handler(loyalty, tx, list(events))


def named(**more: Any) -> dict[str, Any]:
    return {"name": f"rule {uuid4()}", "state": "active", "rule": PER_10K, **more}


async def test_a_rule_is_made_read_changed_and_ended(crm: AsyncClient):
    made = await crm.post(RULES, json=named(name="1 điểm cho 10.000 đ"), headers={"Idempotency-Key": str(uuid4())})
    rule = made.json()
    url = f"{RULES}/{rule['id']}"
    double = {**PER_10K, "effect": {**PER_10K["effect"], "points": "2"}}
    change = {"version": 1, "name": rule["name"], "state": "active", "rule": double}

    changed = await crm.put(url, json=change)
    again = await crm.put(url, json=change)
    deleted = await crm.delete(url)
    versions = (await crm.get(f"{url}/versions")).json()

    assert (made.status_code, rule["version"], rule["rule"]["effect"]["points"]) == (201, 1, "1")
    assert (changed.status_code, (await crm.get(url)).json()["version"]) == (200, 2)
    assert (again.status_code, again.json()["code"]) == (409, "loyalty.rule_moved")
    assert (deleted.status_code, deleted.json()["code"]) == (409, "loyalty.rule_lives")
    assert [(each["version"], each["rule"]["effect"]["points"]) for each in versions] == [(2, "2"), (1, "1")]


async def test_conditions_in_one_another_are_read_back_as_they_were_written(crm: AsyncClient):
    inner = {"any_of": [{"first_order": True}, {"lines": {"categories": ["Trà"]}, "none_of": [{"sources": ["pos"]}]}]}
    text = json.dumps(named(rule={**PER_10K, "conditions": "DEEP"}))
    deep = [
        text.replace('"DEEP"', '{"any_of": [' * n + '{"first_order": true}' + "]}" * n) for n in (4, 60, 400, 5_000)
    ]

    made = await crm.post(RULES, json=named(rule={**PER_10K, "conditions": inner}))
    refused = [await crm.post(RULES, content=each, headers={"Content-Type": "application/json"}) for each in deep]

    read = (await crm.get(f"{RULES}/{made.json()['id']}")).json()["rule"]["conditions"]
    assert (made.status_code, read["any_of"][1]["none_of"][0]["sources"]) == (201, ["pos"])
    assert read["any_of"][1]["lines"]["categories"] == ["Trà"]
    assert [each.status_code for each in refused] == [422, 422, 422, 400]


async def test_the_same_request_again_makes_no_second_rule(crm: AsyncClient):
    body, headers = named(), {"Idempotency-Key": str(uuid4())}

    first = await crm.post(RULES, json=body, headers=headers)
    again = await crm.post(RULES, json=body, headers=headers)
    other = await crm.post(RULES, json=body)

    assert first.json() == again.json()
    assert (other.status_code, other.json()["code"]) == (409, "loyalty.rule_name_taken")


@pytest.mark.parametrize(
    ("rule", "pointer", "code"),
    [
        ({**PER_10K, "wallet": "sao"}, "/wallet", "unknown_wallet"),
        (
            {**PER_10K, "conditions": {"tiers": {"track": "x", "any_of": ["y"]}}},
            "/conditions/tiers/track",
            "unknown_track",
        ),
        (
            {**PER_10K, "conditions": {"none_of": [{"tiers": {"track": "x", "any_of": ["y"]}}]}},
            "/conditions/none_of/0/tiers/track",
            "unknown_track",
        ),
        ({**PER_10K, "from": "2026-02-02", "until": "2026-02-01"}, "/until", "contradiction"),
    ],
)
async def test_a_rule_that_cannot_work_is_refused_with_its_place(
    crm: AsyncClient, rule: dict[str, Any], pointer: str, code: str
):
    answer = await crm.post(RULES, json=named(rule=rule))

    assert (answer.status_code, answer.json()["code"]) == (422, "loyalty.bad_rule")
    assert [(each["pointer"], each["code"]) for each in answer.json()["problems"]] == [(pointer, code)]


@pytest.mark.parametrize(
    ("rule", "pointer"),
    [
        ({**PER_10K, "effect": {"kind": "fixed", "points": -1}}, "/rule/effect/fixed/points"),
        ({**PER_10K, "effect": {"kind": "fixed", "points": 0.5}}, "/rule/effect/fixed/points"),
        ({**PER_10K, "caps": [{"per": "aeon", "points": 1}]}, "/rule/caps/0/per"),
        ({"effect": PER_10K["effect"]}, "/rule/trigger"),
    ],
)
async def test_a_type_error_is_refused_with_its_place(crm: AsyncClient, rule: dict[str, Any], pointer: str):
    answer = await crm.post(RULES, json=named(rule=rule))

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)


async def test_two_rules_of_a_group_never_have_one_priority(crm: AsyncClient):
    grouped = {**PER_10K, "group": "base", "priority": 7}
    assert (await crm.post(RULES, json=named(rule=grouped))).status_code == 201

    answer = await crm.post(RULES, json=named(rule=grouped))

    assert answer.json()["problems"][0]["code"] == "priority_taken"


async def test_a_rule_in_the_past_must_be_meant(crm: AsyncClient):
    answer = await crm.post(RULES, json=named(effective_from=PAST.isoformat()))

    assert (answer.status_code, answer.json()["code"]) == (422, "loyalty.rule_in_past")


async def test_a_rule_is_tried_on_the_past_before_it_goes_live(crm: AsyncClient, module_running: Running):
    people = [f"trial-{uuid4()}" for _ in range(3)]
    for number, person in enumerate(people):
        await tell(module_running, placed(f"{person}-1", person, (number + 1) * 100_000, at=PAST))
    ask = {
        "rule": {**PER_10K, "conditions": {"amount": {"currency": "VND", "at_least_minor": 200_000}}},
        "from": (PAST - timedelta(days=1)).isoformat(),
        "until": (PAST + timedelta(days=1)).isoformat(),
        "value": {"currency": "VND", "minor_per_point": "250.5"},
    }

    told = (await crm.post(f"{RULES}/preview", json=ask)).json()

    assert (told["persons_earning"], told["facts_earning"], told["points"], told["is_complete"]) == (2, 2, 50, True)
    assert told["largest"][0] == {"customer": str(user_key(people[2])), "points": 30, "facts": 1}
    assert told["cost"] == {"minor": 12_525, "currency": "VND"}
    assert (await crm.get(f"/v1/loyalty/members/user_id:{people[2]}/awards")).json()["items"] == []


async def test_a_basket_is_reckoned_and_an_order_explained(crm: AsyncClient, module_running: Running):
    person = f"why-{uuid4()}"
    tea = {"lines": {"categories": ["Trà"]}}
    await crm.post(RULES, json=named(name=f"goods {person}"))
    await crm.post(RULES, json=named(name=f"tea {person}", rule={**PER_10K, "conditions": tea}))
    lines = [{"category": "Trà", "unit_minor": 60_000, "quantity": 2}, {"category": "Bánh", "unit_minor": 55_000}]
    basket = {"customer": f"user_id:{person}", "currency": "VND", "shipping_minor": 25_000, "lines": lines}

    quoted = (await crm.post("/v1/loyalty/earning/quote", json=basket)).json()
    now = datetime.now(UTC)
    await tell(module_running, placed(f"o-{person}", person, 99_000, at=now))
    why = (await crm.get(f"/v1/loyalty/earning/orders/o-{person}")).json()
    awards = (await crm.get(f"/v1/loyalty/members/user_id:{person}/awards")).json()["items"]

    assert quoted["points"] == {"points": 17 + 12}
    assert [each["by_line"] for each in quoted["given"]] == [[12, 5], [12, 0]]
    assert why["points"] == {"points": 9}
    assert [(each["rule_name"], each["reason"]) for each in why["refused"]] == [(f"tea {person}", "lines:unknown")]
    assert [(each["source"], each["points"]) for each in awards] == [(f"order:o-{person}", 9)]


async def test_a_birthday_comes_once_a_year(crm: AsyncClient):
    person = f"born-{uuid4()}"
    rule = {"trigger": {"on": "birthday"}, "effect": {"kind": "fixed", "points": 100}}
    await crm.post(RULES, json=named(rule=rule, effective_from=PAST.isoformat(), retroactive=True))

    async def say(id_: str, at: datetime) -> Any:
        fact = {"kind": "birthday", "id": id_, "customer": f"user_id:{person}", "occurred_at": at.isoformat()}
        return (await crm.post("/v1/loyalty/earning/facts", json=fact)).json()

    assert await say(f"{person}-a", PAST + timedelta(days=1)) == {"recorded": True}
    assert await say(f"{person}-a", PAST + timedelta(days=1)) == {"recorded": False}
    await say(f"{person}-b", PAST + timedelta(days=30))
    assert (await say("next", datetime.now(UTC) + timedelta(days=9)))["code"] == "loyalty.future_fact"
    awards = (await crm.get(f"/v1/loyalty/members/user_id:{person}/awards")).json()["items"]

    assert [each["points"] for each in awards] == [100]


async def test_pages_of_awards(crm: AsyncClient, module_running: Running):
    person = f"page-{uuid4()}"
    await crm.post(RULES, json=named(effective_from=PAST.isoformat(), retroactive=True))
    await tell(
        module_running,
        *(placed(f"{person}-{n}", person, 10_000 * (n + 1), at=PAST + timedelta(days=n)) for n in range(5)),
    )
    url, seen, cursor = f"/v1/loyalty/members/user_id:{person}/awards", [], None
    while True:
        page = (await crm.get(url, params={"limit": 2, **({"cursor": cursor} if cursor else {})})).json()
        seen += [each["points"] for each in page["items"]]
        if (cursor := page["next_cursor"]) is None:
            break

    assert seen == [5, 4, 3, 2, 1]


@pytest.mark.parametrize(
    ("method", "url", "status", "code"),
    [
        ("GET", f"{RULES}/{UUID(int=1)}", 404, "loyalty.rule_unknown"),
        ("GET", f"{RULES}/{UUID(int=1)}/versions", 404, "loyalty.rule_unknown"),
        ("DELETE", f"{RULES}/{UUID(int=1)}", 404, "loyalty.rule_unknown"),
        ("GET", f"{RULES}?cursor=x", 400, "bad_cursor"),
        ("GET", "/v1/loyalty/members/nobody/awards", 400, "loyalty.bad_customer"),
        ("GET", "/v1/loyalty/members/user_id:x/awards?cursor=WzEsMiwzXQ", 400, "bad_cursor"),
        ("GET", "/v1/loyalty/earning/orders/no-such-order", 404, "loyalty.fact_unknown"),
    ],
)
async def test_what_is_not_there(crm: AsyncClient, method: str, url: str, status: int, code: str):
    answer = await crm.request(method, url)

    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_a_shop_s_key_may_not_see_rules(module_running: Running):
    assert (await module_running.shop.get(RULES)).status_code == 403
