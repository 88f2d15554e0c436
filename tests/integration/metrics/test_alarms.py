"""Alarms on real days: raised once, moved and withdrawn by late facts, cleared; silent where nothing can be said."""

from collections import defaultdict
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from alarm_world import TODAY, answers, say, scores, shop, told
from metrics_world import NOW, World, merged, placed
from satisfaction_world import deliver, published, survey

from services.metrics.alarms.domain.series import Series
from services.metrics.alarms.repository.raised import raised_alarms
from services.metrics.alarms.schemas.watches import WatchIn
from services.metrics.domain.calendar import to_date
from shared.errors import AppError

# Twenty weeks of four answers a day; for the last fortnight it is bad.
GOOD, BAD = 0.6, 0.2
SINCE = 14


def months(rng: Random, *, bad_for: int = SINCE, days: int = 140) -> dict[int, list[int]]:
    return {ago: scores(rng, BAD if ago <= bad_for else GOOD, 4) for ago in range(days, 0, -1)}


async def watch(world: World, **said: Any) -> None:
    """Watch one thing alone."""
    await world.db.call("DELETE FROM alarm_watches RETURNING 1")
    body = WatchIn(**{"name": "NPS sau giao hàng", "metric": "nps", "change": 30, "owner": "Trưởng CX", **said})
    await world.metrics.watches.add(body, by="key", idem=None)


async def test_a_fall_is_raised_once_with_its_date_and_whom_to_tell(world: World):
    await say(world, answers(months(Random(1))))
    await watch(world)

    looked = [await world.metrics.watching.look() for _ in range(3)]

    [(kind, event)] = await told(world)
    async with world.db.read() as tx:
        [alarm] = await raised_alarms(tx)
    assert looked == [2, 0, 0]
    assert (kind, event["direction"], event["owner"]) == ("alarm_raised", "worse", "Trưởng CX")
    assert (event["metric"], event["definition"], event["unit"]) == ("nps", "nps.v1", "points")
    assert event["before_hundredths"] > 2500 > -500 > event["since_hundredths"]
    assert abs(TODAY - SINCE - (alarm.change_day - to_date(0)).days) <= 4
    assert alarm.change_first <= alarm.change_day <= alarm.change_last <= alarm.raised_day
    assert alarm.raised_day < NOW.date()
    assert event["change_day"] == alarm.change_day.isoformat()
    assert (alarm.name, alarm.owner, alarm.acknowledged_at) == ("NPS sau giao hàng", "Trưởng CX", None)


async def test_late_answers_move_the_date_and_take_the_alarm_back_and_all_that_was_said_is_kept(world: World):
    rng = Random(1)
    await say(world, answers(months(rng)))
    await watch(world, direction="worse")
    await world.metrics.watching.look()
    async with world.db.read() as tx:
        [first] = await raised_alarms(tx)

    # It had been bad for a week longer, as is learnt now.
    await deliver(world, answers({ago: [3] * 6 for ago in range(SINCE + 1, SINCE + 8)}, tag="late-"))
    await world.metrics.watching.look()
    async with world.db.read() as tx:
        [moved] = await raised_alarms(tx)
    assert moved.alarm_id == first.alarm_id
    assert moved.change_day < first.change_day
    assert [kind for kind, _ in await told(world)] == ["alarm_raised"]

    # And then it turns out that many were content.
    await deliver(world, answers({ago: [10] * 16 for ago in range(1, SINCE + 8)}, tag="later-"))
    await world.metrics.watching.look()

    (_, raised), (kind, withdrawn) = await told(world)
    found, said = await world.metrics.alarms.alarm(first.alarm_id)
    assert (kind, withdrawn["cause"], withdrawn["alarm_id"]) == ("alarm_cleared", "withdrawn", raised["alarm_id"])
    assert (found.alarm.state, found.alarm.revision) == ("withdrawn", 3)
    assert [(each.revision, each.what) for each in said] == [(1, "raised"), (2, "moved"), (3, "withdrawn")]
    assert said[0].change_day > said[1].change_day


