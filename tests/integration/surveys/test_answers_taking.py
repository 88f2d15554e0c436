"""One response for an invitation, whatever is sent again: windows, revisions, parts."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from answers_world import RELATIONSHIP, invite, take
from services.surveys.answers.errors import AnswerTooLate
from services.surveys.definitions.errors import BadAnswers
from shared.events.catalogue.surveys import SurveyAnswered
from shared.ids import user_key
from surveys_world import SurveysWorld, open_world


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
