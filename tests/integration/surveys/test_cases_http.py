"""Cases as staff sees them, over HTTP: the inbox, moves, clocks, settings, figures, and what was changed."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from cases_world import CasesWorld, HandClock
from httpx import AsyncClient, Response

from services.surveys.app import service as manifest
from services.surveys.cases.repository.rights import forget, sections
from shared.ids import user_key
from shared.testing.platform import running_platform
from shared.testing.postgres import fresh_database

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass
class Office:
    """A platform with surveys, staff that works with it, and people who are unhappy."""

    crm: AsyncClient
    world: CasesWorld

    async def get(self, path: str, **query: Any) -> Any:
        found = await self.crm.get(f"/v1/{path}", params=query)
        assert found.status_code == 200, found.text
        return found.json()

    async def do(self, case: Any, verb: str, **body: Any) -> Any:
        """Change a case; what it is then."""
        said = await self.try_(case, verb, **body)
        assert said.status_code == 200, said.text
        return said.json()

    async def try_(self, case: Any, verb: str, *, match: str | None = None, **body: Any) -> Response:
        headers = {} if match is None else {"If-Match": match}
        return await self.crm.post(f"/v1/cases/{case}/{verb}", json=body, headers=headers)

    async def put(self, path: str, **body: Any) -> Any:
        said = await self.crm.put(f"/v1/{path}", json=body)
        assert said.is_success, said.text
        return said.json()

    async def closed(self, name: str, score: int = 2) -> UUID:
        """Somebody's case, opened and closed."""
        case = await self.world.opened(name, score)
        await self.put("case-root-causes/late_delivery", labels={"vi": "Giao trễ", "en": "Late delivery"})
        await self.do(case, "close", outcome="solved", root_cause="late_delivery", action="Đã gửi lại hàng")
        return case

    async def listed(self, **query: Any) -> list[str]:
        return [each["id"] for each in (await self.get("cases", limit=500, **query))["items"]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def office(pg_url: str) -> AsyncIterator[Office]:
    clock = HandClock()
    async with fresh_database(pg_url) as url, running_platform(url, [manifest], clock=clock) as running:
        value = running.platform.value("surveys")
        opened = Office(running.crm, CasesWorld(value.db, value, clock))
        for agent, unit in (("linh", "shop-1"), ("minh", None), ("an", None)):
            await opened.put(f"case-agents/{agent}", unit=unit)
        await opened.put("case-teams/hotline", members=["linh", "minh"], lead="an")
        yield opened


async def test_a_case_goes_from_open_to_closed(office: Office):
    case = await office.world.opened("chị Lan", 2, touchpoint="delivery")
    office.world.clock.forward(hours=2)
    taken = await office.do(case, "assignment", owner="linh", reason="Chị ấy quen khách")
    assert (taken["owner"], taken["contact"]["left_minutes"], taken["version"]) == ("linh", 360, 2)

    spoken = await office.do(case, "contacts", channel="phone", note="Chị Lan rất không hài lòng")
    assert (spoken["contact"]["spent_minutes"], spoken["contact"]["left_minutes"]) == (120, None)
    waiting = await office.do(case, "status", status="waiting_customer")
    assert (waiting["resolution"]["due_at"], waiting["resolution"]["left_minutes"]) == (None, 2_280)
    office.world.clock.forward(days=30)
    assert (await office.get(f"cases/{case}"))["resolution"]["left_minutes"] == 2_280
    await office.do(case, "status", status="in_progress")
    await office.do(case, "status", status="resolved", note="xong")
    refused = await office.try_(case, "close", outcome="solved", root_cause="no_such", action="x")
    assert (refused.status_code, refused.json()["code"]) == (404, "surveys.case_root_cause_unknown")
    await office.put("case-root-causes/late_delivery", labels={"vi": "Giao trễ", "en": "Late delivery"})
    done = await office.do(case, "close", outcome="solved", root_cause="late_delivery", action="Hoàn tiền")

    assert (done["status"], done["outcome"], done["due_at"], done["is_overdue"]) == ("closed", "solved", None, False)
    history = (await office.get(f"cases/{case}/history"))["items"]
    kinds = ["opened", "assigned", "contact", "status", "status", "status", "closed"]
    assert [each["kind"] for each in history] == kinds
    assert [each["number"] for each in history] == list(range(1, 8))
    assert (history[2]["text"], history[6]["text"]) == ("Chị Lan rất không hài lòng", "Hoàn tiền")


@pytest.mark.parametrize(
    ("path", "verb", "body"),
    [
        ((), "reopen", {"reason": "x"}),
        (("resolved",), "status", {"status": "waiting_customer"}),
        (("in_progress",), "status", {"status": "in_progress"}),
    ],
)
async def test_moves_that_there_are_not(office: Office, path: tuple[str, ...], verb: str, body: dict[str, Any]):
    case = await office.world.opened()
    for status in path:
        await office.do(case, "status", status=status)

    refused = await office.try_(case, verb, **body)
    assert (refused.status_code, refused.json()["code"]) == (409, "surveys.case_bad_move")


async def test_a_closed_case_is_only_noted_and_reopened(office: Office):
    case = await office.closed("anh Sơn")
    for verb, body in (
        ("status", {"status": "in_progress"}),
        ("contacts", {"channel": "phone"}),
        ("assignment", {"owner": "linh", "reason": "x"}),
        ("priority", {"priority": "high", "reason": "x"}),
        ("close", {"outcome": "solved", "root_cause": "late_delivery", "action": "x"}),
    ):
        refused = await office.try_(case, verb, **body)
        assert (refused.status_code, refused.json()["code"]) == (409, "surveys.case_bad_move"), verb
    await office.do(case, "notes", text="Khách gọi lại")

    again = await office.do(case, "reopen", reason="Vẫn chưa nhận được hàng")
    assert (again["status"], again["outcome"], again["closed_at"]) == ("in_progress", None, None)
    assert again["resolution"]["is_running"]


async def test_who_is_late_is_told_412_and_nothing_happens(office: Office):
    case = await office.world.opened()
    got = await office.crm.get(f"/v1/cases/{case}")
    tag = got.headers["ETag"]
    assert (await office.crm.get(f"/v1/cases/{case}", headers={"If-None-Match": tag})).status_code == 304
    office.world.clock.forward(minutes=3)
    assert (await office.crm.get(f"/v1/cases/{case}", headers={"If-None-Match": tag})).status_code == 304

    assert (await office.try_(case, "notes", text="một", match=tag)).json()["version"] == 2
    late = await office.try_(case, "notes", text="hai", match=tag)
    assert (late.status_code, late.json()["code"], late.json()["version"]) == (412, "surveys.case_moved", 2)
    assert (await office.try_(case, "notes", text="ba", match='"2"')).status_code == 200
    odd = await office.try_(case, "notes", text="ba", match="soon")
    assert (odd.status_code, odd.json()["code"]) == (412, "surveys.case_moved")
    assert len((await office.get(f"cases/{case}/history"))["items"]) == 3


async def test_the_same_request_again_has_no_second_effect(office: Office):
    case, key = await office.world.opened(), {"Idempotency-Key": str(uuid4())}
    said = [await office.crm.post(f"/v1/cases/{case}/notes", json={"text": "một"}, headers=key) for _ in range(2)]

    assert said[0].content == said[1].content
    assert len((await office.get(f"cases/{case}/history"))["items"]) == 2


async def test_teams_take_cases_in_turn_and_the_absent_none(office: Office):
    today = office.world.clock.now().date().isoformat()
    owners = []
    for _ in range(4):
        case = await office.world.opened()
        owners.append((await office.do(case, "assignment", team="hotline", reason="x"))["owner"])
    await office.put("case-agents/minh", absences=[{"first_day": today, "last_day": today}])
    for _ in range(2):
        case = await office.world.opened()
        owners.append((await office.do(case, "assignment", team="hotline", reason="x"))["owner"])
    await office.put("case-agents/minh")

    assert owners in (["linh", "minh"] * 2 + ["linh"] * 2, ["minh", "linh"] * 2 + ["linh"] * 2)


async def test_routes_lead_to_the_first_who_is_there(office: Office):
    today = office.world.clock.now().date().isoformat()
    await office.put("case-agents/thu", absences=[{"first_day": today, "last_day": today}])
    await office.put("case-teams/kho", members=["an"])
    await office.put("case-teams/cua_hang", members=["linh"], unit="shop-1")
    policy = {key: value for key, value in (await office.get("case-policy")).items() if key in POLICY}
    rules = [
        {"key": "seller", "when": {"stages": ["buy"]}, "assign": [{"to": "staff"}, {"to": "unit"}]},
        {"key": "absent", "when": {"stages": ["ask"]}, "assign": [{"to": "agent", "name": "thu"}]},
        {
            "key": "place",
            "when": {"touchpoints": ["delivery", "other"]},
            "assign": [{"to": "touchpoint", "teams": {"delivery": "kho"}}],
        },
    ]
    fallback = [{"to": "team", "name": "hotline"}]
    await office.put("case-policy", **{**policy, "rules": rules, "assign": fallback})
    owners = {}
    try:
        for name, place in (
            ("staff", {"stage": "buy", "staff_id": "an"}),
            ("unit", {"stage": "buy", "staff_id": "linh"}),
            ("kho", {"touchpoint": "delivery"}),
            ("fallback", {"touchpoint": "other"}),
            ("absent", {"stage": "ask"}),
        ):
            said = await office.get(f"cases/{await office.world.opened(**place)}")
            owners[name] = (said["owner"], said["team"])
    finally:
        await office.put("case-policy", **policy)

    assert owners["staff"] == ("an", "kho")
    assert owners["unit"] == ("linh", "cua_hang")
    assert owners["kho"] == ("an", "kho")
    assert {owners["fallback"][1], owners["absent"][1]} == {"hotline"}
    assert {owners["fallback"][0], owners["absent"][0]} == {"linh", "minh"}


POLICY = {"rules", "assign", "targets", "ladder", "recovery"}


async def test_another_calendar_or_target_moves_what_is_due_at_once(office: Office):
    office.world.clock.time = office.world.clock.time.replace(hour=1, minute=0) + timedelta(days=7)
    while office.world.clock.now().weekday() != 0:
        office.world.clock.forward(days=1)
    case = await office.world.opened()
    before = (await office.get(f"cases/{case}"))["contact"]["due_at"]
    calendar = {key: value for key, value in (await office.get("case-calendars/default")).items() if key in CALENDAR}
    tomorrow = office.world.clock.now().date().isoformat()
    half = {"day": tomorrow, "hours": [{"opens": "08:00", "closes": "12:00"}], "name": "nửa ngày"}
    await office.put("case-calendars/default", **{**calendar, "days": [*calendar["days"], half]})

    after = (await office.get(f"cases/{case}"))["contact"]["due_at"]
    assert (before[11:16], after[11:16]) == ("10:00", "05:00")
    assert after[:10] > before[:10]
    await office.put("case-calendars/default", **calendar)
    assert (await office.get(f"cases/{case}"))["contact"]["due_at"] == before
    raised = await office.do(case, "priority", priority="urgent", reason="khách quen")
    assert raised["contact"]["due_at"][11:16] == "02:00"


CALENDAR = {"zone", "week", "days"}


async def test_settings_name_only_what_is_there_and_mind_who_was_first(office: Office):
    policy = await office.get("case-policy")
    body = {key: value for key, value in policy.items() if key in POLICY}
    for path, said, code in (
        ("case-policy", {**body, "assign": [{"to": "team", "name": "nobody"}]}, "surveys.case_bad_policy"),
        ("case-teams/x", {"members": ["nobody"]}, "surveys.case_agent_unknown"),
        ("case-teams/x", {"members": [], "calendar": "nowhere"}, "surveys.case_calendar_unknown"),
        ("case-teams/x", {"members": [], "unit": "shop-1"}, "surveys.case_bad_policy"),
    ):
        refused = await office.crm.put(f"/v1/{path}", json=said)
        assert refused.json()["code"] == code, refused.text
    late = await office.crm.put("/v1/case-policy", json=body, headers={"If-Match": f'"{policy["version"] + 7}"'})
    assert (late.status_code, late.json()["code"]) == (412, "surveys.case_setting_moved")
    assert (await office.crm.get("/v1/case-teams/nobody")).status_code == 404


async def test_the_inbox_finds_and_sorts(office: Office):
    names = [f"khách {each}" for each in range(3)]
    ids = [str(await office.world.opened(name, 1, touchpoint="till")) for name in names]
    await office.do(ids[1], "priority", priority="urgent", reason="VIP")
    await office.do(ids[2], "notes", text="Máy tính tiền bị hỏng, khách đợi 40 phút")
    await office.do(ids[0], "assignment", owner="an", reason="x")

    assert await office.listed(touchpoint="till") == [ids[1], ids[0], ids[2]]
    assert await office.listed(touchpoint="till", sort="opened") == ids[::-1]
    assert await office.listed(touchpoint="till", owner="an") == [ids[0]]
    assert set(await office.listed(touchpoint="till", owned=False)) == {ids[1], ids[2]}
    assert await office.listed(touchpoint="till", priority=["urgent", "low"]) == [ids[1]]
    assert await office.listed(touchpoint="till", status="closed") == []
    assert await office.listed(q="ti\u0301nh tie\u0302\u0300n") == [ids[2]]
    await office.world.merge("khách 0", "khách 1")
    customer = f"user_id:{names[1]}"
    assert set(await office.listed(customer=customer, touchpoint="till")) == {ids[0], ids[1]}
    due = (await office.get(f"cases/{ids[0]}"))["due_at"]
    assert await office.listed(touchpoint="till", due_before=due) == [ids[1]]
    office.world.clock.forward(hours=2)
    assert await office.listed(touchpoint="till", overdue=True) == [ids[1]]
    assert (await office.crm.get("/v1/cases", params={"customer": "who"})).status_code == 422


async def test_pages_hold_each_case_once(office: Office):
    for _ in range(5):
        await office.world.opened(touchpoint="pages")
    seen: list[str] = []
    cursor = None
    while True:
        query = {"touchpoint": "pages", "limit": 2, **({"cursor": cursor} if cursor else {})}
        page = await office.get("cases", **query)
        seen += [each["id"] for each in page["items"]]
        if (cursor := page["next_cursor"]) is None:
            break

    assert (len(seen), len(set(seen))) == (5, 5)


async def test_counts_are_those_of_the_list(office: Office):
    counts = await office.get("case-counts")

    every = [
        each
        for status in counts["by_status"]
        for each in (await office.get("cases", limit=500, status=status))["items"]
    ]
    assert counts["by_status"] == {
        status: sum(each["status"] == status for each in every) for status in counts["by_status"]
    }
    unclosed = [each for each in every if each["status"] != "closed"]
    assert counts["by_owner"] == {
        owner: sum((each["owner"] or "") == owner for each in unclosed) for owner in counts["by_owner"]
    }
    assert counts["overdue"] == sum(each["is_overdue"] for each in every)


async def test_two_cases_of_one_person_become_one_and_are_taken_apart(office: Office):
    world = office.world
    one, two = await world.opened("Vy-web"), await world.opened("Vy-app")
    refused = await office.try_(one, "merge", into=str(two), reason="x")
    assert (refused.status_code, refused.json()["code"]) == (409, "surveys.case_not_mergeable")
    await world.merge("Vy-web", "Vy-app")
    before = await office.get(f"cases/{one}")

    part = await office.do(one, "merge", into=str(two), reason="cùng một chuyện")
    assert (part["merged_into"], part["due_at"]) == (str(two), None)
    assert (await office.get(f"cases/{two}"))["merged"] == [str(one)]
    assert str(one) not in await office.listed()
    locked = await office.try_(one, "notes", text="x")
    assert (locked.status_code, locked.json()["code"]) == (409, "surveys.case_merged")
    free = await office.do(one, "separate", reason="hai chuyện")
    keys = ("status", "owner", "due_at", "contact", "resolution", "merged_into", "watchers")
    assert {key: free[key] for key in keys} == {key: before[key] for key in keys}

    await office.do(one, "merge", into=str(two), reason="x")
    await office.do(two, "close", outcome="explained", root_cause="late_delivery", action="x")
    refused = await office.try_(one, "separate", reason="x")
    assert (refused.status_code, refused.json()["code"]) == (409, "surveys.case_not_separable")


async def test_watchers_come_and_go(office: Office):
    case = await office.world.opened()
    for method, watchers, version in (("PUT", ["an"], 2), ("PUT", ["an"], 2), ("DELETE", [], 3), ("DELETE", [], 3)):
        said = (await office.crm.request(method, f"/v1/cases/{case}/watchers/an")).json()
        assert (said["watchers"], said["version"]) == (watchers, version)
    assert (await office.crm.put(f"/v1/cases/{case}/watchers/nobody")).status_code == 404


async def test_staff_opens_a_case_once_for_a_response(office: Office):
    body = {"customer": "user_id:bà Năm", "reason": "Gọi đến tổng đài", "wants_callback": True, "team": "hotline"}
    made = await office.crm.post("/v1/cases", json={**body, "response_id": str(uuid4())})
    assert made.status_code == 201, made.text
    case = made.json()
    assert (case["rule"], case["person"], case["team"]) == ("manual", str(user_key("bà Năm")), "hotline")
    again = await office.crm.post("/v1/cases", json={**body, "response_id": case["response_id"]})
    assert (again.status_code, again.json()["case_id"]) == (409, case["id"])
    assert (await office.crm.post("/v1/cases", json={**body, "customer": "?"})).status_code == 422
    # What the response itself says later is noted in it.
    said = office.world.answer("bà Năm", 1, response_id=UUID(case["response_id"]))
    assert await office.world.consider(said) == UUID(case["id"])


async def test_who_comes_back_happy_was_won_back(office: Office):
    world = office.world
    happy, sad = await office.closed("Hải"), await office.closed("Đạt")
    world.clock.forward(days=10)
    later = world.answer("Hải-2", 9)
    await world.merge("Hải-2", "Hải")
    assert await world.consider(later) is None
    again = await world.consider(world.answer("Đạt", 6))
    assert again not in (None, sad)
    figures = await office.get("case-figures", first_day=later.at.date() - timedelta(days=12))
    assert (figures["recovery"]["count"], figures["recovery"]["n"]) == (1, 2)
    assert figures["recovery"]["low"] < 0.5 < figures["recovery"]["high"]

    # They change their mind, and then take it back.
    await world.consider(replace(later, revision=2, scores=(replace(later.scores[0], score=4),)))
    await world.consider(replace(later, revision=3, state="withdrawn"))
    figures = await office.get("case-figures", first_day=later.at.date() - timedelta(days=12))
    assert (figures["recovery"]["count"], figures["recovery"]["n"]) == (0, 1)
    asked = [each["data"] for each in (await office.get(f"cases/{happy}/history"))["items"]][-3:]
    assert [(each["score"], each["is_recovered"]) for each in asked] == [(9, True), (4, False), (None, False)]
    assert (await office.get(f"cases/{happy}"))["status"] == "closed"


async def test_figures_are_what_counting_gives(office: Office):
    figures = await office.get("case-figures", first_day="2026-01-01", last_day="2027-12-31")
    every = [
        each
        for status in ("open", "in_progress", "waiting_customer", "resolved", "closed")
        for each in (await office.get("cases", limit=500, status=status))["items"]
    ]

    assert figures["opened"] - figures["merged"] == len(every)
    assert figures["closed"] == sum(each["status"] == "closed" for each in every)
    contacted = [each for each in every if each["contact"]["done_at"]]
    late = [each for each in every if not each["contact"]["done_at"] and each["contact"]["is_late"]]
    in_time = [each for each in contacted if not each["contact"]["is_late"]]
    said = figures["contact_in_time"]
    assert (said["count"], said["n"]) == (len(in_time), len(contacted) + len(late))
    done = [each for each in every if each["resolution"]["done_at"]]
    assert figures["resolution_in_time"]["count"] == sum(not each["resolution"]["is_late"] for each in done)
    bad = await office.crm.get("/v1/case-figures", params={"first_day": "2026-02-01", "last_day": "2026-01-01"})
    assert (bad.status_code, bad.json()["code"]) == (422, "surveys.case_bad_period")


async def test_what_changed_because_of_you_is_told_once(office: Office):
    world = office.world
    for name in ("Tý", "Sửu", "Sửu-2", "Dần"):
        await office.closed(name)
    await world.merge("Sửu-2", "Sửu")
    texts = {"vi": "Chúng tôi giao cả buổi tối.", "en": "We deliver in the evening."}
    await office.put("case-root-causes/late_delivery", labels={"en": "Late"})
    made = await office.crm.post("/v1/case-improvements", json={"texts": texts, "root_causes": ["late_delivery"]})
    assert made.status_code == 201, made.text
    path = f"case-improvements/{made.json()['id']}"
    assert (await office.crm.get(f"/v1/{path}/audience")).json()["code"] == "surveys.case_improvement_not_published"
    assert (await office.crm.post(f"/v1/{path}/publish")).status_code == 200

    first = (await office.get(f"{path}/audience", limit=500))["items"]
    persons = [UUID(each["person"]) for each in first]
    assert len({user_key("Sửu"), user_key("Sửu-2")} & set(persons)) == 1
    assert {user_key("Tý"), user_key("Dần")} <= set(persons)
    page = await office.get(f"{path}/audience", limit=1)
    rest = await office.get(f"{path}/audience", limit=500, cursor=page["next_cursor"])
    assert page["items"] + rest["items"] == first
    told = {"customers": ["user_id:Tý", "user_id:Tý", "user_id:Sửu", "user_id:Sửu-2"]}
    assert (await office.crm.post(f"/v1/{path}/told", json=told)).json() == {"told": 2}
    assert (await office.crm.post(f"/v1/{path}/told", json=told)).json() == {"told": 0}
    left = {UUID(each["person"]) for each in (await office.get(f"{path}/audience", limit=500))["items"]}
    assert left == set(persons) - {user_key("Tý"), user_key("Sửu"), user_key("Sửu-2")}
    async with world.db.write() as tx:
        await tx.execute("INSERT INTO restrictions VALUES (:person, now())", {"person": user_key("Dần")})
    assert (await office.get(f"{path}/audience", limit=500))["items"] == [
        each for each in first if UUID(each["person"]) in left - {user_key("Dần")}
    ]
    missing = await office.crm.post(
        "/v1/case-improvements", json={"texts": {"vi": "x"}, "root_causes": ["late_delivery"]}
    )
    assert missing.status_code == 422


async def test_the_history_cannot_be_rewritten(office: Office):
    await office.world.opened()
    for statement in ("UPDATE case_history SET by = 'me'", "DELETE FROM case_history", "TRUNCATE case_history"):
        with pytest.raises(Exception, match="only grows"):
            async with office.world.db.write() as tx:
                await tx.execute(statement)


async def test_whom_it_was_about_can_be_forgotten(office: Office):
    case, key = await office.world.opened("Ánh Nguyễn", themes=("giá",)), [user_key("Ánh Nguyễn")]
    await office.do(case, "notes", text="Chị Ánh ở 12 Hàng Bạc")
    async with office.world.db.write() as tx:
        names = {name: rows async for name, rows in sections(tx, key)}
        assert set(names) == {"cases", "case_history", "case_notes"}
        assert (await forget(tx, key))["case_notes (words)"] == 1
        assert set((await forget(tx, key)).values()) == {0}

    history = (await office.get(f"cases/{case}/history"))["items"]
    assert [each["text"] for each in history] == [None, None]
    assert "Hàng Bạc" in str(names["case_notes"])
    assert await office.listed(q="Hàng Bạc") == []


async def test_what_is_not_there_is_404_and_what_is_odd_422(office: Office):
    assert (await office.crm.get(f"/v1/cases/{uuid4()}")).json()["code"] == "surveys.case_unknown"
    case = await office.world.opened()
    for verb, body in (
        ("contacts", {"channel": "phone", "at": "2099-01-01T00:00:00Z"}),
        ("contacts", {"channel": "telepathy"}),
        ("notes", {"text": "  "}),
        ("notes", {"text": "x" * 10_001}),
        ("assignment", {"reason": "x"}),
        ("close", {"outcome": "solved", "root_cause": "late_delivery"}),
        ("status", {"status": "closed"}),
    ):
        assert (await office.try_(case, verb, **body)).status_code == 422, verb
