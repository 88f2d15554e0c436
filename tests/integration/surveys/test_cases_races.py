"""Many at once, on real connections: one case for a response, turns that are exact, steps that are taken once.

Each race is shown to have happened, or the naive way is shown to fail.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from cases_world import CasesWorld, misplanned, open_cases, set_policy, staff

from services.surveys.cases.domain.standing import default_document
from services.surveys.cases.errors import BadMove, CaseIsMerged, CaseMoved, NotMergeable
from services.surveys.cases.repository import cases as case_rows
from services.surveys.cases.repository import teams as team_rows
from services.surveys.cases.repository.teams import Turn
from services.surveys.cases.schemas.case import CloseIn, MergeIn, NoteIn
from services.surveys.cases.schemas.settings import CalendarIn, RootCauseIn
from services.surveys.cases.service.desk import Asked
from shared.db.engine import WriteTx
from shared.testing.postgres import fresh_database

pytestmark = pytest.mark.asyncio(loop_scope="module")

# Of twenty connections that the pool of the tests has.
MANY = 16
ASKED = Asked("test")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(pg_url: str) -> AsyncIterator[CasesWorld]:
    async with fresh_database(pg_url) as url, open_cases(url) as opened:
        await staff(opened, "a", "b", "c", "d")
        await set_policy(opened, assign=[{"to": "team", "name": "hotline"}])
        yield opened


async def at_once(jobs: list[Callable[[], Awaitable[Any]]]) -> list[Any]:
    """Start all together; what each gave or raised."""
    return await asyncio.gather(*(job() for job in jobs), return_exceptions=True)


def meeting(monkeypatch: pytest.MonkeyPatch, many: int) -> list[bool]:
    """Let all have looked before anybody goes on; what they saw: whether the response has a case."""
    barrier, look, seen = asyncio.Barrier(many), case_rows.glance, list[bool]()

    async def glance(*args: Any) -> Any:
        found = await look(*args)
        seen.extend(each.has_case for each in found.values())
        await barrier.wait()
        return found

    monkeypatch.setattr(case_rows, "glance", glance)
    return seen


async def test_a_response_opens_one_case_however_many_consider_it(world: CasesWorld, monkeypatch: pytest.MonkeyPatch):
    said, seen = world.answer("Lan", 1), meeting(monkeypatch, MANY)
    found = await at_once([lambda: world.consider(said)] * MANY)

    # Nobody saw a case when they looked, so each meant to open it.
    assert seen == [False] * MANY
    assert len(set(found)) == 1
    assert isinstance(found[0], UUID)
    assert await world.value("SELECT count(*) FROM cases WHERE response_id = :id", id=said.response_id) == 1
    assert len(await world.announced(case=found[0])) == 1


async def owners_of(world: CasesWorld, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Sixteen cases at once for four agents: how many each has got."""
    meeting(monkeypatch, MANY)
    ids = await at_once([lambda: world.consider(world.answer(None, 1))] * MANY)
    rows = await world.rows("SELECT owner FROM cases WHERE id = ANY(:ids)", ids=ids)
    assert len(rows) == MANY
    return sorted(Counter(row.owner for row in rows).values())


async def test_turns_are_exact_under_concurrency_and_were_not_without_a_lock(
    world: CasesWorld, monkeypatch: pytest.MonkeyPatch
):
    with monkeypatch.context() as patched:
        assert await owners_of(world, patched) == [4, 4, 4, 4]

    barrier = asyncio.Barrier(MANY)

    async def naive(tx: WriteTx, team: str) -> Turn:
        row = (await tx.execute("SELECT key, last_agent FROM case_teams WHERE key = :team", {"team": team})).one()
        await barrier.wait()
        return Turn._make(row)

    async def unclaimed(tx: WriteTx) -> None:
        await tx.execute("SELECT 1")

    monkeypatch.setattr(team_rows, "turn", naive)
    monkeypatch.setattr(team_rows, "claim_turns", unclaimed)
    assert await owners_of(world, monkeypatch) == [MANY]


