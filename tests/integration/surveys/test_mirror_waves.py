"""Waves of the mirror on a real database: who gets in, what is told, and that nothing leads back."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import orjson
import pytest
from sqlalchemy.exc import DBAPIError
from surveys_world import STAFF, SurveysWorld, open_world

from services.surveys.definitions.domain.definition import Definition
from services.surveys.definitions.errors import SurveyNotFound
from services.surveys.mirror.domain.asked import items
from services.surveys.mirror.errors import BadMirrorAnswer, BadMirrorLink, BadWave, WaveClosed, WaveNotFound
from services.surveys.mirror.schemas.wire import LinksIn, WaveIn
from shared.events.catalogue.surveys import AnsweredScore, MirrorAnswered, MirrorWaveClosed

WORDS = {"vi": "Chị Lan có giới thiệu chúng tôi không?", "en": "Would you recommend us?"}
PAGE = {"locales": ["vi", "en"], "default_locale": "vi", "title": WORDS, "thanks": WORDS, "name": "Giới thiệu"}
NPS = {**PAGE, "metric": "nps", "questions": [{"id": "nps", "kind": "nps", "text": WORDS}]}
OPTIONS = [{"id": "friend", "label": WORDS, "is_earned": True}, {"id": "ad", "label": WORDS}]
JOINING = {
    **PAGE,
    "purpose": "joining",
    "metric": "why",
    "questions": [{"id": "why", "kind": "single", "text": WORDS, "options": OPTIONS}],
}
NOVEMBER = {"period_from": "2026-11-01", "period_to": "2026-11-30"}
SOON = "2026-11-25T17:00:00+07:00"


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[SurveysWorld]:
    async with open_world(database_url) as made:
        yield made


async def opened(world: SurveysWorld, definition: Definition, **changes: Any) -> dict[str, Any]:
    """A wave of November, over on the 25th."""
    body = {"survey_id": str(definition.survey_id), "name": "Tháng 11", **NOVEMBER, "closes_at": SOON, **changes}
    made = await world.service.mirror_waves.open(WaveIn.model_validate(body), by=STAFF, idem=None)
    found: dict[str, Any] = orjson.loads(made.body)
    return found


async def links(world: SurveysWorld, wave: dict[str, Any], role: str, count: int) -> list[str]:
    made = await world.service.mirror_waves.make_links(UUID(wave["id"]), LinksIn(role=role, count=count))
    return made.tokens


def scores(definition: Definition, score: int | None = None) -> list[AnsweredScore]:
    """An answer to everything, at the top of each scale."""
    return [
        AnsweredScore(each.question_id, each.highest if score is None else score, row=each.row)
        for each in items(definition)
    ]


async def answer(world: SurveysWorld, definition: Definition, token: str, **more: Any) -> None:
    more = {"predicted_nps": 40 if any(each.kind == "nps" for each in definition.questions) else None, **more}
    await world.service.mirror_answering.answer(token, more.pop("scores", scores(definition)), **more)


async def close(world: SurveysWorld, wave: dict[str, Any]) -> dict[str, Any]:
    closed = await world.service.mirror_waves.close(UUID(wave["id"]), idem=None)
    found: dict[str, Any] = orjson.loads(closed.body)
    return found


async def test_a_wave_says_when_it_closes_and_that_nothing_colours_it(world: SurveysWorld):
    definition = await world.publish_document(NPS)

    wave = await opened(world, definition)

    assert wave["state"] == "open"
    assert wave["roles"] == ["executive", "manager", "front_line"]
    assert wave["asks_prediction"] is True
    assert (wave["is_unbiased"], wave["bias"]) == (True, [])
    # Local midnight after 30 November in Ho Chi Minh City.
    assert datetime.fromisoformat(wave["results_visible_from"]) == datetime(2026, 11, 30, 17, tzinfo=UTC)


@pytest.mark.parametrize(
    ("changes", "bias"),
    [
        ({"closes_at": "2026-12-01T00:00:00+07:00"}, ["closed_late"]),
        ({"period_from": "2026-10-01", "period_to": "2026-10-31"}, ["opened_late", "closed_late"]),
        ({"results_visible_from": "2026-11-24T00:00:00+07:00"}, ["closed_late"]),
        ({"results_visible_from": "2026-11-01T00:00:00+07:00"}, ["opened_late", "closed_late"]),
    ],
    ids=["closes when the period is over", "a period that is over", "seen before it closes", "seen from the start"],
)
async def test_a_wave_that_is_late_is_marked(world: SurveysWorld, changes: dict[str, str], bias: list[str]):
    definition = await world.publish()

    wave = await opened(world, definition, **changes)
    world.clock.time = datetime(2026, 12, 2, tzinfo=UTC)
    await world.service.mirror_waves.close_due()

    (event,) = await world.announced(MirrorWaveClosed)
    assert (wave["bias"], wave["is_unbiased"]) == (bias, False)
    assert (list(event.data.bias), event.data.is_unbiased) == (bias, False)


async def test_closed_early_it_is_not_late_any_more(world: SurveysWorld):
    definition = await world.publish()
    wave = await opened(world, definition, closes_at="2026-12-05T00:00:00+07:00")

    closed = await close(world, wave)

    (event,) = await world.announced(MirrorWaveClosed)
    assert wave["bias"] == ["closed_late"]
    assert (closed["bias"], closed["state"]) == ([], "closed")
    assert event.data.is_unbiased


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"closes_at": "2026-11-22T16:00:00+07:00"}, "closes_at"),
        ({"closes_at": "2028-01-01T00:00:00+07:00"}, "closes_at"),
        ({"period_from": "2026-12-02", "period_to": "2026-12-01"}, "period_to"),
        ({"period_from": "2020-01-01"}, "period_to"),
        ({"results_visible_from": "2026-12-02T00:00:00+07:00"}, "results_visible_from"),
        ({"roles": ["other_roles"]}, "roles"),
        ({"asks_prediction": True}, "asks_prediction"),
    ],
    ids=["over before it began", "too long", "backwards", "period too long", "seen too late", "reserved", "no nps"],
)
async def test_what_makes_no_wave_is_refused(world: SurveysWorld, changes: dict[str, Any], what: str):
    definition = await world.publish()

    with pytest.raises(BadWave) as refusal:
        await opened(world, definition, **changes)

    assert refusal.value.data == {"what": what}


async def test_a_survey_that_is_not_there_or_not_for_customers_is_refused(world: SurveysWorld):
    joining = await world.publish_document(JOINING)
    stranger = replace(joining, survey_id=UUID(int=1))

    with pytest.raises(BadWave):
        await opened(world, joining)
    with pytest.raises(SurveyNotFound):
        await opened(world, stranger)


async def test_a_link_takes_one_answer_also_when_it_is_sent_twice_at_once(world: SurveysWorld):
    definition = await world.publish()
    wave = await opened(world, definition)
    (token,) = await links(world, wave, "manager", 1)

    outcomes = await asyncio.gather(*(answer(world, definition, token) for _ in range(8)), return_exceptions=True)

    assert Counter(type(each).__name__ for each in outcomes) == {"NoneType": 1, "BadMirrorLink": 7}
    assert (await world.service.mirror_waves.get(UUID(wave["id"]))).answered == 1
    with pytest.raises(BadMirrorLink):
        await world.service.mirror_answering.form(token)


async def test_a_refused_answer_does_not_use_up_its_link(world: SurveysWorld):
    definition = await world.publish_document(NPS)
    wave = await opened(world, definition)
    (token,) = await links(world, wave, "manager", 1)
    whole = scores(definition)
    wrong: list[dict[str, Any]] = [
        {"scores": whole[:-1]},
        {"scores": [*whole, whole[0]]},
        {"scores": [*whole, AnsweredScore("no-such-question", 1)]},
        {"scores": [AnsweredScore(each.question_id, 11, row=each.row) for each in whole]},
        {"scores": [AnsweredScore(each.question_id, None, row=each.row) for each in whole]},
        {"predicted_nps": None},
        {"predicted_nps": 101},
        {"role": "executive"},
    ]

    for each in wrong:
        with pytest.raises(BadMirrorAnswer):
            await answer(world, definition, token, **each)
    await answer(world, definition, token)

    assert (await world.service.mirror_waves.get(UUID(wave["id"]))).answered == 1


async def test_the_shared_link_takes_many_each_with_a_role_and_is_replaced(world: SurveysWorld):
    definition = await world.publish()
    wave = await opened(world, definition)
    (old,) = (await world.service.mirror_waves.share(UUID(wave["id"]))).tokens
    await answer(world, definition, old, role="manager")

    (new,) = (await world.service.mirror_waves.share(UUID(wave["id"]))).tokens

    with pytest.raises(BadMirrorLink):
        await answer(world, definition, old, role="manager")
    for role in (None, "chief"):
        with pytest.raises(BadMirrorAnswer):
            await answer(world, definition, new, role=role)
    await answer(world, definition, new, role="executive")
    assert (await world.service.mirror_answering.form(new)).role is None
    await close(world, wave)
    (event,) = await world.announced(MirrorWaveClosed)
    assert (event.data.answered, event.data.shared, event.data.withheld) == (2, 2, 2)


async def test_a_link_of_another_wave_does_not_open_this_one(world: SurveysWorld):
    definition = await world.publish()
    wave, other = await opened(world, definition), await opened(world, definition)
    (token,) = await links(world, other, "manager", 1)

    with pytest.raises(BadMirrorLink):
        await answer(world, definition, token, wave_id=UUID(wave["id"]))

    assert (await world.service.mirror_answering.form(token)).wave.id == UUID(other["id"])


async def test_nothing_is_told_before_the_wave_closes_and_then_no_time_and_no_order(world: SurveysWorld):
    definition = await world.publish_document(NPS)
    wave = await opened(world, definition)
    for number, token in enumerate(await links(world, wave, "manager", 6)):
        world.clock.forward(minutes=7)
        await answer(world, definition, token, predicted_nps=number)
    assert await world.announced(MirrorAnswered, MirrorWaveClosed) == []

    world.clock.time = datetime(2026, 11, 27, tzinfo=UTC)
    assert await world.service.mirror_waves.close_due() == 1
    assert await world.service.mirror_waves.close_due() == 0

    *answers, closed = await world.announced(MirrorAnswered, MirrorWaveClosed)
    assert {each.data.event_type for each in answers} == {MirrorAnswered.event_type}
    assert {each.time for each in (*answers, closed)} == {datetime.fromisoformat(SOON)}
    assert {each.subject for each in (*answers, closed)} == {UUID(wave["id"])}
    ids = [each.data.answer_id for each in answers]
    assert ids == sorted(ids)
    assert {each.version for each in ids} == {4}
    assert sorted(each.data.predicted_nps for each in answers) == list(range(6))
    assert (closed.data.period_from, closed.data.period_to) == (date(2026, 11, 1), date(2026, 11, 30))
    assert [each.kind for each in closed.data.questions] == ["nps"]


async def test_roles_with_few_answers_are_told_together_or_not_at_all(world: SurveysWorld):
    definition = await world.publish()
    told: list[dict[str, int]] = []
    for executives, managers, front in ((4, 5, 3), (4, 5, 0), (1, 2, 1)):
        wave = await opened(world, definition)
        for role, count in (("executive", executives), ("manager", managers), ("front_line", front)):
            for token in await links(world, wave, role, count) if count else ():
                await answer(world, definition, token)
        await close(world, wave)
        events = await world.announced(MirrorAnswered)
        told.append(dict(Counter(each.data.role for each in events if each.subject == UUID(wave["id"]))))

    assert told == [{"manager": 5, "other_roles": 7}, {"manager": 5}, {}]
    closed = await world.announced(MirrorWaveClosed)
    assert [(each.data.answered, each.data.withheld) for each in closed] == [(12, 0), (9, 4), (4, 4)]


async def test_a_closed_wave_takes_nothing_and_its_answers_never_change(world: SurveysWorld):
    definition = await world.publish()
    wave = await opened(world, definition)
    wave_id = UUID(wave["id"])
    used, left = await links(world, wave, "manager", 2)
    (shared,) = (await world.service.mirror_waves.share(wave_id)).tokens
    await answer(world, definition, used)
    world.clock.time = datetime(2026, 11, 25, 10, tzinfo=UTC)

    # Over, and not yet closed by the job.
    with pytest.raises(WaveClosed):
        await answer(world, definition, left)
    with pytest.raises(WaveClosed):
        await world.service.mirror_waves.share(wave_id)
    await close(world, wave)
    assert await close(world, wave) == await close(world, wave)

    for token in (left, shared):
        with pytest.raises(BadMirrorLink):
            await answer(world, definition, token, role="manager")
    with pytest.raises(WaveClosed):
        await links(world, wave, "manager", 1)
    with pytest.raises(WaveNotFound):
        await world.service.mirror_waves.close(UUID(int=9), idem=None)
    assert len(await world.announced(MirrorWaveClosed)) == 1
    for change in (
        "UPDATE mirror_answers SET role = 'executive'",
        "DELETE FROM mirror_answers",
        "INSERT INTO mirror_answers SELECT gen_random_uuid(), wave_id, role, scores, 1, false FROM mirror_answers",
    ):
        with pytest.raises(DBAPIError, match="mirror"):
            async with world.db.write() as tx:
                await tx.execute(change)


async def test_an_answer_joins_to_nothing(world: SurveysWorld):
    """Every column of an answer, and the transaction that wrote it, against every other table of surveys."""
    definition = await world.publish()
    wave = await opened(world, definition)
    for token in await links(world, wave, "manager", 6):
        await answer(world, definition, token)
    tables = [
        row.table_name
        for row in await world.rows(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'surveys' "
            "AND table_type = 'BASE TABLE' AND table_name <> 'mirror_answers'"
        )
    ]
    ids = {str(row.id) for row in await world.rows("SELECT id FROM mirror_answers")}
    writers = {row.writer for row in await world.rows("SELECT xmin::text AS writer FROM mirror_answers")}
    assert len(writers) == 6

    met: list[str] = []
    for table in tables:
        found = await world.rows(f'SELECT xmin::text AS writer, to_jsonb(t)::text AS said FROM "{table}" AS t')
        met += [table for row in found if row.writer in writers or any(each in row.said for each in ids)]

    assert {"mirror_links", "mirror_waves", "idempotency_keys"} <= set(tables)
    assert met == []
    columns = await world.rows(
        "SELECT column_name, data_type FROM information_schema.columns "
        "WHERE table_schema = 'surveys' AND table_name = 'mirror_answers'"
    )
    assert not [row for row in columns if "time" in row.data_type or row.data_type in ("date", "bigint")]


async def test_waves_are_listed_by_pages(world: SurveysWorld):
    definition = await world.publish()
    made = []
    for _ in range(3):
        world.clock.forward(minutes=1)
        made.append((await opened(world, definition))["id"])

    first = await world.service.mirror_waves.listed(before=None, limit=2)
    rest = await world.service.mirror_waves.listed(before=(first[1].opened_at, first[1].id), limit=2)

    assert [str(each.id) for each in (*first[:2], *rest)] == made[::-1]
