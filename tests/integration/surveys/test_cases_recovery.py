"""Who was won back: answers that came after a case was closed, held to plain counting through merges and edits."""

from collections.abc import AsyncIterator
from itertools import pairwise
from random import Random
from uuid import UUID

import orjson
import pytest
import pytest_asyncio
from answers_world import RELATIONSHIP, take
from asking_world import Asking
from cases_world import set_policy
from surveys_world import SurveysWorld, open_world

from services.surveys.asking.schemas.deciding import InvitationIn
from services.surveys.cases.schemas.case import CloseIn
from services.surveys.cases.schemas.policy import DEFAULT_DOCUMENT
from services.surveys.cases.schemas.settings import RootCauseIn
from services.surveys.cases.service.desk import Asked
from services.surveys.definitions.domain.definition import Definition
from shared.events.catalogue.surveys import CaseOpened, CaseRecovered
from shared.identity import mapping
from shared.ids import user_key
from shared.testing.postgres import fresh_database

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(pg_url: str) -> AsyncIterator[SurveysWorld]:
    async with fresh_database(pg_url) as url, open_world(url) as opened:
        cause = RootCauseIn(labels={"vi": "Giao trễ"})
        await opened.service.case_settings.put_root_cause("late", cause, by="test", idem=None)
        yield opened


async def answer(world: SurveysWorld, survey: Definition, name: str, score: int, reference: str) -> None:
    said = {"nps": {"score": score}}
    await take(world, survey_id=survey.survey_id, person=user_key(name), answers=said, reference=reference)


async def close_all(world: SurveysWorld, name: str | None = None) -> None:
    """Close the open cases of somebody, or of everybody."""
    rows = await world.rows(
        "SELECT id FROM cases WHERE status <> 'closed' AND (CAST(:person AS uuid) IS NULL OR person = :person)",
        person=None if name is None else user_key(name),
    )
    body = CloseIn(outcome="solved", root_cause="late", action="đã gọi")
    for row in rows:
        await world.service.case_desk.close(row.id, body, Asked("test"))


async def counted(world: SurveysWorld) -> set[tuple[UUID, UUID, int]]:
    """By brute force: each closed case, with each later answer of its person as they are grouped now."""
    cases = await world.rows("SELECT id, person, response_id, closed_at FROM cases WHERE closed_at IS NOT NULL")
    answers = await world.rows("SELECT id, person, score, changed_at FROM responses WHERE state <> 'withdrawn'")
    async with world.db.read() as tx:
        roots = await mapping.roots(tx, {each.person for each in (*cases, *answers)})
    return {
        (case.id, each.id, each.score)
        for case in cases
        for each in answers
        if roots[case.person] == roots[each.person] and each.id != case.response_id and each.changed_at > case.closed_at
    }


async def stored(world: SurveysWorld) -> set[tuple[UUID, UUID, int]]:
    return {tuple(row) for row in await world.rows("SELECT case_id, response_id, score FROM case_recoveries")}


async def told(world: SurveysWorld) -> set[tuple[UUID, UUID, int]]:
    """What somebody knows who heard the events alone."""
    latest = {}
    for event in await world.announced(CaseRecovered):
        latest[event.data.case_id, event.data.response_id] = event.data.score
    return {(*key, score) for key, score in latest.items() if score is not None}


@pytest.mark.parametrize("seed", range(3))
async def test_recoveries_are_what_counting_gives_whoever_turns_out_to_be_whom(world: SurveysWorld, seed: int):
    chance, survey = Random(seed), await world.publish_document(RELATIONSHIP)
    names = [f"người {seed}-{each}" for each in range(4)]
    merged: list[tuple[str, str]] = []
    most = 0
    for step in range(30):
        world.clock.forward(minutes=chance.choice([5, 50]))
        match chance.choice(["new", "new", "edit", "close", "close", "merge", "unmerge"]):
            case "new":
                await answer(world, survey, chance.choice(names), chance.choice([1, 6, 7, 9]), f"{seed}-{step}")
            case "edit":
                rows = await world.rows(
                    "SELECT person, reference FROM responses WHERE open_until > :now AND survey_id = :survey",
                    now=world.clock.now(),
                    survey=survey.survey_id,
                )
                for row in rows[:1]:
                    name = next(each for each in names if user_key(each) == row.person)
                    await answer(world, survey, name, chance.choice([0, 8]), row.reference)
            case "close":
                await close_all(world, chance.choice(names))
            case "merge":
                one, two = chance.choice(list(pairwise(names)))
                merged.append((one, two))
                await world.merge(user_key(one), user_key(two))
            case "unmerge" if merged:
                one, two = merged.pop()
                await world.unmerge(user_key(one), user_key(two))
        found = await stored(world)
        assert found == await counted(world)
        most = max(most, len(found))

    assert most > 2
    assert await told(world) == await stored(world)


