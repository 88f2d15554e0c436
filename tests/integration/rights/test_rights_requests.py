"""Requests that keep the person: access, rectification, restriction, objection; and the life of a case."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from prometheus_client import generate_latest
from rights_world import CARD, EMAIL, NAME, OTHER, STREET, STRINGS, USER, asked, done, everything, other, sent

from services.profiles.rights.jobs import refresh_gauges
from services.registry import SERVICES
from shared.ids import anonymous_key, user_key
from shared.observability.metrics import REGISTRY
from shared.rights.marks import is_signed
from shared.testing.platform import Running, running_platform

CUSTOMER = f"/v1/customers/user_id:{USER}"


class HandClock:
    """Stands where it is put."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at


@pytest.fixture
async def running(database_url: str) -> Any:
    async with running_platform(database_url, SERVICES) as platform:
        yield platform


async def allowed(crm: httpx.AsyncClient, purpose: str, reference: str = f"user_id:{USER}") -> tuple[bool, str]:
    """Whether the person may be contacted, and why (not)."""
    body = {"purpose": purpose, "channel": "email", "customers": [reference]}
    [found] = (await crm.post("/v1/consent/check", json=body)).json()["results"]
    return found["allowed"], found["reason"]


async def test_a_bundle_holds_what_every_service_keeps(running: Running):
    crm = running.crm
    await sent(running, [*everything(), *other()])

    case = await done(crm, (await asked(crm, f"email:{EMAIL}", "access"))["id"])

    answer = await crm.get(f"/v1/rights/{case['id']}/bundle")
    bundle = answer.json()["services"]
    assert answer.headers["cache-control"] == "no-store"
    assert "attachment" in answer.headers["content-disposition"]
    assert set(bundle) == {"profiles", "touchpoints", "metrics", "loyalty", "surveys"}
    assert {each["value"] for each in bundle["profiles"]["identifiers"]} >= {USER, EMAIL, CARD}
    assert {each["name"]: each["value"] for each in bundle["profiles"]["traits"]}["name"] == NAME
    assert len(bundle["touchpoints"]["touchpoints"]) == 3
    [refused] = bundle["touchpoints"]["quarantine"]
    assert refused["code"] == "impossible_amount"
    assert [each["order_id"] for each in bundle["metrics"]["orders"]] == ["o-8841"]
    assert OTHER not in answer.text
    for each in (NAME, EMAIL, STREET):
        assert each in answer.text
    receipt = (await crm.get(f"/v1/rights/{case['id']}/receipt")).json()
    assert [each for each in STRINGS if each in receipt["receipt"]] == []
    # It goes with the person.
    await done(crm, (await asked(crm, f"email:{EMAIL}", "erasure"))["id"])
    gone = await crm.get(f"/v1/rights/{case['id']}/bundle")
    assert (gone.status_code, gone.json()["code"]) == (404, "profiles.no_bundle")


async def test_restricted_data_are_kept_and_used_for_nothing(running: Running):
    crm = running.crm
    await sent(running, [*everything(), *other()])
    yes = {"purpose": "marketing", "channel": "email", "state": "granted"}
    await crm.post(f"{CUSTOMER}/consent", json={"changes": [yes], "text_version": "1"})
    rule = {"trait": "email", "is": "set"}
    made = await crm.post("/v1/segments", json={"name": "All", "kind": "static", "rule": None})
    segment = made.json()["id"]
    await crm.post(f"/v1/segments/{segment}/members", json={"add": [f"user_id:{USER}", f"user_id:{OTHER}"]})
    assert await allowed(crm, "marketing") == (True, "granted")

    case = await done(crm, (await asked(crm, f"user_id:{USER}", "restriction"))["id"])

    person = str(user_key(USER))
    assert await allowed(crm, "marketing") == (False, "restricted")
    assert await allowed(crm, "transactional", f"anonymous_id:{'a-9f31c6d2-visitor'}") == (False, "restricted")
    assert await allowed(crm, "transactional", f"user_id:{OTHER}") == (True, "not_needed")
    assert person not in await members(crm, segment)
    assert person not in [each["id"] for each in (await crm.get("/v1/customers")).json()["items"]]
    refused = await crm.get(f"{CUSTOMER}/next-best-actions")
    assert (refused.status_code, refused.json()["code"]) == (409, "profiles.restricted")
    # What comes is taken, kept and not used.
    await sent(running, [{"type": "page", "userId": USER, "name": "Giỏ hàng"}])
    assert len((await crm.get(f"{CUSTOMER}/touchpoints")).json()["items"]) == 4
    assert (await crm.get(CUSTOMER)).status_code == 200
    assert person not in await members(crm, segment)

    lifted = await crm.post(f"/v1/rights/{case['id']}/lift")

    assert lifted.json()["state"] == "lifted"
    assert await allowed(crm, "marketing") == (True, "granted")
    assert person in await members(crm, segment)
    assert (await crm.get(f"{CUSTOMER}/next-best-actions")).status_code == 200
    again = await crm.post(f"/v1/rights/{case['id']}/lift")
    assert (again.status_code, again.json()["code"]) == (409, "profiles.not_liftable")
    assert rule


