"""Schedules: rolling relationship surveys and waves, page by page, to people who come, go and are merged."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from asking_world import Asking, somebody
from surveys_world import open_world

from services.surveys.asking.service import sweeping
from shared.events.catalogue.surveys import SurveyInvited
from shared.ids import user_key, uuid7
from shared.testing.postgres import fresh_database

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def module_asking(pg_url: str) -> AsyncIterator[Asking]:
    async with fresh_database(pg_url) as url, open_world(url) as world:
        yield Asking(world)


@pytest_asyncio.fixture(loop_scope="module")
async def asking(module_asking: Asking) -> AsyncIterator[Asking]:
    """Nine in the morning of some day in Vietnam; surveys are closed afterwards."""
    await module_asking.rules()
    local = module_asking.now + timedelta(hours=7)
    morning = datetime(local.year, local.month, local.day, 2, tzinfo=UTC) + timedelta(days=1)
    module_asking.forward(seconds=(morning - module_asking.now).total_seconds())
    yield module_asking
    for row in await module_asking.world.rows("SELECT id FROM surveys WHERE closed_at IS NULL"):
        await module_asking.world.close(row.id)


def today(asking: Asking) -> str:
    """The local day, as a request names it."""
    return (asking.now + timedelta(hours=7)).date().isoformat()


async def test_each_person_is_asked_anew_after_as_many_days(asking: Asking):
    segment, early, late = uuid7(), somebody(), somebody()
    await asking.survey(
        "relationship_nps",
        triggers=[],
        consent=None,
        segments_any=[segment],
        schedules=[{"id": "nps", "kind": "rolling", "starts_on": today(asking), "every_days": 30}],
    )
    await asking.enter(segment, early)
    asked: dict[str, list[int]] = {early: [], late: []}

    before = 0
    for day in (0, 1, 10, 29, 30, 39, 40, 59, 60, 61, 70):
        asking.forward(days=day - before)
        before = day
        if day == 10:
            await asking.enter(segment, late)
        asking.forward(hours=2)
        await asking.sweep()
        for name in asked:
            if len(await asking.of(name)) > len(asked[name]):
                asked[name].append(day)
        asking.forward(hours=-2)

    assert asked == {early: [0, 30, 60], late: [10, 40, 70]}
    assert set(await asking.reasons(early)) == {"asked"}


async def test_who_could_not_be_asked_is_looked_at_again_soon(asking: Asking):
    segment, name = uuid7(), somebody()
    survey = await asking.survey(
        "relationship_nps",
        triggers=[],
        segments_any=[segment],
        schedules=[{"id": "nps", "kind": "rolling", "starts_on": today(asking), "every_days": 90, "retry_days": 5}],
    )
    await asking.enter(segment, name)

    for day in range(8):
        asking.forward(hours=2)
        await asking.sweep()
        if day == 1:
            await asking.agree(name)
        asking.forward(hours=22)

    found = await asking.of(name)
    assert [each.reason for each in reversed(found)] == ["no_consent", "asked"]
    assert (found[0].due_at - found[1].due_at, found[0].survey_id) == (timedelta(days=5), survey.survey_id)


async def test_a_wave_asks_everybody_who_agreed_once(asking: Asking, monkeypatch: pytest.MonkeyPatch):
    """Many pages, two workers at a time, and two keys of one person: one candidate each."""
    monkeypatch.setattr(sweeping, "PAGE", 7)
    people, merged, silent = [somebody() for _ in range(40)], somebody(), somebody()
    await asking.agree(*people, merged)
    await asking.world.merge(user_key(merged), user_key(people[0]))
    survey = await asking.survey(
        "relationship_nps",
        triggers=[],
        share=0.5,
        schedules=[{"id": "w", "kind": "wave", "starts_on": today(asking), "every_months": 3}],
    )

    await asking.sweep()
    assert await asking.reasons(people[0]) == []
    asking.forward(hours=1)
    await asyncio.gather(asking.sweep(), asking.sweep())
    await asking.sweep()

    reasons = [await asking.reasons(each) for each in people]
    assert {tuple(each) for each in reasons} == {("asked",), ("not_sampled",)}
    assert await asking.reasons(silent) == []
    totals = await asking.service.inviting.totals(survey.survey_id, since=None, until=None)
    assert totals.candidates >= 40
    assert totals.candidates == totals.asked + totals.waiting + totals.by_reason["not_sampled"]
    invited = [
        each.data for each in await asking.world.announced(SurveyInvited) if each.data.survey_id == survey.survey_id
    ]
    assert {(each.wave, each.weight) for each in invited} == {(1, 2.0)}


async def test_a_second_wave_draws_another_sample(asking: Asking):
    segment, people = uuid7(), [somebody() for _ in range(30)]
    await asking.enter(segment, *people)
    survey = await asking.survey(
        "relationship_nps",
        triggers=[],
        consent=None,
        share=0.5,
        segments_any=[segment],
        schedules=[{"id": "w", "kind": "wave", "starts_on": today(asking), "every_days": 10}],
    )

    for _ in range(2):
        asking.forward(hours=1)
        await asking.sweep()
        asking.forward(days=9, hours=23)

    by_wave = {
        wave: {
            each.person
            for name in people
            for each in await asking.of(name)
            if (each.wave, each.reason) == (wave, "asked")
        }
        for wave in (1, 2)
    }
    assert all(5 < len(each) < 25 for each in by_wave.values())
    assert by_wave[1] != by_wave[2]
    assert survey.version == 1


async def test_a_wave_that_was_slept_through_expires(asking: Asking):
    segment, name = uuid7(), somebody()
    await asking.enter(segment, name)
    await asking.survey(
        "relationship_nps",
        triggers=[],
        consent=None,
        segments_any=[segment],
        stale_after_seconds=3_600,
        schedules=[{"id": "w", "kind": "wave", "starts_on": today(asking)}],
    )

    asking.forward(hours=3)
    await asking.sweep()

    assert await asking.reasons(name) == ["expired"]


async def test_people_begin_on_different_days(asking: Asking):
    segment, people = uuid7(), [somebody() for _ in range(40)]
    await asking.enter(segment, *people)
    await asking.survey(
        "relationship_nps",
        triggers=[],
        consent=None,
        segments_any=[segment],
        schedules=[
            {
                "id": "nps",
                "kind": "rolling",
                "starts_on": today(asking),
                "every_days": 90,
                "spread_days": 10,
                "at": "08:00",
            }
        ],
    )
    begun, keys = [], [user_key(each) for each in people]
    counted = "SELECT count(*) FROM candidates WHERE person = ANY(:keys)"

    for _ in range(10):
        asking.forward(hours=23)
        await asking.sweep()
        begun.append(await asking.world.value(counted, keys=keys))
        asking.forward(hours=1)

    assert begun[-1] == 40
    assert begun[0] < 20
    assert len(set(begun)) > 5


async def test_a_schedule_in_a_zone_whose_clocks_change(pg_url: str):
    """At ten in Berlin, on both sides of the change."""
    berlin = ZoneInfo("Europe/Berlin")
    async with fresh_database(pg_url) as url, open_world(url, zone=berlin) as world:
        asking, segment, name = Asking(world), uuid7(), somebody()
        await asking.rules()
        await asking.enter(segment, name)
        start = datetime(2027, 3, 27, 8, tzinfo=UTC)
        asking.forward(seconds=(start - asking.now).total_seconds())
        await asking.survey(
            "relationship_nps",
            triggers=[],
            consent=None,
            segments_any=[segment],
            schedules=[{"id": "w", "kind": "wave", "starts_on": "2027-03-27", "every_days": 1}],
        )
        # Before ten, at ten and after, by what the clocks in Berlin show then.
        for hours in (0.5, 0.5, 1, 21, 1, 1, 22, 0.5, 0.5):
            asking.forward(hours=hours)
            await asking.sweep()

        due = sorted(each.due_at for each in await asking.of(name))

    expected = [datetime.combine(date(2027, 3, day), time(10), tzinfo=berlin) for day in (27, 28, 29)]
    assert due == expected
    assert [each.hour for each in due] == [9, 8, 8]
