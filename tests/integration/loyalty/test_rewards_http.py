"""Rewards over HTTP, as a till and staff use them."""

from typing import Any
from uuid import uuid4

import pytest

from shared.testing.platform import Running

# Of nothing. The same in every process: tests are told apart by it.
NOWHERE = "01900000-0000-7000-8000-000000000000"

pytestmark = pytest.mark.asyncio(loop_scope="module")

BAG = {"name": "Túi vải", "kind": "material", "points": 0}


async def made(running: Running, **rest: Any) -> dict[str, Any]:
    answer = await running.crm.post("/v1/loyalty/rewards", json={**BAG, **rest})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def buy(running: Running, reward: dict[str, Any], who: str, key: str | None = None, **rest: Any) -> Any:
    return await running.crm.post(
        f"/v1/loyalty/rewards/{reward['id']}/purchases",
        json={"customer": who, **rest},
        headers={"Idempotency-Key": key or str(uuid4())},
    )


async def test_from_the_catalogue_to_the_door(module_running: Running):
    crm, who = module_running.crm, f"user_id:{uuid4()}"
    reward = await made(module_running, stock=2, max_per_person=1)
    listed = (await crm.get("/v1/loyalty/rewards", params={"customer": who})).json()["items"]
    assert next(each for each in listed if each["id"] == reward["id"])["eligibility"]["is_eligible"] is True

    key = str(uuid4())
    first, again = [await buy(module_running, reward, who, key, reference="o-1") for _ in range(2)]
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert again.headers["idempotent-replayed"] == "true"
    other = await buy(module_running, reward, who, key, quantity=2)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    more = await buy(module_running, reward, who)
    assert (more.status_code, more.json()["code"]) == (409, "loyalty.reward_not_eligible")
    assert more.json()["reasons"] == [{"reason": "limit_reached", "limit": 1, "bought": 1}]

    purchase = first.json()
    waiting = await crm.get("/v1/loyalty/reward-purchases", params={"state": "ordered", "customer": who})
    assert waiting.json()["items"] == [purchase]
    done = await crm.post(f"/v1/loyalty/reward-purchases/{purchase['id']}/fulfil", json={"note": "VN123"})
    assert (done.status_code, done.json()["state"], done.json()["note"]) == (200, "fulfilled", "VN123")
    late = await crm.post(f"/v1/loyalty/reward-purchases/{purchase['id']}/cancel", json={})
    assert (late.status_code, late.json()["code"]) == (409, "loyalty.reward_purchase_settled")
    assert (await crm.get(f"/v1/loyalty/reward-purchases/{purchase['id']}")).json() == done.json()
    assert (await crm.get(f"/v1/loyalty/rewards/{reward['id']}")).json()["remaining"] == 1


async def test_a_place_at_an_event_is_bought_and_handed_over_at_its_door(module_running: Running):
    crm, who = module_running.crm, f"user_id:{uuid4()}"
    night = {"kind": "event", "name": "Đêm trà sen"}
    to_come, begun = [
        await made(module_running, **night, stock=2, happens_at=at)
        for at in ("2099-12-31T19:00:00+07:00", "2020-12-31T19:00:00+07:00")
    ]

    bought = (await buy(module_running, to_come, who, quantity=2)).json()
    door = await crm.post(f"/v1/loyalty/reward-purchases/{bought['id']}/fulfil", json={"note": "A-12"})
    late = await buy(module_running, begun, who)

    assert to_come["terms"]["happens_at"] == "2099-12-31T12:00:00Z"
    assert (door.json()["state"], door.json()["quantity"]) == ("fulfilled", 2)
    assert (late.status_code, [each["reason"] for each in late.json()["reasons"]]) == (409, ["begun"])


async def test_points_that_are_missing_are_counted(module_running: Running):
    reward = await made(module_running, points=700)
    who = f"user_id:{uuid4()}"

    asked = await module_running.crm.get(
        f"/v1/loyalty/rewards/{reward['id']}/eligibility", params={"customer": who, "quantity": "2"}
    )
    refused = await buy(module_running, reward, who, quantity=2)

    missing = {"reason": "insufficient_points", "required": 1_400, "available": 0, "missing": 1_400}
    assert asked.json() == {"is_eligible": False, "points": 1_400, "reasons": [missing]}
    assert refused.json()["reasons"] == [missing]


async def test_rewards_and_purchases_are_listed_page_by_page(module_running: Running):
    crm, who = module_running.crm, f"user_id:{uuid4()}"
    rewards = [await made(module_running, state="archived") for _ in range(3)]
    shop = await made(module_running)
    purchases = [(await buy(module_running, shop, who)).json() for _ in range(3)]
    for path, params, expected in (
        ("rewards", {"state": "archived"}, rewards),
        ("reward-purchases", {"reward": shop["id"]}, purchases),
    ):
        seen, cursor = [], None
        for _ in range(2):
            page = await crm.get(
                f"/v1/loyalty/{path}", params={**params, "limit": "2", **({"cursor": cursor} if cursor else {})}
            )
            seen += [each["id"] for each in page.json()["items"]]
            cursor = page.json()["next_cursor"]
        assert (seen, cursor) == ([each["id"] for each in reversed(expected)], None)


@pytest.mark.parametrize(
    ("method", "path", "body", "code"),
    [
        ("GET", f"rewards/{NOWHERE}", None, "loyalty.reward_unknown"),
        ("POST", f"rewards/{NOWHERE}/purchases", {"customer": "user_id:1"}, "loyalty.reward_unknown"),
        ("POST", f"rewards/{NOWHERE}/purchases", {"customer": "ann"}, "loyalty.reward_bad_customer"),
        ("POST", f"rewards/{NOWHERE}/purchases", {"customer": "user_id:1", "quantity": 0}, "invalid"),
        ("POST", f"rewards/{NOWHERE}/purchases", {"customer": "user_id:1", "quantity": 1.5}, "invalid"),
        ("POST", f"rewards/{NOWHERE}/stock", {"units": 1}, "loyalty.reward_unknown"),
        ("PUT", f"rewards/{NOWHERE}", {**BAG, "version": 1}, "loyalty.reward_unknown"),
        ("GET", f"reward-purchases/{NOWHERE}", None, "loyalty.reward_purchase_unknown"),
        ("POST", f"reward-purchases/{NOWHERE}/cancel", {}, "loyalty.reward_purchase_unknown"),
        ("POST", f"reward-purchases/{NOWHERE}/fulfil", {}, "loyalty.reward_purchase_unknown"),
        ("GET", "reward-purchases?cursor=x", None, "bad_cursor"),
        ("GET", "rewards?customer=ann", None, "loyalty.reward_bad_customer"),
        ("POST", "rewards", {**BAG, "wallet": "gold"}, "loyalty.unknown_wallet"),
    ],
)
async def test_what_is_not_there_and_what_makes_no_sense(
    module_running: Running, method: str, path: str, body: dict[str, Any] | None, code: str
):
    answer = await module_running.crm.request(method, f"/v1/loyalty/{path}", json=body)

    assert answer.json()["code"] == code, answer.text