async def test_workers_share_the_cases_and_take_each_step_once(world: CasesWorld, monkeypatch: pytest.MonkeyPatch):
    ladder = [{"key": "late", "clock": "contact", "percent": 100, "action": "notify"}]
    await set_policy(world, ladder=ladder, assign=[{"to": "team", "name": "hotline"}])
    cases = [await world.opened() for _ in range(12)]
    world.clock.forward(days=7)
    barrier, claim, claimed = asyncio.Barrier(4), case_rows.claim_due, list[list[UUID]]()

    async def claim_due(*args: Any) -> Any:
        found = await claim(*args)
        claimed.append([each.id for each in found])
        await barrier.wait()
        return found

    with monkeypatch.context() as patched:
        patched.setattr(case_rows, "claim_due", claim_due)
        await at_once([lambda: world.service.case_escalation.run(limit=8)] * 4)
    while await world.service.case_escalation.run():
        pass

    # All four held their cases at the same time, and none the same.
    assert [len(each) for each in claimed] == [8] * 4
    assert len({each for every in claimed for each in every}) == 32
    taken = await world.rows(
        "SELECT case_id, count(*) AS n FROM case_history WHERE kind = 'escalated' GROUP BY case_id"
    )
    assert {row.n for row in taken} == {1}
    assert set(cases) <= {row.case_id for row in taken}
    await set_policy(world, assign=[{"to": "team", "name": "hotline"}])


async def test_of_those_who_saw_the_same_version_one_changes_it(world: CasesWorld):
    case, asked = await world.opened(), Asked("test", frozenset({1}))
    found = await at_once([lambda: world.service.case_desk.note(case, NoteIn(text="tôi trước"), asked)] * MANY)

    assert sum(isinstance(each, CaseMoved) for each in found) == MANY - 1
    assert await world.value("SELECT count(*) FROM case_notes WHERE case_id = :id", id=case) == 1


async def test_no_case_keeps_an_old_due_when_the_calendar_changes_meanwhile(world: CasesWorld):
    settings, document = world.service.case_settings, default_document("Asia/Ho_Chi_Minh")

    async def shift(opens: str) -> None:
        week = [[{"opens": opens, "closes": "17:00"}]] * 5 + [[], []]
        body = CalendarIn.model_validate({**document, "week": week})
        await settings.put_calendar("default", body, by="test", if_match=None, idem=None)

    async def answers() -> None:
        for _ in range(4):
            await world.consider(world.answer(None, 1))

    hours = ["07:00", "09:00", "10:00", "06:00"]
    found = await at_once([answers, lambda: shift(hours[0]), answers, lambda: shift(hours[1]), answers] * 2)

    assert [each for each in found if each is not None] == []
    assert await misplanned(world) == []


async def test_nothing_escalates_after_a_close_that_raced_it(world: CasesWorld):
    cause = RootCauseIn(labels={"vi": "Giao trễ"})
    await world.service.case_settings.put_root_cause("late", cause, by="test", idem=None)
    ladder = [{"key": f"s{each}", "clock": "age", "minutes": each, "action": "notify"} for each in (1, 2)]
    await set_policy(world, ladder=ladder)
    cases = [await world.opened() for _ in range(10)]
    world.clock.forward(days=7)
    body = CloseIn(outcome="solved", root_cause="late", action="x")

    def closing(case: UUID) -> Callable[[], Awaitable[Any]]:
        return lambda: world.service.case_desk.close(case, body, ASKED)

    jobs = [closing(case) for case in cases]
    jobs[3:3] = [lambda: world.service.case_escalation.run(limit=4)] * 3
    found = await at_once(jobs)
    while await world.service.case_escalation.run():
        pass

    assert [each for each in found if isinstance(each, Exception) and not isinstance(each, BadMove)] == []
    after = await world.rows(
        "SELECT e.case_id FROM case_history AS e JOIN case_history AS c ON c.case_id = e.case_id "
        "WHERE c.kind = 'closed' AND e.kind = 'escalated' AND e.number > c.number"
    )
    assert after == []
    counts = await world.rows(
        "SELECT case_id, data->>'step' AS step, count(*) AS n FROM case_history WHERE kind = 'escalated' "
        "AND case_id = ANY(:ids) GROUP BY 1, 2",
        ids=cases,
    )
    assert {row.n for row in counts} <= {1}


async def test_two_who_merge_crosswise_make_one_case_of_two(world: CasesWorld):
    """Each wants its own to be the whole: one of them is late, and nobody waits for ever."""
    pairs = [[await world.opened(f"đôi {n}") for _ in range(2)] for n in range(6)]

    def merging(one: UUID, two: UUID) -> Callable[[], Awaitable[Any]]:
        return lambda: world.service.case_merging.merge(one, MergeIn(into=two, reason="x"), ASKED)

    found = await at_once([merging(*order) for pair in pairs for order in (pair, pair[::-1])])

    late = [each for each in found if isinstance(each, Exception)]
    assert len(late) == len(pairs)
    assert all(isinstance(each, CaseIsMerged | NotMergeable) for each in late)
    merged = "SELECT count(*) FROM cases WHERE id = ANY(:ids) AND merged_into IS NOT NULL"
    assert [await world.value(merged, ids=pair) for pair in pairs] == [1] * len(pairs)
