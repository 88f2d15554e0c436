"""Achievements over HTTP, as staff makes them and as a shop shows them to a customer."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.testing.platform import Running

NOWHERE = "01900000-0000-7000-8000-000000000000"
TWO_ANSWERS = {"counts": {"on": "survey"}, "goal": {"kind": "count", "target": 2}, "badge": "voice", "times": 2}

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def active(running: Running, **said: Any) -> dict[str, Any]:
    """An achievement in force."""
    body = {"name": f"a{uuid4().hex[:12]}", "achievement": {**TWO_ANSWERS, **said}}
    made = await running.crm.post("/v1/loyalty/achievements", json=body)
    assert made.status_code == 201, made.text
    assert made.json()["state"] == "draft"
    answer = await running.crm.post(f"/v1/loyalty/achievements/{made.json()['id']}/activate", json={})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def answers(running: Running, customer: str, number: int) -> None:
    """Somebody answers so many surveys, and who is concerned is looked at."""
    for _ in range(number):
        fact = {"kind": "survey", "id": str(uuid4()), "name": "nps", "customer": customer}
        assert (await running.crm.post("/v1/loyalty/earning/facts", json=fact)).json() == {"recorded": True}
    await running.platform.value("loyalty").achievement_settling.run()


async def test_a_customer_sees_how_far_they_are_and_what_they_hold(module_running: Running):
    crm, customer = module_running.crm, f"user_id:{uuid4()}"
    made = await active(module_running, rewards=[{"points": 30}], labels={"vi": "Người góp ý"})
    await answers(module_running, customer, 1)
    said = (await crm.get(f"/v1/loyalty/members/{customer}/achievements")).json()
    (mine,) = [each for each in said["achievements"] if each["name"] == made["name"]]
    assert (mine["value"], mine["missing"], mine["reached"], mine["labels"]) == (1, 1, 0, {"vi": "Người góp ý"})

    await answers(module_running, customer, 3)

    pages, cursor = [], None
    while True:
        params = {"limit": "1"} | ({"cursor": cursor} if cursor else {})
        page = (await crm.get(f"/v1/loyalty/members/{customer}/badges", params=params)).json()
        pages += [each for each in page["items"] if each["name"] == made["name"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert [(each["number"], each["badge"], each["problem"]) for each in pages] == [
        (2, "voice", None),
        (1, "voice", None),
    ]
    wallets = (await crm.get(f"/v1/loyalty/members/{customer}")).json()["wallets"]
    assert [each["available"] for each in wallets] == [60]
    holders = await crm.get(f"/v1/loyalty/achievements/{made['id']}/holders")
    assert holders.json() == {"persons": 1, "times": 2, "not_taken_back": 0}


async def test_staff_writes_changes_ends_and_archives(module_running: Running):
    crm, name = module_running.crm, f"a{uuid4().hex[:12]}"
    body = {"name": name, "achievement": TWO_ANSWERS}
    headers = {"Idempotency-Key": str(uuid4())}
    first, again = [await crm.post("/v1/loyalty/achievements", json=body, headers=headers) for _ in range(2)]
    assert (first.status_code, again.json()) == (201, first.json())
    path = f"/v1/loyalty/achievements/{first.json()['id']}"
    taken = await crm.post("/v1/loyalty/achievements", json=body)
    assert (taken.status_code, taken.json()["code"]) == (409, "loyalty.achievement_name_taken")
    changed = await crm.put(path, json={**body, "achievement": {**TWO_ANSWERS, "times": 5}})
    assert changed.json()["achievement"]["times"] == 5
    past = await crm.post(f"{path}/activate", json={"starts_at": "2020-01-01T00:00:00Z"})
    assert (past.status_code, past.json()["code"]) == (422, "loyalty.achievement_in_past")
    assert (await crm.post(f"{path}/activate", json={})).json()["state"] == "active"
    for method, end, said in (("PUT", "", body), ("DELETE", "", None), ("POST", "/archive", {})):
        refused = await crm.request(method, path + end, json=said)
        assert (refused.status_code, refused.json()["code"]) == (409, "loyalty.achievement_state"), method
    assert (await crm.post(f"{path}/end", json={})).json()["ends_at"] is not None
    assert (await crm.post(f"{path}/archive")).json()["state"] == "archived"
    listed = (await crm.get("/v1/loyalty/achievements", params={"state": "archived"})).json()["items"]
    assert first.json()["id"] in [each["id"] for each in listed]


async def test_what_is_not_there_or_makes_no_sense_is_said(module_running: Running):
    crm = module_running.crm
    for path in ("", "/holders"):
        assert (await crm.get(f"/v1/loyalty/achievements/{NOWHERE}{path}")).json()[
            "code"
        ] == "loyalty.achievement_unknown"
    bad = await crm.get("/v1/loyalty/members/somebody/achievements")
    assert (bad.status_code, bad.json()["code"]) == (422, "loyalty.achievement_bad_customer")
    cursor = await crm.get(f"/v1/loyalty/members/{UUID(NOWHERE)}/badges", params={"cursor": "x"})
    assert cursor.json()["code"] == "bad_cursor"
    for wrong in (
        {"goal": {"kind": "count", "target": -1}},
        {"goal": {"kind": "count", "target": 1.5}},
        {"period": "hour"},
    ):
        body = {"name": "x", "achievement": {**TWO_ANSWERS, **wrong}}
        assert (await crm.post("/v1/loyalty/achievements", json=body)).status_code == 422
    wallet = {"name": "x", "achievement": {**TWO_ANSWERS, "rewards": [{"points": 5, "wallet": "none"}]}}
    assert (await crm.post("/v1/loyalty/achievements", json=wallet)).json()["code"] == "loyalty.bad_achievement"