async def test_an_alarm_is_cleared_when_the_level_is_back_and_not_before(world: World):
    rng = Random(3)
    await say(world, answers(months(rng)))
    await watch(world, direction="worse")
    await world.metrics.watching.look()
    states = []

    for day in range(2, 41, 2):
        world.clock.time = NOW + timedelta(days=day)
        await deliver(world, answers({-day + late: scores(rng, GOOD, 4) for late in (1, 2)}, tag="after-"))
        await world.metrics.watching.look()
        async with world.db.read() as tx:
            states.append(len(await raised_alarms(tx)))

    (_, raised), (kind, cleared) = await told(world)
    assert states == sorted(states, reverse=True)
    assert 2 <= sum(states) < 20
    assert (kind, cleared["cause"], cleared["alarm_id"]) == ("alarm_cleared", "returned", raised["alarm_id"])
    assert cleared["cleared_day"] > raised["raised_day"]
    # Looked at every other day or at once in the end: the days alone make the path.
    [seen] = await world.metrics.alarms.watched()
    kept = (await world.metrics.alarms.watch(seen.watch.id)).arms
    await world.db.call("DELETE FROM alarm_arms RETURNING 1")
    await world.metrics.watching.look()
    anew = (await world.metrics.alarms.watch(seen.watch.id)).arms
    assert {name: arm.document for name, arm in anew.items()} == {name: arm.document for name, arm in kept.items()}
    assert len(await told(world)) == 2


async def test_a_shop_whose_new_customers_stop_coming_back(world: World):
    rng = Random(5)
    events = [
        *shop(rng, 0.6, first=160, last=45, a_day=6, tag="before"),
        *shop(rng, 0.25, first=45, last=0, a_day=6, tag="after"),
    ]
    for start in range(0, len(events), 500):
        await world.consume(*events[start : start + 500])
    await watch(world, name="Rời bỏ", metric="lapse", window_days=21, change=10, direction="worse")

    await world.metrics.watching.look()

    [(kind, event)] = await told(world)
    assert (kind, event["metric"], event["window_days"], event["direction"]) == ("alarm_raised", "lapse", 21, "worse")
    assert (event["definition"], event["unit"]) == ("reached_lapse.v1", "percent")
    # They stopped to come back 45 days ago, which shows when the window has passed.
    [alarm] = (await world.metrics.alarms.listed(state="raised", watch_id=None, after=None, limit=5))[0]
    assert abs(TODAY - 45 + 21 - alarm.alarm.change_day) <= 5
    assert event["since_hundredths"] > event["before_hundredths"] + 2000


SILENT = {
    "no_answers": (30, {}),
    "too_few_weeks": (30, {ago: [10, 3, 8] for ago in range(40, 0, -1)}),
    "too_few_answers": (30, {ago: [10] for ago in range(140, 0, -2)}),
    "too_alike": (30, {ago: [10, 10] for ago in range(140, 0, -1)}),
    "too_few_a_day": (2, {ago: [10, 3] for ago in range(140, 0, -1)}),
}


async def test_what_cannot_be_said_says_what_is_missing(world: World):
    await watch(world, name="no_purchases", metric="lapse", change=3)
    for reason, (change, days) in SILENT.items():
        await deliver(world, [published(reason)])
        if days:
            await deliver(world, answers(days, name=reason, tag=reason))
        body = WatchIn(name=reason, metric="nps", survey_id=survey(reason), change=change)
        await world.metrics.watches.add(body, by="key", idem=None)

    await world.metrics.watching.look()

    found = {seen.watch.name: seen.arms for seen in await world.metrics.alarms.watched()}
    assert found.keys() == SILENT.keys() | {"no_purchases"}
    for reason, arms in found.items():
        for arm in arms.values():
            missing = arm.document["missing"]
            assert (arm.state, missing["reason"]) == ("cannot_say", reason)
            assert missing["need"] is None or missing["have"] < missing["need"]
            assert "nan" not in str(arm.document).lower()
    assert await told(world) == []