async def members(crm: httpx.AsyncClient, segment: str) -> list[str]:
    """Who is in the segment."""
    return [each["customer"] for each in (await crm.get(f"/v1/segments/{segment}/members")).json()["items"]]


async def test_an_objection_holds_for_its_purpose_alone(running: Running):
    crm = running.crm
    await sent(running, everything())
    changes = [{"purpose": each, "channel": "email", "state": "granted"} for each in ("marketing", "surveys")]
    await crm.post(f"{CUSTOMER}/consent", json={"changes": changes, "text_version": "1"})

    case = await asked(crm, f"user_id:{USER}", "objection", purposes=["marketing", "transactional"])

    assert case["state"] == "done"
    assert await allowed(crm, "marketing") == (False, "withdrawn")
    assert await allowed(crm, "transactional") == (False, "objected")
    assert await allowed(crm, "surveys") == (True, "granted")
    history = (await crm.get(f"{CUSTOMER}/consent/history", params={"purpose": "marketing"})).json()["items"]
    assert {(each["state"], each["source"]) for each in history} >= {("withdrawn", "objection")}
    # Who allows it later has changed their mind; the other stays until it is lifted.
    await crm.post(f"{CUSTOMER}/consent", json={"changes": changes[:1], "text_version": "2"})
    assert await allowed(crm, "marketing") == (True, "granted")
    await crm.post(f"/v1/rights/{case['id']}/lift")
    assert await allowed(crm, "transactional") == (True, "not_needed")


async def test_a_rectification_is_said_with_its_case(running: Running):
    crm = running.crm
    await sent(running, everything())

    case = await asked(crm, f"user_id:{USER}", "rectification", traits={"name": "Trần Thị Hồng", "tier": None})

    assert case["state"] == "done"
    assert (await crm.get(f"{CUSTOMER}/traits")).json()["traits"]["name"] == "Trần Thị Hồng"
    receipt = (await crm.get(f"/v1/rights/{case['id']}/receipt")).json()
    assert '"rectified":["name","tier"]' in receipt["receipt"]
    assert "Hồng" not in receipt["receipt"]
    assert is_signed(
        receipt["receipt"].encode(), bytes.fromhex(receipt["signature"]), bytes.fromhex(receipt["public_key"])
    )


