"""Surveys on a real database: what is asked, what never changes, and places that are counted exactly."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy.exc import DBAPIError
from surveys_world import NOW, STAFF, SurveysWorld, open_world

from services.surveys.answers.domain.submission import Submission
from services.surveys.definitions.domain.library import KEYS, ready
from services.surveys.definitions.errors import SurveyFull, SurveyNotActive, SurveyNotFound, VersionNotFound
from services.surveys.service import SurveysService
from shared.events.catalogue.surveys import SurveyPublished
from shared.ids import user_key

NOWHERE = UUID("01900000-0000-7000-8000-000000000000")


@pytest.fixture
async def world(database_url: str):
    async with open_world(database_url) as made:
        yield made


async def why_not(world: SurveysWorld, survey_id: UUID) -> str | None:
    """Why a survey takes no answers, as other rooms are told; None: it does."""
    async with world.db.read() as tx:
        active = {each.survey_id for each in await world.service.definitions.active(tx)}
        try:
            await world.service.definitions.current(tx, survey_id)
        except SurveyNotActive as refusal:
            assert survey_id not in active
            return str(refusal.data["why"])
    assert survey_id in active
    return None


async def test_every_ready_survey_is_published_and_asked(world: SurveysWorld):
    made = [await world.publish(key) for key in KEYS]

    async with world.db.read() as tx:
        assert list(await world.service.definitions.active(tx)) == made
    events = await world.announced(SurveyPublished)
    assert [event.subject for event in events] == [each.survey_id for each in made]
    asked = {key: event.data for key, event in zip(KEYS, events, strict=True)}
    assert (asked["after_delivery"].touchpoint, asked["after_delivery"].stage) == ("order_delivered", "delivery")
    scales = [(each.id, each.kind, each.lowest, each.highest) for each in asked["after_support"].questions]
    assert scales[:2] == [("ces", "ces", 1, 7), ("solved", "single", None, None)]
    assert scales[2:] == [("care", "matrix", 1, 5), ("missing", "text", None, None)]
    (reason, _) = asked["why_did_you_join"].questions
    assert reason.earned == ("recommended", "reviews", "reputation")
    assert set(reason.earned) < set(reason.options)
    assert (asked["staff_mirror"].purpose, asked["staff_mirror"].is_anonymous) == ("staff", True)


async def test_a_change_is_another_version_and_the_old_one_stays_to_the_letter(world: SurveysWorld):
    first = await world.publish()
    document = {**ready("after_delivery")["survey"], "title": {"vi": "Khác", "en": "Another"}}

    second = await world.publish_document(document, first.survey_id)

    assert (first.version, second.version) == (1, 2)
    # Read anew by a process that has seen neither.
    fresh = SurveysService(world.db, world.clock, world.service.zone, world.service.settings)
    async with world.db.read() as tx:
        assert await fresh.definitions.version(tx, first.survey_id, 1) == first
        assert await fresh.definitions.current(tx, first.survey_id) == second
    assert [event.data.version for event in await world.announced(SurveyPublished)] == [1, 2]


@pytest.mark.parametrize("statement", ["UPDATE survey_versions SET document = '{}'", "DELETE FROM survey_versions"])
async def test_what_was_published_cannot_be_changed_even_by_sql(world: SurveysWorld, statement: str):
    await world.publish()

    with pytest.raises(DBAPIError, match="never changes"):
        async with world.db.write() as tx:
            await tx.execute(statement)


async def test_what_is_not_there_is_said(world: SurveysWorld):
    survey = await world.publish()

    async with world.db.read() as tx:
        with pytest.raises(SurveyNotFound):
            await world.service.definitions.current(tx, NOWHERE)
        with pytest.raises(VersionNotFound):
            await world.service.definitions.version(tx, survey.survey_id, 2)
    async with world.db.write() as tx:
        with pytest.raises(SurveyNotFound):
            await world.service.definitions.count_complete(tx, NOWHERE)


async def test_a_survey_is_asked_from_its_publication_to_its_end(world: SurveysWorld):
    survey = await world.publish(closes_at=(NOW + timedelta(days=7)).isoformat())
    key = survey.survey_id

    assert await why_not(world, key) is None
    world.clock.time = NOW + timedelta(days=7) - timedelta(microseconds=1)
    assert await why_not(world, key) is None
    world.clock.time = NOW + timedelta(days=7)
    assert await why_not(world, key) == "over"


async def test_a_survey_is_closed_and_opened_again(world: SurveysWorld):
    key = (await world.publish()).survey_id

    await world.close(key)
    assert await why_not(world, key) == "closed"
    await world.service.editing.reopen(key, by=STAFF, if_match=None, idem=None)
    assert await why_not(world, key) is None


async def complete(world: SurveysWorld, survey_id: UUID) -> bool:
    """One answer becomes complete, or finds no place."""
    try:
        async with world.db.write() as tx:
            await world.service.definitions.count_complete(tx, survey_id)
            # Others come in between, whatever happens.
            await asyncio.sleep(0.002)
    except SurveyFull:
        return False
    return True


async def test_a_quota_is_never_exceeded_by_answers_that_come_together(world: SurveysWorld):
    key = (await world.publish(quota=7)).survey_id

    taken = await asyncio.gather(*(complete(world, key) for _ in range(40)))

    assert sum(taken) == 7
    assert await world.value("SELECT sum(answers) FROM survey_completes") == 7
    assert await why_not(world, key) == "full"


async def test_without_the_lock_it_would_be_exceeded(world: SurveysWorld):
    """The same race against a count that is only looked at: it shows that the test above can fail."""
    key = (await world.publish(quota=7)).survey_id

    async def naive() -> bool:
        async with world.db.write() as tx:
            found = await tx.execute(
                "SELECT coalesce(sum(answers), 0) FROM survey_completes WHERE survey_id = :id", {"id": key}
            )
            if found.scalar_one() >= 7:
                return False
            await asyncio.sleep(0.002)
            await tx.execute(
                "INSERT INTO survey_completes VALUES (:id, 0, 1) "
                "ON CONFLICT (survey_id, slot) DO UPDATE SET answers = survey_completes.answers + 1",
                {"id": key},
            )
            return True

    taken = await asyncio.gather(*(naive() for _ in range(40)))

    assert sum(taken) > 7


async def test_an_answer_that_is_rolled_back_gives_its_place_back(world: SurveysWorld):
    key = (await world.publish(quota=1)).survey_id

    with pytest.raises(RuntimeError, match="disk"):
        async with world.db.write() as tx:
            await world.service.definitions.count_complete(tx, key)
            raise RuntimeError("the disk is full")

    assert await why_not(world, key) is None
    assert await complete(world, key)
    assert await why_not(world, key) == "full"


async def test_answers_count_for_a_quota_that_comes_later_and_more_places_open_it_again(world: SurveysWorld):
    survey = await world.publish()
    key, document = survey.survey_id, ready("after_delivery")["survey"]
    assert all(await asyncio.gather(*(complete(world, key) for _ in range(5))))

    await world.publish_document({**document, "quota": 5}, key)
    assert await why_not(world, key) == "full"
    shown = await world.service.editing.get(key)
    assert (shown.state, shown.why_not, shown.completed) == ("closed", "full", 5)
    await world.publish_document({**document, "quota": 6}, key)
    assert await why_not(world, key) is None
    assert [await complete(world, key) for _ in range(2)] == [True, False]


@pytest.mark.parametrize(("chosen", "is_wanted"), [("yes", True), ("no", False)])
async def test_whoever_chooses_to_be_called_is_to_be_called(world: SurveysWorld, *, chosen: str, is_wanted: bool):
    """An option of a survey says so, whatever the question and the option are called."""
    document = ready("relationship_nps")["survey"]
    questions = [{**each, "id": "may_we"} if each["id"] == "callback" else each for each in document["questions"]]
    await world.publish_document({**document, "questions": questions})
    survey = await world.value("SELECT id FROM surveys")
    answers = {"nps": {"score": 3}, "may_we": {"chosen": [chosen]}}

    async with world.db.write() as tx:
        submission = Submission(answers, world.clock.now(), "api", survey_id=survey, person=user_key("lan"))
        await world.service.answering.take(tx, submission)

    assert [row.wants_callback for row in await world.rows("SELECT wants_callback FROM cases")] == [is_wanted]
