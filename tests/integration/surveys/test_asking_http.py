"""Asking over HTTP, with one platform for all tests: policies, contact rules, invitations, decisions, and why."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from services.profiles.app import service as profiles
from services.surveys.app import service as surveys
from services.touchpoints.app import service as touchpoints
from shared.ids import user_key
from shared.testing.platform import Running, running_platform
from shared.testing.postgres import fresh_database

pytestmark = pytest.mark.asyncio(loop_scope="module")

_PEOPLE = count(1)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(pg_url: str) -> AsyncIterator[Running]:
    async with fresh_database(pg_url) as url, running_platform(url, (touchpoints, profiles, surveys)) as platform:
        rules = {"version": 0, "budget": [{"limit": 1, "window_days": 30}], "quiet": None}
        assert (await platform.crm.put("/v1/contact-rules", json=rules)).status_code == 200
        yield platform


def somebody() -> str:
    return f"user_id:lan-{next(_PEOPLE)}"


async def survey(running: Running, **terms: Any) -> str:
    """A survey that takes answers; with a policy, if there are terms."""
    made = await running.crm.post("/v1/surveys", json={"library": "after_delivery"})
    assert made.status_code == 201, made.text
    key = str(made.json()["id"])
    done = await running.crm.post(f"/v1/surveys/{key}/publish", json={"note": ""})
    assert done.status_code == 200, done.text
    if terms:
        put = await running.crm.put(f"/v1/surveys/{key}/asking", json={"version": 0, **terms})
        assert put.status_code == 200, put.text
    return key


FULL: dict[str, Any] = {
    "is_active": True,
    "channel": "email",
    "priority": 3,
    "triggers": [
        {
            "id": "delivered",
            "on": "touchpoint",
            "call": "track",
            "name": "Order Delivered",
            "where": [{"property": "products.category", "op": "in", "value": ["giày", "áo"]}],
            "delay": {"seconds": None, "days": 3, "at": "10:00"},
            "staff": "agent_id",
            "touchpoint": None,
            "stage": "stage",
        }
    ],
    "cancel_if": [{"on": "order_cancelled", "call": None, "name": None, "where": [], "by": "order"}],
    "schedules": [
        {
            "id": "nps",
            "kind": "rolling",
            "starts_on": "2026-12-01",
            "at": "10:00",
            "every_days": 90,
            "every_months": None,
            "spread_days": 30,
            "retry_days": 7,
        }
    ],
    "segments_any": [],
    "segments_none": ["0197a000-0000-7000-8000-000000000001"],
    "consent": {"purpose": "surveys", "channel": "email"},
    "share": 0.25,
    "rotates": "quarter",
    "budget": [{"limit": 1, "window_days": 90.0, "gap_days": 30.0}],
    "expires_after_seconds": 1_209_600,
    "stale_after_seconds": 86_400,
    "reminders": {"most": 1, "after_seconds": 259_200, "is_counted": False},
}


async def test_a_policy_is_read_in_the_words_in_which_it_was_set(running: Running):
    key = await survey(running)
    address = f"/v1/surveys/{key}/asking"
    before = (await running.crm.get(address)).json()

    put = await running.crm.put(address, json={"version": 0, **FULL})
    moved = await running.crm.put(address, json={"version": 0, **FULL})
    again = await running.crm.put(address, json={"version": 1, **FULL, "is_active": False})

    found = (await running.crm.get(address)).json()
    first = (await running.crm.get(address, params={"version": 1})).json()
    assert (before["version"], before["created_by"], before["triggers"]) == (0, None, [])
    assert put.status_code == again.status_code == 200
    assert {name: first[name] for name in FULL} == FULL == {name: put.json()[name] for name in FULL}
    assert (found["version"], found["is_active"], found["survey_id"]) == (2, False, key)
    assert (moved.status_code, moved.json()["code"], moved.json()["version"]) == (409, "surveys.asking_moved", 1)
    missing = await running.crm.get(address, params={"version": 9})
    assert (missing.status_code, missing.json()["code"]) == (404, "surveys.asking_version_not_found")


async def test_a_policy_is_set_once_for_a_key(running: Running):
    address, headers = f"/v1/surveys/{await survey(running)}/asking", {"Idempotency-Key": str(uuid4())}

    first = await running.crm.put(address, json={"version": 0}, headers=headers)
    again = await running.crm.put(address, json={"version": 0}, headers=headers)

    assert (first.status_code, again.status_code, again.content) == (200, 200, first.content)


TRIGGER = FULL["triggers"][0]
SCHEDULE = FULL["schedules"][0]


@pytest.mark.parametrize(
    "change",
    [
        {"share": 0},
        {"share": 1.1},
        {"channel": "pigeon"},
        {"version": "0"},
        {"unknown": 1},
        {"expires_after_seconds": 1},
        {"triggers": [{**TRIGGER, "name": None}]},
        {"triggers": [{**TRIGGER, "on": "order_placed"}]},
        {"triggers": [{**TRIGGER, "delay": {"seconds": 5, "days": 3, "at": "10:00"}}]},
        {"triggers": [{**TRIGGER, "delay": {"days": 3}}]},
        {"triggers": [{**TRIGGER, "delay": {"days": 3, "at": "24:00"}}]},
        {"triggers": [{**TRIGGER, "delay": {"seconds": 10**9}}]},
        {"triggers": [TRIGGER, TRIGGER]},
        {"triggers": [{**TRIGGER, "where": [{"property": "total", "op": "in", "value": 5}]}]},
        {"triggers": [{**TRIGGER, "where": [{"property": "total", "op": "gt", "value": True}]}]},
        {"triggers": [{**TRIGGER, "where": [{"property": "__class__", "value": 1}]}]},
        {"schedules": [{**SCHEDULE, "every_days": None}]},
        {"schedules": [{**SCHEDULE, "kind": "wave", "every_months": 3}]},
        {"schedules": [SCHEDULE], "consent": None},
        {"budget": [{"limit": 1}]},
        {"budget": [{}]},
        {"budget": [{"gap_days": -1}]},
        {"reminders": {"most": 4}},
        {"segments_any": FULL["segments_none"], "segments_none": FULL["segments_none"]},
        {"consent": {"purpose": "Không hợp lệ"}},
    ],
    ids=lambda change: ",".join(f"{name}" for name in change),
)
async def test_policies_that_make_no_sense(running: Running, change: dict[str, Any]):
    refused = await running.crm.put(f"/v1/surveys/{uuid4()}/asking", json={"version": 0, **change})
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid")


async def test_contact_rules_are_kept_in_versions(running: Running):
    found = (await running.crm.get("/v1/contact-rules")).json()
    moved = await running.crm.put("/v1/contact-rules", json={"version": 0, "budget": [], "quiet": None})
    refused = await running.crm.put(
        "/v1/contact-rules", json={"version": 1, "budget": [], "quiet": {"start": "08:00", "end": "08:00"}}
    )

    assert (found["version"], found["quiet"]) == (1, None)
    assert found["budget"] == [{"limit": 1, "window_days": 30.0, "gap_days": None, "kind": None}]
    assert (moved.status_code, moved.json()["code"]) == (409, "surveys.contact_rules_moved")
    assert refused.status_code == 422


async def test_somebody_is_asked_by_hand_once_for_a_key(running: Running):
    key, customer = await survey(running, consent=None), somebody()
    headers = {"Idempotency-Key": str(uuid4())}
    body = {"customer": customer, "channel": "api", "locale": "en-GB", "staff_id": "Chị Lan", "order_id": "o-1"}

    asked = await running.crm.post(f"/v1/surveys/{key}/invitations", json=body, headers=headers)
    again = await running.crm.post(f"/v1/surveys/{key}/invitations", json=body, headers=headers)
    refused = await running.crm.post(f"/v1/surveys/{key}/invitations", json=body)

    assert (asked.status_code, asked.json()["reason"]) == (201, "asked")
    assert (again.status_code, again.content) == (201, asked.content)
    assert (refused.status_code, refused.json()["reason"]) == (200, "over_budget")
    assert refused.json()["detail"] == "all: 1 in 30 days"
    invitation = (await running.crm.get(f"/v1/invitations/{asked.json()['invitation_id']}")).json()
    assert invitation["customer_id"] == str(user_key(customer.removeprefix("user_id:")))
    assert (invitation["channel"], invitation["locale"], invitation["staff_id"]) == ("api", "en", "Chị Lan")
    assert invitation["answered_at"] is None


async def test_who_is_asked_by_hand_is_held_to_all_that_holds(running: Running):
    key = await survey(running, share=0.000001)

    silent = await running.crm.post(f"/v1/surveys/{key}/invitations", json={"customer": somebody()})
    no_consent = await running.crm.post(
        f"/v1/surveys/{key}/invitations", json={"customer": somebody(), "skips_sampling": True}
    )
    nobody = await running.crm.post(f"/v1/surveys/{key}/invitations", json={"customer": "lan@shop.example"})
    nowhere = await running.crm.post(f"/v1/surveys/{uuid4()}/invitations", json={"customer": somebody()})
    zone = await running.crm.post(
        f"/v1/surveys/{key}/invitations", json={"customer": somebody(), "time_zone": "Mars/Olympus"}
    )

    assert [(each.status_code, each.json()["reason"]) for each in (silent, no_consent)] == [(200, "no_consent")] * 2
    assert (nobody.status_code, nobody.json()["code"]) == (422, "surveys.bad_customer")
    assert (nowhere.status_code, nowhere.json()["code"]) == (404, "surveys.survey_not_found")
    assert zone.status_code == 422


async def test_a_closed_survey_asks_nobody(running: Running):
    key = await survey(running, consent=None)
    await running.crm.post(f"/v1/surveys/{key}/close", json={})

    refused = await running.crm.post(f"/v1/surveys/{key}/invitations", json={"customer": somebody()})

    assert (refused.status_code, refused.json()["code"]) == (409, "surveys.not_active")


async def test_decisions_are_listed_page_by_page_and_counted(running: Running):
    key = await survey(running, consent=None)
    people = [somebody() for _ in range(3)]
    for each in (*people, *people[:2]):
        await running.crm.post(f"/v1/surveys/{key}/invitations", json={"customer": each})

    address, seen, cursor = f"/v1/surveys/{key}/decisions", [], None
    while True:
        page = (await running.crm.get(address, params={"limit": 2, **({"cursor": cursor} if cursor else {})})).json()
        seen += page["items"]
        if (cursor := page["next_cursor"]) is None:
            break
    refused = (await running.crm.get(address, params={"reason": "over_budget"})).json()["items"]
    totals = (await running.crm.get(f"{address}/totals")).json()
    later = (await running.crm.get(f"{address}/totals", params={"since": "2099-01-01T00:00:00Z"})).json()

    moments = [datetime.fromisoformat(each["decided_at"]) for each in seen]
    assert len({each["id"] for each in seen}) == 5
    assert moments == sorted(moments, reverse=True)
    assert [each["reason"] for each in refused] == ["over_budget"] * 2
    assert (totals["candidates"], totals["asked"], totals["waiting"]) == (5, 3, 0)
    assert totals["by_reason"] == {"asked": 3, "over_budget": 2}
    assert later["candidates"] == 0
    bad = await running.crm.get(address, params={"cursor": "abc"})
    assert (bad.status_code, bad.json()["code"]) == (400, "bad_cursor")


async def test_decisions_about_a_customer_and_why(running: Running):
    one, other, customer = await survey(running, consent=None), await survey(running), somebody()
    for key in (one, other):
        await running.crm.post(f"/v1/surveys/{key}/invitations", json={"customer": customer})

    page = (await running.crm.get("/v1/decisions", params={"customer": customer, "limit": 1})).json()
    rest = (await running.crm.get("/v1/decisions", params={"customer": customer, "cursor": page["next_cursor"]})).json()
    of_one = (await running.crm.get("/v1/decisions", params={"customer": customer, "survey": one})).json()["items"]
    why = (await running.crm.get(f"/v1/surveys/{one}/asking/explanation", params={"customer": customer})).json()
    new = await running.crm.get(f"/v1/surveys/{one}/asking/explanation", params={"customer": somebody()})

    assert [each["reason"] for each in (*page["items"], *rest["items"])] == ["no_consent", "asked"]
    assert [each["survey_id"] for each in of_one] == [one]
    assert why["reason"] == "over_budget"
    assert [each["reason"] for each in why["checks"] if each["is_against"]] == ["over_budget"]
    assert [each["reason"] for each in why["decisions"]] == ["asked"]
    assert len(why["contacts"]) == 1
    assert new.json()["reason"] == "asked"
    assert new.json()["decisions"] == []
    refused = await running.crm.get("/v1/decisions", params={"customer": "lan@shop.example"})
    assert (refused.status_code, refused.json()["code"]) == (422, "surveys.bad_customer")


async def test_nothing_of_it_is_open_to_shops_and_strangers(running: Running):
    for method, address in (
        ("GET", "/v1/contact-rules"),
        ("GET", "/v1/decisions?customer=user_id:lan"),
        ("POST", f"/v1/surveys/{uuid4()}/invitations"),
        ("PUT", f"/v1/surveys/{uuid4()}/asking"),
        ("GET", f"/v1/invitations/{uuid4()}"),
    ):
        refused = await running.shop.request(method, address, json={})
        assert (refused.status_code, refused.json()["code"]) == (403, "wrong_key_kind")


async def test_from_a_delivery_in_the_shop_to_an_invitation(running: Running):
    """The whole way: consent in profiles, a delivery from the shop, and the job that decides."""
    key, customer = await survey(running, triggers=[{"id": "delivered", "name": "Order Delivered"}]), "lan-all-the-way"
    known = await running.crm.post("/v1/customers", json={"user_id": customer})
    assert known.status_code < 300, known.text
    granted = await running.crm.post(
        f"/v1/customers/user_id:{customer}/consent",
        json={"changes": [{"purpose": "surveys", "channel": "email", "state": "granted"}], "text_version": "2026-11"},
    )
    assert granted.status_code < 300, granted.text
    sent = await running.shop.post(
        "/v1/track",
        json={
            "userId": customer,
            "event": "Order Delivered",
            "properties": {"order_id": "o-9", "staff_id": "shipper-7", "comment": "Chị Lan"},
        },
    )
    assert sent.status_code == 200, sent.text
    await running.settled()

    for _ in range(100):
        found = (await running.crm.get("/v1/decisions", params={"customer": f"user_id:{customer}"})).json()["items"]
        if found and found[0]["reason"]:
            break
        await asyncio.sleep(0.05)

    assert [(each["reason"], each["order_id"], each["staff_id"]) for each in found] == [("asked", "o-9", "shipper-7")]
    assert (found[0]["survey_id"], UUID(found[0]["customer_id"])) == (key, user_key(customer))
