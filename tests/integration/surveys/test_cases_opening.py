"""Which answers open a case, and that they open one only."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
import pytest_asyncio
from cases_world import CasesWorld, open_cases, set_policy

from services.surveys.cases.schemas.case import CloseIn, ContactIn, NoteIn
from services.surveys.cases.schemas.settings import RootCauseIn
from services.surveys.cases.service.desk import Asked
from shared.db import segment_moves
from shared.events.catalogue.profiles import SegmentEntered
from shared.events.catalogue.surveys import CaseChanged, CaseClosed, CaseOpened, nobody
from shared.events.envelope import Event
from shared.ids import user_key, uuid7
from shared.testing.postgres import fresh_database

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(pg_url: str) -> AsyncIterator[CasesWorld]:
    async with fresh_database(pg_url) as url, open_cases(url) as opened:
        yield opened


@pytest.mark.parametrize(
    ("kind", "score", "is_case"),
    [
        ("nps", 0, True),
        ("nps", 6, True),
        ("nps", 7, False),
        ("csat", 2, True),
        ("csat", 3, False),
        ("star", 2, True),
        ("star", 3, False),
        ("ces", 3, True),
        ("ces", 4, False),
        ("matrix", 1, False),
    ],
)
async def test_low_scores_open_a_case(world: CasesWorld, kind: str, score: int, is_case: bool):
    assert (await world.consider(world.answer("anh Minh", score, kind)) is not None) == is_case


async def test_the_case_stands_with_what_is_due(world: CasesWorld):
    case_id = await world.opened("cô Hoa", 3, touchpoint="delivery", stage="receive")

    (event,) = await world.announced(CaseOpened, case=case_id)
    assert (event.subject, event.data.rule, event.data.score) == (user_key("cô Hoa"), "unhappy", 3)
    # Monday at eight: the first contact is due when the day ends, the resolution on Friday.
    assert event.data.contact_due_at - world.clock.now() == timedelta(hours=9)
    assert event.data.resolve_due_at - world.clock.now() == timedelta(days=4, hours=9)


async def test_the_same_again_and_what_is_older_changes_nothing(world: CasesWorld):
    said = world.answer("bác Tư", 2)
    first = await world.consider(said)

    assert [await world.consider(said), await world.consider(replace(said, revision=0))] == [first, first]
    assert len(await world.announced(case=first)) == 1
    assert await world.value("SELECT count(*) FROM case_history WHERE case_id = :id", id=first) == 1


async def test_an_edit_notes_that_the_answer_turned_and_closes_nothing(world: CasesWorld):
    said = world.answer("chị Mai", 2)
    case_id = await world.consider(said)

    assert await world.consider(replace(said, revision=2, scores=(replace(said.scores[0], score=9),))) == case_id
    assert await world.consider(replace(said, revision=3, state="withdrawn")) == case_id

    (status, score) = (await world.rows("SELECT status, score FROM cases WHERE id = :id", id=case_id))[0]
    assert (status, score) == ("open", 9)
    history = await world.rows("SELECT kind, data FROM case_history WHERE case_id = :id ORDER BY number", id=case_id)
    assert [row.kind for row in history] == ["opened", "answer_changed", "answer_withdrawn"]
    assert (history[1].data["score_before"], history[1].data["qualifies"]) == (2, False)


async def test_an_edit_may_open_the_case(world: CasesWorld):
    said = world.answer("chị Yến", 9)
    assert await world.consider(said) is None

    case_id = await world.consider(replace(said, revision=2, scores=(replace(said.scores[0], score=1),)))

    assert isinstance(case_id, UUID)


async def test_what_nobody_confirmed_opens_nothing_and_what_is_begun_does(world: CasesWorld):
    assert await world.consider(world.answer("x", 2, verification="inferred")) is None
    assert await world.consider(world.answer("x", 2, state="withdrawn")) is None
    assert await world.consider(world.answer("x", 2, state="partial")) is not None


async def test_who_asks_to_be_called_has_a_case_of_high_priority(world: CasesWorld):
    case_id = await world.opened("anh Ba", 10, wants_callback=True)

    (event,) = await world.announced(CaseOpened, case=case_id)
    assert (event.data.rule, event.data.priority, event.data.wants_callback) == ("callback", "high", True)


async def test_an_anonymous_answer_opens_a_case_of_a_day_and_nobody(world: CasesWorld):
    world.clock.forward(hours=5, minutes=17)
    midnight = world.clock.now().replace(hour=17, minute=0) - timedelta(days=1)
    said = world.answer(None, 1, at=midnight)

    case_id = await world.consider(said)

    (row,) = await world.rows("SELECT * FROM cases WHERE id = :id", id=case_id)
    assert (row.person, row.opened_at, row.clock_from) == (None, midnight, midnight + timedelta(days=1))
    assert case_id is not None
    assert case_id.version == 4
    (event,) = await world.announced(case=case_id)
    assert (event.subject, event.time, event.recorded) == (nobody(said.response_id), midnight, midnight)
    assert await world.value("SELECT at FROM case_history WHERE case_id = :id", id=case_id) == midnight


async def test_an_open_case_is_seen_through_all_keys_of_a_person(world: CasesWorld):
    await world.opened("lan-web", 1)
    keys = [user_key("lan-app"), user_key("lan-web")]

    async with world.db.read() as tx:
        assert await world.service.cases.open_among(tx, keys)
        assert not await world.service.cases.open_among(tx, keys[:1])
        assert await world.service.cases.open_of(tx, keys) == {keys[1]}


async def test_what_is_told_of_a_case_that_took_too_long(world: CasesWorld):
    desk, asked, case_id = world.service.case_desk, Asked("linh"), await world.opened("dì Tám", 2)
    cause = RootCauseIn(labels={"vi": "Giao trễ"})
    await world.service.case_settings.put_root_cause("late", cause, by="test", idem=None)
    world.clock.forward(days=14)
    await desk.contact(case_id, ContactIn(channel="phone", note="Không ai nghe máy"), asked)
    await desk.note(case_id, NoteIn(text="Chị ấy ở 12 Hàng Bạc"), asked)
    await desk.close(case_id, CloseIn(outcome="no_answer", root_cause="late", action="x"), asked)

    told = [event.data for event in await world.announced(case=case_id)]
    assert [type(each) for each in told] == [CaseOpened, CaseChanged, CaseChanged, CaseClosed]
    assert [each.version for each in told] == [1, 2, 4, 4]
    assert (told[1].status, told[1].contacted_at) == ("open", world.clock.now())
    assert (told[3].outcome, told[3].root_cause) == ("no_answer", "late")
    assert (told[3].was_contact_late, told[3].was_resolution_late) == (True, True)
    assert "Hàng" not in str(told)


async def test_a_rule_may_ask_for_a_segment_that_any_key_of_the_person_is_in(world: CasesWorld):
    vip, now = uuid7(), world.clock.now()
    entered = Event(
        uuid7(), user_key("vip-app"), now, now, SegmentEntered(segment_id=vip, segment_version=1, cause="fact")
    )
    async with world.db.write() as tx:
        await segment_moves.record(tx, [entered])
    await world.merge("vip-web", "vip-app")
    await set_policy(world, rules=[{"key": "vip", "when": {"segments": [str(vip)]}, "priority": "urgent"}])

    assert await world.consider(world.answer("vip-web", 10)) is not None
    assert await world.consider(world.answer("ai đó", 0)) is None
    assert await world.consider(world.answer(None, 0)) is None
    await set_policy(world)


async def test_a_batch_has_the_cases_that_its_answers_would_have_one_by_one(world: CasesWorld):
    answers = [world.answer(f"lô {each % 3}", score) for each, score in enumerate([2, 9, 3, 10, 1])]
    async with world.db.write() as tx:
        found = await world.service.cases.consider_many(tx, [*answers, answers[0]])

    assert [each is not None for each in found] == [True, False, True, False, True, True]
    assert (found[0], len({*found})) == (found[5], 4)
    async with world.db.write() as tx:
        assert await world.service.cases.consider_many(tx, answers) == found[:5]
        assert await world.service.cases.consider_many(tx, ()) == []