async def test_a_case_waits_for_proof_and_keeps_its_deadlines(database_url: str):
    clock = HandClock()
    async with running_platform(database_url, SERVICES, clock=clock) as running:
        crm = running.crm
        await crm.post("/v1/customers", json={"user_id": USER, "traits": {"name": NAME}})
        url = f"{CUSTOMER}/rights"
        case = (await crm.post(url, json={"kind": "erasure"}, headers={"Idempotency-Key": "k"})).json()
        assert (case["state"], case["waiting_for"]) == ("awaiting_proof", [])
        assert case["due_at"].startswith("2026-12-10T16:59:59")
        assert case["acknowledge_by"].startswith("2026-11-25T16:59:59")
        assert (await crm.post(url, json={"kind": "erasure"}, headers={"Idempotency-Key": "k"})).json() == case
        assert (await crm.get(CUSTOMER)).status_code == 200
        clock.at += timedelta(days=1)
        later = (await crm.post(f"/v1/rights/{case['id']}/extend")).json()
        assert later["due_at"].startswith("2026-12-20T16:59:59")
        again = await crm.post(f"/v1/rights/{case['id']}/extend")
        assert (again.status_code, again.json()["code"]) == (409, "profiles.already_extended")
        other_case = (await crm.post(url, json={"kind": "access", "jurisdiction": "EU"})).json()
        assert other_case["due_at"].startswith("2026-12-21T16:59:59")
        refused = await crm.post(f"/v1/rights/{other_case['id']}/refuse", json={"reason": "identity_not_proven"})
        assert refused.json()["state"] == "refused"
        open_cases = (await crm.get("/v1/rights", params={"open": True})).json()["items"]
        assert [each["id"] for each in open_cases] == [case["id"]]
        assert len((await crm.get("/v1/rights", params={"limit": 1})).json()["items"]) == 1

        await crm.post(f"/v1/rights/{case['id']}/proof", json={"verified_by": "identity_document"})

        assert (await crm.get(CUSTOMER)).status_code == 404
        await done(crm, case["id"])
        closed = await crm.post(f"/v1/rights/{case['id']}/proof", json={"verified_by": "in_person"})
        assert (closed.status_code, closed.json()["code"]) == (409, "profiles.case_closed")


async def test_a_deadline_that_passed_is_said_until_somebody_keeps_it(database_url: str):
    clock = HandClock()
    async with running_platform(database_url, SERVICES, role="api", clock=clock) as running:
        crm = running.crm
        await crm.post("/v1/customers", json={"user_id": USER})

        async def overdue() -> list[str]:
            found = (await crm.get("/v1/rights", params={"overdue": True})).json()["items"]
            await refresh_gauges(running.platform.value("profiles"))
            assert f'rights_overdue{{kind="access"}} {float(len(found))}' in generate_latest(REGISTRY).decode()
            return [each["id"] for each in found]

        case = (await crm.post(f"{CUSTOMER}/rights", json={"kind": "access"})).json()
        clock.at = datetime(2026, 11, 25, 16, 0, tzinfo=UTC)
        assert await overdue() == []
        clock.at = datetime(2026, 11, 25, 17, 0, tzinfo=UTC)
        assert await overdue() == [case["id"]]

        told = await crm.post(f"/v1/rights/{case['id']}/acknowledge")
        clock.at += timedelta(hours=1)
        again = await crm.post(f"/v1/rights/{case['id']}/acknowledge")
        assert told.json()["acknowledged_at"] == again.json()["acknowledged_at"] == "2026-11-25T17:00:00Z"
        assert await overdue() == []

        clock.at = datetime(2026, 12, 1, tzinfo=UTC)
        assert await overdue() == [case["id"]]
        assert (await crm.post(f"/v1/rights/{case['id']}/refuse", json={"reason": "abusive"})).is_success
        assert await overdue() == []


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"kind": "objection"}, 422, "profiles.unknown_objection"),
        ({"kind": "objection", "purposes": ["nothing"]}, 422, "profiles.unknown_objection"),
        ({"kind": "access", "purposes": ["marketing"]}, 422, "profiles.unknown_objection"),
        ({"kind": "rectification"}, 422, "profiles.nothing_to_rectify"),
        ({"kind": "rectification", "traits": {"name": "x"}}, 422, "profiles.nothing_to_rectify"),
        ({"kind": "forget"}, 422, "invalid"),
        ({"kind": "access", "jurisdiction": "XX"}, 422, "invalid"),
        ({"kind": "access", "note": "free text"}, 422, "invalid"),
    ],
)
async def test_a_request_that_makes_no_sense(running: Running, body: dict[str, Any], status: int, code: str):
    await running.crm.post("/v1/customers", json={"user_id": USER})

    answer = await running.crm.post(f"{CUSTOMER}/rights", json=body)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert anonymous_key("x")