async def test_each_qualifying_answer_has_its_case_and_no_other(world: SurveysWorld):
    """INVARIANT: case count = qualifying answers, edits included, and each was announced once."""
    low = await world.rows(
        "SELECT r.id FROM responses AS r WHERE r.score <= 6 OR EXISTS (SELECT FROM response_revisions AS v "
        "WHERE v.response_id = r.id AND CAST(v.answers->'nps'->>'score' AS integer) <= 6)"
    )
    cases = await world.rows("SELECT response_id FROM cases")

    assert len(low) > 5
    assert sorted(row.response_id for row in cases) == sorted(row.id for row in low)
    opened = [event.data.response_id for event in await world.announced(CaseOpened)]
    assert sorted(opened) == sorted(row.id for row in low)


async def test_they_are_asked_again_once_and_some_days_after(world: SurveysWorld):
    survey = await world.publish_document(RELATIONSHIP)
    recovery = {**DEFAULT_DOCUMENT.recovery.model_dump(mode="json"), "ask_again_days": 7}
    await close_all(world)
    await set_policy(world, recovery=recovery)  # type: ignore[arg-type]
    world.clock.forward(days=181)
    await answer(world, survey, "chị Ngọc", 1, "ngọc")
    await close_all(world, "chị Ngọc")
    again = world.service.case_asking_again

    world.clock.forward(days=6)
    assert await again.run() == 0
    world.clock.forward(days=2)
    assert [await again.run(), await again.run()] == [1, 0]

    (row,) = await world.rows("SELECT invitation_id, refusal FROM case_asked_again")
    history = await world.rows("SELECT data FROM case_history WHERE kind = 'invited_again'")
    assert len(history) == 1
    candidates = await world.rows(
        "SELECT reason, invitation_id FROM candidates WHERE person = :p", p=user_key("chị Ngọc")
    )
    assert [(each.reason, each.invitation_id) for each in candidates] == [(row.refusal or "asked", row.invitation_id)]


async def test_whom_the_budget_protects_is_asked_on_a_later_day(world: SurveysWorld):
    survey = await world.publish_document(RELATIONSHIP)
    recovery = {**DEFAULT_DOCUMENT.recovery.model_dump(mode="json"), "ask_again_days": 7}
    await close_all(world)
    await set_policy(world, recovery=recovery)  # type: ignore[arg-type]
    world.clock.forward(days=181)
    await answer(world, survey, "anh Sơn", 1, "sơn")
    await close_all(world, "anh Sơn")
    asking, other = Asking(world), await world.publish("relationship_nps")
    await asking.agree("anh Sơn")
    await asking.rules({"gap_days": 9})
    world.clock.forward(days=6)
    body = InvitationIn(customer=str(user_key("anh Sơn")), skips_sampling=True)
    asked = orjson.loads((await world.service.inviting.invite(other.survey_id, body, idem=None)).body)
    assert asked["reason"] == "asked"
    again = world.service.case_asking_again

    world.clock.forward(days=2)
    tried = []
    for _ in range(9):
        await again.run()
        await again.run()
        tried += [tuple(row) for row in await world.rows(WHO_WAS_ASKED, person=user_key("anh Sơn"))]
        world.clock.forward(days=1, minutes=1)

    assert [refusal for refusal, _ in tried] == ["over_budget"] * 7 + [None] * 2
    assert [tries for _, tries in tried] == [1, 2, 3, 4, 5, 6, 7, 8, 8]
    history = await world.rows(
        "SELECT data FROM case_history AS h JOIN cases AS c ON c.id = h.case_id "
        "WHERE h.kind = 'invited_again' AND c.person = :p",
        p=user_key("anh Sơn"),
    )
    assert len(history) == 2


WHO_WAS_ASKED = """
    SELECT a.refusal, a.tries FROM case_asked_again AS a JOIN cases AS c ON c.id = a.case_id WHERE c.person = :person
"""
