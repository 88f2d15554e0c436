"""Points over HTTP: what staff and shops do with them, what they are told, and what is refused."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from services.loyalty.jobs import refresh_gauges
from services.loyalty.points.jobs import STANDING, count_standing
from shared.ids import uuid7
from shared.testing.platform import Running

pytestmark = pytest.mark.asyncio(loop_scope="module")

MEMBERS = "/v1/loyalty/members"


def lan() -> str:
    """A customer nobody knows yet."""
    return f"{MEMBERS}/user_id:lan-{uuid7()}"


async def given(running: Running, member: str, points: int, **more: Any) -> httpx.Response:
    body = {"points": points, "reason": "goodwill", **more}
    return await running.crm.post(f"{member}/adjustments", json=body)


async def wallet(running: Running, member: str, name: str = "points") -> dict[str, Any]:
    answer = await running.crm.get(member)
    assert answer.status_code == 200, answer.text
    return next(each for each in answer.json()["wallets"] if each["wallet"] == name)


def refused(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


async def put_in_force(running: Running, **wallets: dict[str, Any]) -> None:
    """Terms from now on; the wallet `points` stays as it is by default."""
    body = {"zone": "Asia/Ho_Chi_Minh", "wallets": {"points": {}, **wallets}}
    known = (await running.crm.get("/v1/loyalty/program")).json()["wallets"]
    body["wallets"] = {**known, **body["wallets"]}
    draft = await running.crm.post("/v1/loyalty/program/versions", json=body)
    assert draft.status_code == 201, draft.text
    active = await running.crm.post(f"/v1/loyalty/program/versions/{draft.json()['version']}/activate", json={})
    assert active.status_code == 200, active.text


async def test_points_are_given_held_spent_and_told(module_running: Running):
    running, member = module_running, lan()
    assert (await wallet(running, member))["available"] == 0
    assert (await given(running, member, 100, note="Xin lỗi vì giao trễ")).status_code == 201
    hold = (await running.crm.post(f"{member}/holds", json={"points": 70})).json()
    assert {**(await wallet(running, member)), "labels": 0}["available"] == 30
    assert [each["id"] for each in (await running.crm.get(f"{member}/holds")).json()["holds"]] == [hold["id"]]

    longer = await running.crm.post(f"/v1/loyalty/holds/{hold['id']}/extend", json={"ttl_seconds": 3_600})
    assert longer.json()["expires_at"] > hold["expires_at"]
    done = await running.crm.post(f"/v1/loyalty/holds/{hold['id']}/commit", json={"points": 50, "reference": "o-1"})
    assert (done.status_code, done.json()["state"], done.json()["captured"]) == (200, "captured", 50)
    assert (await wallet(running, member))["available"] == 50

    again = await running.crm.post(f"/v1/loyalty/holds/{hold['id']}/commit", json={"points": 50})
    assert refused(again) == (409, "loyalty.hold_ended")
    void = await running.crm.post(f"/v1/loyalty/holds/{hold['id']}/void")
    assert (void.status_code, void.json()["state"]) == (200, "captured")


async def test_the_ledger_and_the_lots_are_read_page_by_page(module_running: Running):
    running, member = module_running, lan()
    for points in (10, 20, 30, -15):
        assert (await given(running, member, points)).status_code == 201
    lines, cursor = [], None
    while True:
        query = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        page = (await running.crm.get(f"{member}/ledger", params=query)).json()
        lines += [(each["version"], each["points"], each["kind"]) for each in page["items"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert lines == [(4, -15, "adjusted"), (3, 30, "adjusted"), (2, 20, "adjusted"), (1, 10, "adjusted")]

    lots = (await running.crm.get(f"{member}/lots", params={"limit": 1})).json()
    assert [(each["points"], each["remaining"], each["state"]) for each in lots["items"]] == [(30, 30, "active")]
    rest = (await running.crm.get(f"{member}/lots", params={"open": False, "cursor": lots["next_cursor"]})).json()
    assert [(each["points"], each["state"]) for each in rest["items"]] == [(20, "active"), (10, "used")]
    for cursor in ("abc", "WzFd", "W251bGwsMSwxXQ"):
        for path in ("ledger", "lots"):
            assert refused(await running.crm.get(f"{member}/{path}", params={"cursor": cursor}))[0] == 400


async def test_a_line_of_the_ledger_says_where_its_points_came_from(module_running: Running):
    running, member = module_running, lan()
    for points, reference in ((30, "first"), (20, "second")):
        assert (await given(running, member, points, reference=reference)).status_code == 201
    hold = (await running.crm.post(f"{member}/holds", json={"points": 45})).json()
    await running.crm.post(f"/v1/loyalty/holds/{hold['id']}/commit", json={"points": 40, "reference": "o-1"})
    lines = {each["kind"]: each["id"] for each in (await running.crm.get(f"{member}/ledger")).json()["items"]}

    async def told(kind: str) -> list[tuple[str, int, int]]:
        answer = await running.crm.get(f"{member}/ledger/{lines[kind]}/origins")
        assert answer.status_code == 200, answer.text
        return [(each["reference"], each["points"], each["returned"]) for each in answer.json()["origins"]]

    assert await told("spent") == [("first", 30, 0), ("second", 10, 0)]
    assert await told("held") == [("first", 30, 30), ("second", 15, 15)]
    assert await told("adjusted") == await told("released") == []
    for other in (f"{lan()}/ledger/{lines['spent']}", f"{member}/ledger/{uuid7()}"):
        assert refused(await running.crm.get(f"{other}/origins")) == (404, "loyalty.entry_unknown")


async def test_fifty_requests_with_one_key_have_one_effect_and_one_answer(module_running: Running):
    running, member = module_running, lan()
    headers, body = {"Idempotency-Key": str(uuid7())}, {"points": 100, "reason": "campaign"}

    async def ask() -> httpx.Response:
        return await running.crm.post(f"{member}/adjustments", json=body, headers=headers)

    answers = await asyncio.gather(*(ask() for _ in range(50)))
    other = await running.crm.post(f"{member}/adjustments", json={**body, "points": 101}, headers=headers)

    assert {(each.status_code, each.content) for each in answers} == {(201, answers[0].content)}
    assert sum(each.headers.get("Idempotent-Replayed") == "true" for each in answers) == 49
    assert refused(other) == (422, "idempotency_key_reused")
    assert (await wallet(running, member))["available"] == 100


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"points": 0, "reason": "goodwill"}, "invalid"),
        ({"points": 1.5, "reason": "goodwill"}, "invalid"),
        ({"points": "10", "reason": "goodwill"}, "invalid"),
        ({"points": True, "reason": "goodwill"}, "invalid"),
        ({"points": 10**13, "reason": "goodwill"}, "invalid"),
        ({"points": 10, "reason": "because"}, "invalid"),
        ({"points": 10, "reason": "goodwill", "extra": 1}, "invalid"),
        ({"points": 10, "reason": "goodwill", "wallet": "stars"}, "loyalty.unknown_wallet"),
        ({"points": 10, "reason": "goodwill", "expires_at": "2026-12-31"}, "invalid"),
        # One that nobody could write down as a month took the report of what is owed away from everybody.
        ({"points": 1, "reason": "other", "expires_at": "9999-12-31T23:59:59Z"}, "invalid"),
    ],
)
async def test_adjustments_that_make_no_sense_are_refused(module_running: Running, body: dict[str, Any], code: str):
    answer = await module_running.crm.post(f"{lan()}/adjustments", json=body)

    assert refused(answer)[0] == 422
    if code != "invalid":
        assert answer.json()["code"] == code


async def test_nobody_spends_what_they_have_not(module_running: Running):
    running, member = module_running, lan()
    await given(running, member, 30)
    held = await running.crm.post(f"{member}/holds", json={"points": 31})
    taken = await given(running, member, -31)

    assert refused(held) == refused(taken) == (409, "loyalty.not_enough_points")
    assert {name: held.json()[name] for name in ("required", "available", "missing")} == {
        "required": 31, "available": 30, "missing": 1,
    }  # fmt: skip
    hold = (await running.crm.post(f"{member}/holds", json={"points": 30})).json()
    more = await running.crm.post(f"/v1/loyalty/holds/{hold['id']}/commit", json={"points": 31})
    assert refused(more) == (409, "loyalty.more_than_held")
    assert refused(await running.crm.post(f"/v1/loyalty/holds/{uuid7()}/void")) == (404, "loyalty.hold_unknown")


async def test_what_somebody_had_and_will_have_is_told_by_the_moment(module_running: Running):
    running, member = module_running, lan()
    ends = (datetime.now(UTC) + timedelta(days=30)).isoformat()
    first = await given(running, member, 100, expires_at=ends)
    between = (await running.crm.get(member)).json()["as_of"]
    assert (await given(running, member, -30)).status_code == 201

    async def at(moment: str) -> tuple[int, int]:
        answer = await running.crm.get(member, params={"as_of": moment})
        assert (answer.status_code, answer.json()["as_of"][:19]) == (200, moment[:19]), answer.text
        found = next(each for each in answer.json()["wallets"] if each["wallet"] == "points")
        return found["available"], sum(each["points"] for each in found["expiring"])

    before = (datetime.fromisoformat(first.json()["asked_at"]) - timedelta(seconds=1)).isoformat()
    assert await at(before.replace("+00:00", "Z")) == (0, 0)
    assert await at(between) == (100, 100)
    assert await at("2100-01-01T00:00:00Z") == (0, 0)
    assert (await wallet(running, member))["available"] == 70
    assert refused(await running.crm.get(member, params={"as_of": "yesterday"})) == (422, "invalid")


async def test_who_is_asked_about_must_be_named_rightly(module_running: Running):
    for reference in ("lan", "email:lan@shop.example", "user_id:"):
        assert refused(await module_running.crm.get(f"{MEMBERS}/{reference}")) == (422, "loyalty.bad_member")


async def test_large_adjustments_need_two_people(module_running: Running):
    running, member = module_running, lan()
    await put_in_force(running, guarded={"four_eyes_above": 100})
    _, other_key = await running.platform.keyring.create("secret", "a colleague", scopes=("loyalty:write",))
    colleague = {"Authorization": f"Bearer {other_key}"}

    small = await given(running, member, 100, wallet="guarded")
    large = await given(running, member, 101, wallet="guarded", note="Khách VIP")
    path = f"/v1/loyalty/adjustments/{large.json()['id']}"
    waiting = (await running.crm.get("/v1/loyalty/adjustments")).json()["items"]
    assert (small.status_code, large.status_code, large.json()["state"]) == (201, 202, "waiting")
    assert [each["id"] for each in waiting] == [large.json()["id"]]
    assert (await wallet(running, member, "guarded"))["available"] == 100

    assert refused(await running.crm.post(f"{path}/approve")) == (409, "loyalty.same_person")
    answers = await asyncio.gather(*(running.crm.post(f"{path}/approve", headers=colleague) for _ in range(5)))
    assert sorted(each.status_code for each in answers) == [200, 409, 409, 409, 409]
    assert (await wallet(running, member, "guarded"))["available"] == 201
    assert (await running.crm.get(path)).json()["state"] == "posted"
    assert refused(await running.crm.post(f"{path}/refuse")) == (409, "loyalty.adjustment_decided")
    unknown = f"/v1/loyalty/adjustments/{uuid7()}"
    assert refused(await running.crm.get(unknown)) == (404, "loyalty.adjustment_unknown")


async def test_members_give_each_other_points_within_the_rules(module_running: Running):
    running, member, friend = module_running, lan(), lan()
    rules = {"is_allowed": True, "fee_permille": 100, "least": 10, "most": 50, "daily": 80}
    await put_in_force(running, gift={"transfers": rules, "expiry": {"mode": "rolling", "months": 12}})
    await given(running, member, 200, wallet="gift")
    to = friend.removeprefix(f"{MEMBERS}/")

    async def send(points: int, **more: Any) -> httpx.Response:
        return await running.crm.post(
            f"{member}/transfers", json={"wallet": "gift", "to": to, "points": points, **more}
        )

    sent = await send(45)
    assert (sent.status_code, sent.json()["fee"]) == (201, 5)
    mine, theirs = await wallet(running, member, "gift"), await wallet(running, friend, "gift")
    assert (mine["available"], theirs["available"]) == (155, 40)
    assert theirs["expiring"][0]["expires_at"] == mine["expiring"][0]["expires_at"]

    for points in (9, 51, 36):
        assert refused(await send(points)) == (409, "loyalty.transfer_limit")
    assert (await send(36)).json()["left_today"] == 35
    assert refused(await send(20, to=member.removeprefix(f"{MEMBERS}/"))) == (409, "loyalty.same_person")
    assert refused(await send(20, to="nobody")) == (422, "loyalty.bad_member")
    assert refused(await send(20, wallet="points")) == (409, "loyalty.transfers_off")
    assert (await send(35)).status_code == 201


async def test_points_over_http_are_for_those_who_may(module_running: Running):
    running, member = module_running, lan()
    _, reader = await running.platform.keyring.create("secret", "reader", scopes=("loyalty:read",))
    headers = {"Authorization": f"Bearer {reader}"}

    assert (await running.crm.get(member, headers=headers)).status_code == 200
    for path, body in (("adjustments", {"points": 1, "reason": "other"}), ("holds", {"points": 1})):
        answer = await running.crm.post(f"{member}/{path}", json=body, headers=headers)
        assert refused(answer) == (403, "missing_scope")
    assert (await running.shop.get(member)).status_code == 403


async def test_the_report_says_what_is_owed_and_what_was_redeemed(module_running: Running):
    running, member = module_running, lan()
    await put_in_force(running, report={"expiry": {"mode": "calendar", "dates": [{"month": 12, "day": 31}]}})
    await given(running, member, 100, wallet="report")
    await given(running, member, 50, wallet="report", expires_at="2020-01-01T00:00:00+07:00")
    hold = (await running.crm.post(f"{member}/holds", json={"points": 40, "wallet": "report"})).json()
    await running.crm.post(f"/v1/loyalty/holds/{hold['id']}/commit", json={"points": 30})
    await running.crm.post(f"{member}/holds", json={"points": 15, "wallet": "report"})

    report = (await running.crm.get("/v1/loyalty/reports/liability")).json()
    year = report["as_of"][:4]
    (total,) = [each for each in report["wallets"] if each["wallet"] == "report"]
    assert {name: total[name] for name in ("adjusted", "spent", "expired", "outstanding", "breakage_rate")} == {
        "adjusted": 150, "spent": 30, "expired": 50, "outstanding": 70, "breakage_rate": 0.625,
    }  # fmt: skip
    (line,) = [each for each in report["outstanding"] if each["wallet"] == "report"]
    assert line == {
        "wallet": "report", "source": "adjusted", "expires_in": f"{year}-12", "available": 55, "pending": 0,
        "held": 15,
    }  # fmt: skip
    table = await running.crm.get("/v1/loyalty/reports/liability.csv")
    assert table.headers["content-type"].startswith("text/csv")
    assert f"report,adjusted,{year}-12,55,0,15" in table.text


async def test_what_members_have_together_is_shown_to_prometheus(module_running: Running):
    running, loyalty = module_running, module_running.platform.value("loyalty")
    await put_in_force(running, shown={})
    await given(running, lan(), 70, wallet="shown")
    member = lan()
    await given(running, member, 30, wallet="shown")
    await running.crm.post(f"{member}/holds", json={"points": 20, "wallet": "shown"})
    await count_standing(loyalty)
    await refresh_gauges(loyalty)
    shown = {
        sample.labels["standing"]: sample.value
        for sample in STANDING.collect()[0].samples
        if sample.labels["wallet"] == "shown"
    }
    assert shown == {"available": 80, "pending": 0, "held": 20, "debt": 0}


async def test_what_must_hold_is_checked_told_and_scraped(module_running: Running):
    running = module_running
    loyalty = running.platform.value("loyalty")
    await given(running, lan(), 10)
    await loyalty.invariants.check()
    told = (await running.crm.get("/v1/loyalty/invariants")).json()
    assert told["holds"] is True
    assert {"postings_sum_to_zero", "wallet_is_its_lots", "chain_unbroken"} <= {
        each["name"] for each in told["invariants"]
    }

    member = lan()
    await given(running, member, 10)
    async with loyalty.db.write() as tx:
        await tx.execute("UPDATE wallets SET available = available + 1 WHERE available = 10 AND version = 1")
    await loyalty.invariants.check()
    told = (await running.crm.get("/v1/loyalty/invariants")).json()
    scraped = (await running.crm.get("/metrics")).text
    broken = {each["name"] for each in told["invariants"] if each["violations"]}
    assert (told["holds"], broken) == (False, {"wallet_is_its_postings", "wallet_is_its_lots"})
    assert 'tam_loyalty_invariant_violations{invariant="wallet_is_its_lots"} 0.0' not in scraped
    assert 'tam_loyalty_invariant_violations{invariant="chain_unbroken"} 0.0' in scraped
