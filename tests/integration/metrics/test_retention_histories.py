"""Random histories through the real consumers: silences, cohorts and scores are what brute force counts."""

import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import pytest
import retention_truth as brute
from metrics_truth import Truth, period_end
from metrics_world import World
from test_metrics_histories import ZONE, History, deliver, delivered

from services.metrics.domain.calendar import PERIODS, day_number, to_date
from services.metrics.domain.purchases import SEVERAL
from services.metrics.domain.tallies import MAX_NTH
from services.metrics.retention.domain.cohorts import RULES
from services.metrics.retention.domain.past import Lives
from services.metrics.retention.repository import past, sums
from services.metrics.retention.service import scanning, subjects
from services.metrics.retention.service.scanning import Subject
from services.metrics.value.domain.standings import Standings
from services.metrics.value.domain.worth import Base
from services.metrics.value.repository import sums as worths

TODAY = date(2026, 11, 21)
BLOCKS, PER_BLOCK = 2, 6


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Facts come without a log here, so that what is kept could not be told from what is new."""
    monkeypatch.setattr(scanning, "QUICK_SECONDS", float("inf"))
    # A handful of customers are many.
    monkeypatch.setattr(scanning, "SMALL", -1)


async def counted(world: World, subject: Subject, day: date) -> Any:
    """Counted now, whatever is kept."""
    return (await world.metrics.retention._scans().count(subject, day_number(day))).document


def tally(rows: Iterable[Sequence[int]]) -> Counter[int]:
    found: Counter[int] = Counter()
    for days, number in rows:
        found[days] += number
    return found


async def check_waits(world: World, truth: Truth, day: date, dice: random.Random) -> None:
    found = await counted(world, subjects.SILENCES, day)
    assert (tally(found["ended"]), tally(found["going"])) == brute.silences(truth, day)

    # Groups hold persons whole: they part the silences.
    rows = list(zip(*await counted(world, subjects.GROUPED_SILENCES, day), strict=True))
    ended = tally((days, number) for _, days, is_over, number in rows if is_over)
    assert (ended, tally((row[1], row[3]) for row in rows if not row[2])) == brute.silences(truth, day)
    assert len({row[0] for row in rows}) <= len(truth.purchases(day))

    found = await counted(world, subjects.SECOND_ORDERS, day)
    assert (tally(found["ended"]), tally(found["going"])) == brute.waits(truth, day, 1)
    assert {row[0]: (row[1], row[2]) for row in found["within"]} == {
        days: brute.within(truth, day, days) for days, _, _ in found["within"]
    }

    rows = await counted(world, subjects.NEXT_ORDERS, day)
    for nth in range(2, MAX_NTH + 1):
        own = [(days, is_over, number) for each, days, is_over, number in rows if each == nth]
        ended = tally((days, number) for days, is_over, number in own if is_over)
        going = tally((days, number) for days, is_over, number in own if not is_over)
        assert (ended, going) == brute.waits(truth, day, nth), nth

    horizon, window = dice.choice((1, 7, 30)), dice.choice((1, 2, 14, 60))
    rows = await counted(world, subjects.silent_then(horizon), day)
    lapsed = [(is_back, number) for days, is_back, number in rows if days >= window]
    back = sum(number for is_back, number in lapsed if is_back)
    assert (back, sum(number for _, number in lapsed)) == brute.came_back(truth, day, horizon, window)


def whole(document: Any) -> Any:
    """In one order, and one row for what is alike."""
    if isinstance(document, dict):
        return {name: whole(each) for name, each in document.items()}
    rows = Counter({tuple(map(str, row)): 1 for row in document if len(row) > 4 or isinstance(row[-1], list)})
    for row in document:
        if len(row) <= 4 and not isinstance(row[-1], list):
            rows[tuple(map(str, row[:-1]))] += row[-1]
    return rows


async def check_live(world: World) -> None:
    """INVARIANT: what sums say as of today is what counting everybody gives, unless days to come have purchases."""
    day = day_number(TODAY)
    for subject in (subjects.SILENCES, subjects.SECOND_ORDERS, subjects.NEXT_ORDERS, subjects.RFM, *COHORTS):
        live = await world.metrics.retention._scans().live(subject.live, day)
        async with world.db.read() as tx:
            assert (live is None) == await sums.is_ahead(tx, day)
        if live is not None:
            CHECKED[subject.name] += 1
            assert whole(live.document) == whole(await counted(world, subject, TODAY)), subject.name


COHORTS = subjects.COHORTS.values()
CHECKED: Counter[str] = Counter()


async def check_walk(world: World, dice: random.Random) -> None:
    """INVARIANT: a walk through all past days ends, on each of them, in what counting everybody up to it gives."""
    async with world.db.write() as tx:
        await tx.execute("DELETE FROM past_walk")
    assert await world.metrics.walking.walk()
    async with world.db.read() as tx:
        done = await past.walk(tx, ZONE.key)
        assert done is not None
        every = range(done.first_day, done.last_day + 1)
        days = {done.last_day, *dice.choices(every, k=2)} if every else set()
        walked = {
            (subject, day): await past.document(tx, subject.name, day)
            for subject in (subjects.SILENCES, subjects.SECOND_ORDERS, subjects.NEXT_ORDERS, subjects.RFM, *COHORTS)
            for day in days
        }
        assert (await tx.execute("SELECT count(DISTINCT day) FROM past_days")).scalar_one() == len(every)
    for (subject, day), found in walked.items():
        assert whole(found) == whole(await counted(world, subject, to_date(day))), (subject.name, to_date(day))
        WALKED[subject.name] += bool(found)
    for day in days:
        assert await standing(world, day) == await scanned(world, day), to_date(day)


async def standing(world: World, day: int) -> dict[str, list[tuple[float, ...]]]:
    """Who had bought how often as of a day, by currency, on a walk in three parts."""
    currencies: list[str] = []
    standings = Standings()
    async with world.db.read() as tx:
        for part in range(3):
            if len((lines := await past.lines(tx, part, 3, currencies)).day):
                standings.take(Lives.of(lines))
    (*_, found) = standings.walked(currencies, day - 3, day)
    return rows_of(found)


async def scanned(world: World, day: int) -> dict[str, list[tuple[float, ...]]]:
    """The same by looking at everybody."""
    async with world.db.read() as tx:
        return rows_of((await worths.bases(tx, day)).get(None, {}))


def rows_of(bases: Mapping[str, Base]) -> dict[str, list[tuple[float, ...]]]:
    """Of those who bought in several currencies no more than how many they are."""
    found: dict[str, list[tuple[float, ...]]] = {}
    for currency, base in bases.items():
        columns = (base.repeats, base.first_day, base.last_day, base.customers, base.repeat_minor)
        rows = sorted(zip(*(each.tolist() for each in columns), strict=True))
        found[currency] = [(sum(row[3] for row in rows),)] if currency == SEVERAL else rows
    STOOD.update(found.keys())
    return found


STOOD: Counter[str] = Counter()
WALKED: Counter[str] = Counter()


async def check_cohorts(world: World, truth: Truth, day: date, period: Any) -> None:
    count = {"day": 20, "week": 12, "month": 14}[period]
    for rule in RULES:
        found = await world.metrics.retention.cohorts(period, rule, count=count, as_of=day)
        for cohort in found.cohorts:
            start = date(1970, 1, 1) + timedelta(days=cohort.period.start)
            walk = brute.starts(period, start, day)
            size = brute.retained(truth, day, period, start, 0, "on")
            assert cohort.customers == size
            assert [cell.customers for cell in cohort.cells] == [
                brute.retained(truth, day, period, start, later, rule) for later in range(len(walk)) if size
            ], (period, rule, start)
            last_days = [period_end(period, each) for each in walk] if size else []
            assert [cell.is_complete for cell in cohort.cells] == [last <= day and last < TODAY for last in last_days]


async def check_scores(world: World, truth: Truth, day: date) -> None:
    rows = await counted(world, subjects.RFM_GROUPS, day)
    everybody = brute.persons(truth, day)
    assert {row[0]: row[1] for row in rows} == Counter(one.currency for one in everybody.values())
    for currency, _, _, _, _, groups in rows:
        scores = {} if currency == "*" else brute.rfm(truth, day, currency)
        expected: dict[tuple[int, int, int], list[int]] = {}
        for keys, own in scores.items():
            sums, one = expected.setdefault(own, [0, 0, 0, 0]), everybody[keys]
            for place, number in enumerate((1, one.orders, one.net, (day - one.last).days)):
                sums[place] += number
        assert {tuple(row[:3]): [row[3], row[4], int(row[5]), row[6]] for row in groups} == expected, currency


@pytest.mark.parametrize("block", range(BLOCKS))
async def test_what_is_counted_is_what_brute_force_counts(world: World, block: int):
    """INVARIANT: late, repeated, reordered and corrected facts, merges and unmerges end in the counts of the truth.

    Breaks if a silence is counted under a key instead of a person, if a cohort moves with the order of merges, or if
    what comes after the day is seen.
    """
    for number in range(PER_BLOCK):
        history = History.of(f"retention/{block}/{number}")
        dice = history.random
        batches = history.delivery()
        await deliver(world, batches, at_once=dice.random() < 0.7)
        truth = Truth(*delivered(batches), ZONE)
        await check_live(world)
        await check_walk(world, dice)
        for day in (TODAY, TODAY - timedelta(days=dice.choice((1, 6, dice.randint(2, 40), 300)))):
            await check_waits(world, truth, day, dice)
            await check_cohorts(world, truth, day, dice.choice(PERIODS))
            await check_scores(world, truth, day)
            await check_lifecycle(world, truth, day, dice.choice(PERIODS))
        await world.empty()
    # Else nothing of the above was looked at.
    assert min(CHECKED.values()) > PER_BLOCK // 3
    assert min(WALKED.values()) > PER_BLOCK // 3
    assert {SEVERAL} < {*STOOD}


async def check_lifecycle(world: World, truth: Truth, day: date, period: Any) -> None:
    """INVARIANT: new + returning + resurrecting = buyers, and returning = buyers of before − dormant."""
    found = await world.metrics.retention.lifecycle(period, as_of=day)
    before = None
    for days, did, _ in found.rows:
        end = min(day, date(1970, 1, 1) + timedelta(days=days.end - 1))
        assert did._asdict() == truth.lifecycle(period, end), (period, end)
        buyers = did.new + did.returning + did.resurrecting
        if before is not None:
            assert did.returning == before - did.dormant
        before = buyers