async def test_who_reaches_the_window_is_who_counting_person_by_person_finds(world: World):
    """Of orders in any order, some twice, of people under several keys that turn out to be one."""
    rng = Random(9)
    bought: dict[str, list[int]] = defaultdict(list)
    events = []
    for number in range(240):
        who, ago = f"p-{rng.randrange(60)}", rng.choice((1, 30, 31, 32, 60, 61, 62, 90)) + rng.randrange(3)
        # The first dozen people have two keys each.
        key = f"{who}-b" if int(who[2:]) < 12 and rng.random() < 0.5 else who
        bought[who].append(TODAY - ago)
        events.append(placed(f"o-{number}", key, NOW - timedelta(days=ago)))
    events += rng.sample(events, 40)
    rng.shuffle(events)
    unions = [merged(f"p-{number}-b", f"p-{number}", 1) for number in range(12)]
    await world.consume(*events[:150])
    await world.consume(*unions)
    await world.consume(*events[150:])
    await watch(world, metric="lapse", window_days=30, change=5)
    [seen] = await world.metrics.alarms.watched()

    async with world.db.read() as tx:
        _, series = await world.metrics.watching.read(tx, seen.watch)

    assert isinstance(series, Series)
    expected: dict[int, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for days in bought.values():
        for day in set(days):
            back = any(day < other <= day + 30 for other in days)
            is_once = day == min(days) and days.count(day) == 1
            expected[day + 30][(0 if is_once else 2) + (not back)] += 1
    found = {
        series.first + place: row.ravel().astype(int).tolist() for place, row in enumerate(series.counts) if row.any()
    }
    assert found == {day: row for day, row in expected.items() if day <= TODAY - 1}
    assert sum(map(sum, found.values())) > 60


async def test_figures_that_are_behind_say_nothing(world: World):
    await say(world, answers(months(Random(1))))
    await watch(world)
    await world.db.call(
        "INSERT INTO offsets (consumer, topic, partition, next_offset, recorded_at) "
        "VALUES ('metrics.orders', 'orders', 0, -1, now() - interval '90 years') RETURNING 1"
    )

    assert await world.metrics.watching.look() == 0
    assert await told(world) == []


async def test_what_was_raised_is_over_when_it_is_watched_otherwise_but_not_for_a_new_owner(world: World):
    await say(world, answers(months(Random(1))))
    await watch(world)
    await world.metrics.watching.look()
    [seen] = await world.metrics.alarms.watched()
    body = {"name": "NPS", "metric": "nps", "change": 30, "owner": "chị Lan"}

    await world.metrics.watches.change(seen.watch.id, WatchIn(**body), by="key", idem=None)
    assert len(await told(world)) == 1
    await world.metrics.watches.change(seen.watch.id, WatchIn(**body, arl0_days=200), by="key", idem=None)
    await world.metrics.watching.look()

    kinds = [(kind, data["owner"], data.get("cause")) for kind, data in await told(world)]
    assert kinds == [
        ("alarm_raised", "Trưởng CX", None),
        ("alarm_cleared", "chị Lan", "watch_changed"),
        ("alarm_raised", "chị Lan", None),
    ]
    await world.metrics.watches.remove(seen.watch.id, by="key", idem=None)
    assert (await told(world))[-1][0] == "alarm_cleared"
    with pytest.raises(AppError, match="no watch"):
        await world.metrics.alarms.watch(seen.watch.id)


async def test_a_new_level_that_is_accepted_is_what_counts_from_then_on(world: World):
    rng = Random(1)
    await say(world, answers(months(rng, bad_for=80, days=160)))
    await watch(world, base_from=to_date(TODAY - 80).isoformat())

    await world.metrics.watching.look()

    assert await told(world) == []
    [seen] = await world.metrics.alarms.watched()
    assert seen.arms["worse"].state == "quiet"
    assert seen.arms["worse"].document["basis"]["value"] < 0
