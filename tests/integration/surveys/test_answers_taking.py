"""One response for an invitation, whatever is sent again: windows, revisions, parts."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from answers_world import RELATIONSHIP, invite, take
from surveys_world import STAFF, SurveysWorld, open_world

from services.surveys.answers.domain.submission import Taken
from services.surveys.answers.errors import AnswerTooLate
from services.surveys.answers.repository import rights
from services.surveys.definitions.errors import BadAnswers, SurveyFull, SurveyNotActive
from shared.events.catalogue.surveys import SurveyAnswered
from shared.ids import user_key


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[SurveysWorld]:
    async with open_world(database_url) as opened:
        yield opened


async def test_an_answer_is_stored_and_told_and_the_same_again_changes_nothing(world: SurveysWorld) -> None:
    definition = await world.publish_document(RELATIONSHIP)
    (invitation,) = await invite(world, definition, "lan", staff_id="s-7", weight=4.0)
    answers = {"nps": {"score": 3}, "why": {"chosen": ["late"]}, "comment": {"text": "Giao hàng <b>chậm</b>"}}

    taken = await take(world, invitation_id=invitation, answers=answers)
    again = await take(world, invitation_id=invitation, answers=answers)

    assert (taken.state, taken.revision, taken.is_new) == ("complete", 1, True)
    assert again == type(taken)(taken.response_id, 1, "complete", is_new=False, editable_until=taken.editable_until)
    row = (await world.rows("SELECT person, score, answers, staff_id, touchpoint, stage FROM responses"))[0]
    assert tuple(row) == (user_key("lan"), 3, answers, "s-7", "delivery", "receive")
    (told,) = await world.announced(SurveyAnswered)
    assert (told.subject, told.data.weight, told.data.invitation_id) == (user_key("lan"), 4.0, invitation)
    assert (told.data.metric, told.data.score) == ("nps", 3)
    assert [(each.question_id, each.score, each.chosen) for each in told.data.scores] == [
        ("nps", 3, ()),
        ("why", None, ("late",)),
    ]
    assert await world.value("SELECT answered_at IS NOT NULL FROM invitations")


async def test_a_change_within_the_window_is_a_revision_and_after_it_is_refused(world: SurveysWorld) -> None:
    definition = await world.publish_document(RELATIONSHIP)
    (invitation,) = await invite(world, definition, "lan")
    first = await take(world, invitation_id=invitation, answers={"nps": {"score": 3}, "why": {"chosen": ["late"]}})

    world.clock.forward(minutes=59)
    changed = await take(world, invitation_id=invitation, answers={"nps": {"score": 9}})

    assert (changed.response_id, changed.revision, changed.is_new) == (first.response_id, 2, True)
    assert changed.editable_until == first.editable_until
    # The reason for a bad score goes with the score.
    assert await world.value("SELECT answers FROM responses") == {"nps": {"score": 9}}
    assert await world.value("SELECT answers FROM response_revisions") == {
        "nps": {"score": 3},
        "why": {"chosen": ["late"]},
    }

    world.clock.forward(minutes=1)
    with pytest.raises(AnswerTooLate) as refused:
        await take(world, invitation_id=invitation, answers={"nps": {"score": 0}})
    assert refused.value.data["kept"] == "complete"
    assert not (await take(world, invitation_id=invitation, answers={"nps": {"score": 9}})).is_new
    assert [each.data.revision for each in await world.announced(SurveyAnswered)] == [1, 2]


async def test_parts_are_kept_and_put_together(world: SurveysWorld) -> None:
    definition = await world.publish_document(RELATIONSHIP)
    (invitation,) = await invite(world, definition, "lan")

    opened = await take(world, invitation_id=invitation, answers={}, is_final=False)
    part = await take(world, invitation_id=invitation, answers={"nps": {"score": 2}}, is_final=False)
    with pytest.raises(BadAnswers):
        await take(world, invitation_id=invitation, answers={"nps": None})
    whole = await take(world, invitation_id=invitation, answers={"comment": {"text": "tệ"}})
    late = await take(world, invitation_id=invitation, answers={"nps": {"score": 2}}, is_final=False)

    assert [each.state for each in (opened, part, whole, late)] == ["started", "partial", "complete", "complete"]
    assert [each.revision for each in (opened, part, whole, late)] == [1, 2, 3, 3]
    assert await world.value("SELECT answers FROM responses") == {"nps": {"score": 2}, "comment": {"text": "tệ"}}
    assert [each.data.state for each in await world.announced(SurveyAnswered)] == ["partial", "complete"]


async def test_an_expired_invitation_is_refused_with_what_was_kept(world: SurveysWorld) -> None:
    definition = await world.publish_document(RELATIONSHIP)
    silent, begun = await invite(world, definition, "lan", "minh")
    await take(world, invitation_id=begun, answers={"nps": {"score": 2}}, is_final=False)
    world.clock.forward(days=14)

    kept = []
    for each in (silent, begun):
        with pytest.raises(AnswerTooLate) as refused:
            await take(world, invitation_id=each, answers={"nps": {"score": 10}})
        kept.append(refused.value.data["kept"])

    assert kept == ["nothing", "partial"]


async def test_a_hundred_at_once_make_one_response(world: SurveysWorld) -> None:
    definition = await world.publish_document(RELATIONSHIP)
    (invitation,) = await invite(world, definition, "lan")

    async def one(score: int) -> Any:
        return await take(world, invitation_id=invitation, answers={"nps": {"score": score}})

    # The pool has fewer connections than that; the locks are what is tried.
    taken = await asyncio.gather(*(one(each % 2 + 9) for each in range(100)))

    assert len({each.response_id for each in taken}) == 1
    assert await world.value("SELECT count(*) FROM responses") == 1
    changes = sum(each.is_new for each in taken)
    assert changes > 1, "nothing raced"
    assert await world.value("SELECT count(*) FROM response_revisions") == changes - 1
    assert await world.value("SELECT revision FROM responses") == changes
    assert await world.value("SELECT sum(answers) FROM survey_completes") == 1
    assert [each.data.revision for each in await world.announced(SurveyAnswered)] == list(range(1, changes + 1))


async def test_what_was_written_is_shown_and_forgotten_and_scores_stay(world: SurveysWorld) -> None:
    definition = await world.publish_document(RELATIONSHIP)
    lan, minh = await invite(world, definition, "lan", "minh")
    for each in (lan, minh):
        await take(world, invitation_id=each, answers={"nps": {"score": 2}, "comment": {"text": "gọi 0901234567"}})
    await take(world, invitation_id=lan, answers={"nps": {"score": 3}, "why": {"chosen": ["late"]}})

    async with world.db.read() as tx:
        shown = {name: found async for name, found in rights.sections(tx, [user_key("lan")])}
    async with world.db.write() as tx:
        counts = await rights.forget(tx, [user_key("lan")])

    assert [each["answers"]["nps"] for each in (*shown["responses"], *shown["response_revisions"])] == [
        {"score": 3},
        {"score": 2},
    ]
    assert counts == {"responses (words)": 1, "response_revisions (words)": 1, "response_tags": 0}
    of_lan = await world.rows("SELECT answers, words FROM responses WHERE person = :key", key=user_key("lan"))
    assert [tuple(row) for row in of_lan] == [({"nps": {"score": 3}, "why": {"chosen": ["late"]}}, None)]
    assert await world.value("SELECT answers FROM response_revisions") == {"nps": {"score": 2}}
    assert "comment" in await world.value("SELECT answers FROM responses WHERE person = :key", key=user_key("minh"))


async def test_withdrawn_is_told_and_searching_goes_on(world: SurveysWorld) -> None:
    definition = await world.publish_document(RELATIONSHIP)
    (lan,) = await invite(world, definition, "lan")
    taken = await take(world, invitation_id=lan, answers={"nps": {"score": 2}, "comment": {"text": "Giao chậm"}})
    assert taken.response_id is not None

    await world.service.answers.withdraw(taken.response_id, "a test of ours", by="staff", idem=None)

    told = await world.announced(SurveyAnswered)
    assert [(each.data.state, each.data.revision) for each in told] == [("complete", 1), ("withdrawn", 2)]
    assert await world.value("SELECT words @@ 'cham'::tsquery FROM responses")


async def test_a_quota_is_never_exceeded_by_fifty_at_once(world: SurveysWorld) -> None:
    definition = await world.publish_document({**RELATIONSHIP, "quota": 10})
    invitations = await invite(world, definition, *(f"customer {place}" for place in range(50)))

    results = await asyncio.gather(*(take(world, invitation_id=each) for each in invitations), return_exceptions=True)

    assert sum(isinstance(each, Taken) for each in results) == 10
    refused = [each for each in results if not isinstance(each, Taken)]
    assert {type(each) for each in refused} <= {SurveyFull, SurveyNotActive}
    assert await world.value("SELECT count(*) FROM responses") == 10
    # Whoever has a place may still change what they said.
    mine = next(each for each, taken in zip(invitations, results, strict=True) if isinstance(taken, Taken))
    assert (await take(world, invitation_id=mine, answers={"nps": {"score": 0}})).revision == 2


async def test_where_people_stop_is_counted_question_by_question(world: SurveysWorld) -> None:
    definition = await world.publish_document(RELATIONSHIP)
    opened, stopped, done, gone = await invite(world, definition, "a", "b", "c", "d")
    await take(world, invitation_id=opened, answers={}, is_final=False)
    await take(world, invitation_id=stopped, answers={"nps": {"score": 2}, "why": {"chosen": ["late"]}}, is_final=False)
    await take(world, invitation_id=done, answers={"nps": {"score": 9}, "comment": {"text": "tốt"}})
    taken = await take(world, invitation_id=gone)
    assert taken.response_id is not None
    await world.service.answers.withdraw(taken.response_id, "a test", by="staff", idem=None)
    world.clock.forward(minutes=1)

    found = await world.service.drop_off.of(definition.survey_id, None, None, None)

    assert (found.started, found.completed, found.stopped_before_any) == (3, 1, 1)
    assert [(each.question_id, each.answered, each.stopped_after) for each in found.questions] == [
        ("nps", 2, 0),
        ("why", 1, 1),
        ("comment", 1, 0),
    ]
    later = await world.service.drop_off.of(definition.survey_id, 1, world.clock.now(), None)
    assert later.started == 0


@pytest.mark.parametrize("quota", [2, None])
async def test_what_is_withdrawn_gives_its_place_back(world: SurveysWorld, quota: int | None) -> None:
    definition = await world.publish_document({**RELATIONSHIP, "quota": quota})
    survey = definition.survey_id
    first = await take(world, survey_id=survey, reference="a")
    await take(world, survey_id=survey, reference="b")
    if quota is not None:
        with pytest.raises((SurveyFull, SurveyNotActive)):
            await take(world, survey_id=survey, reference="c")

    assert first.response_id is not None
    await world.service.answers.withdraw(first.response_id, "máy trả lời", by=STAFF, idem=None)

    assert (await take(world, survey_id=survey, reference="c")).is_new
    assert await world.value("SELECT sum(answers) FROM survey_completes WHERE survey_id = :id", id=survey) == 2
    if quota is not None:
        with pytest.raises((SurveyFull, SurveyNotActive)):
            await take(world, survey_id=survey, reference="d")
