"""Random histories of answers end in the figures that brute force finds, whatever way they came."""

import random
from collections import Counter
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from metrics_world import World
from satisfaction_truth import SlowTruth, Wanted
from satisfaction_world import (
    answered,
    deliver,
    delivered,
    entered,
    expired,
    invited,
    left,
    published,
    segment,
    survey,
)
from test_metrics_histories import TODAY, merges

from services.metrics.domain.calendar import to_date
from services.metrics.satisfaction.domain.query import Query
from services.metrics.satisfaction.domain.report import Line
from shared.events.envelope import Event
from shared.ids import derived_id

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
# Survey "s" asks all kinds, in its second version on another scale; "t" asks two of a kind; "u" is not for customers.
SURVEYS = [
    published("s"),
    published("s", ("nps", "nps", 0, 10), ("csat", "csat", 1, 7), ("ces", "star", 1, 5), version=2),
    published("t", ("q1", "nps", 0, 10), ("q2", "nps", 0, 10)),
    published("u", ("nps", "nps", 0, 10), purpose="staff"),
]
KINDS = {
    (event.data.survey_id, event.data.version, each.id): each.kind
    for event in SURVEYS
    if event.data.purpose == "customers"
    for each in event.data.questions
}
PLACES = {
    "channel": ("email", "link", "widget"),
    "locale": ("vi", "en"),
    "touchpoint": ("delivery", "support", None),
    "stage": ("post", None),
    "staff_id": ("chi.lan", "anh.minh", None),
}
BYS = ("survey", "question", "channel", "locale", "touchpoint", "stage", "staff", "segment")


@dataclass
class Life:
    """A few people, what they were asked and said, and who turned out to be whom."""

    dice: random.Random
    people: list[UUID]
    facts: list[Event[Any]]
    segments: list[Event[Any]]
    identity: list[Event[Any]]

    @classmethod
    def of(cls, seed: str) -> "Life":
        dice = random.Random(seed)
        people = [derived_id(seed, str(number)) for number in range(dice.randint(1, 5))]
        facts = [each for number in range(dice.randint(1, 14)) for each in a_response(dice, people, f"{seed}-{number}")]
        return cls(dice, people, facts, moves(dice, people), merges(dice, people))

    def delivery(self) -> list[list[Event[Any]]]:
        """Batches as a bad day brings them. Of segments the order of the log is kept, as it always is."""
        late = SURVEYS + self.facts + self.dice.sample(self.facts, k=len(self.facts) // 3)
        identity = self.identity + self.dice.sample(self.identity, k=len(self.identity) // 3)
        self.dice.shuffle(late)
        self.dice.shuffle(identity)
        # Members of segments go among the answers, each after the one before it.
        for position, event in zip(
            sorted(self.dice.randint(0, len(late)) for _ in self.segments), self.segments, strict=True
        ):
            late.insert(position + self.segments.index(event), event)
        cuts = [self._cut(each) for each in (late, identity)]
        batches: list[list[Event[Any]]] = []
        while any(cuts):
            batches.append(self.dice.choice([each for each in cuts if each]).pop(0))
        return batches

    def _cut(self, log: list[Event[Any]]) -> list[list[Event[Any]]]:
        found = []
        while log:
            size = self.dice.randint(1, 9)
            found.append(log[:size])
            log = log[size:]
        return found


def some_time(dice: random.Random) -> datetime:
    day = TODAY - timedelta(days=dice.choice((dice.randint(0, 5), dice.randint(0, 40), dice.randint(0, 130))))
    hour, minute = dice.choice(((0, 0), (23, 59), (7, 0), (12, dice.randint(0, 59))))
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=ZONE)


def a_response(dice: random.Random, people: list[UUID], name: str) -> list[Event[Any]]:
    """Somebody is asked, or not; answers, or not; changes it, finishes it, withdraws it."""
    who, at, about = dice.choice(people), some_time(dice), dice.choice("sssttu")
    places = {key: dice.choice(values) for key, values in PLACES.items()}
    facts: list[Event[Any]] = []
    invitation = name if dice.random() < 0.6 else None
    if invitation is not None:
        asked = {key: value for key, value in places.items() if key != "locale"}
        facts.append(invited(invitation, who, at - timedelta(days=dice.randint(0, 3)), about, asked))
        if dice.random() < 0.7:
            facts.append(delivered(invitation, who, at, about))
        if dice.random() < 0.3:
            facts.append(expired(invitation, who, at, about))
    version = dice.choice((1, 2)) if about == "s" else 1
    for revision in range(1, dice.choice((1, 2, 2, 2, 3, 4))):
        scores = {"nps": dice.randint(0, 10)}
        if about == "s":
            scores |= {"csat": dice.randint(1, 5), "ces": dice.randint(1, 5)}
        if about == "t":
            scores = {each: dice.randint(0, 10) for each in ("q1", "q2") if dice.random() < 0.8}
        facts.append(
            answered(
                name,
                # Rarely it turns out to be somebody else's.
                who if dice.random() < 0.9 else dice.choice(people),
                at if dice.random() < 0.5 else some_time(dice),
                about,
                revision=revision,
                version=version,
                state=dice.choice(("complete",) * 4 + ("partial", "withdrawn")),
                verification=dice.choice(("confirmed",) * 4 + ("inferred",)),
                invitation=invitation,
                places=places,
                **scores,
            )
        )
    return facts


def moves(dice: random.Random, people: list[UUID]) -> list[Event[Any]]:
    """People enter and leave two segments, in turns."""
    inside: set[tuple[UUID, str]] = set()
    log = []
    for _ in range(dice.choice((0, 2, 6))):
        pair = (dice.choice(people), dice.choice(("vip", "new")))
        log.append((left if pair in inside else entered)(pair[1], pair[0]))
        inside ^= {pair}
    return log


def a_wish(dice: random.Random) -> tuple[Wanted, Query]:
    """The same question to brute force and to the service."""
    first = TODAY - timedelta(days=dice.choice((0, 3, 20, 50, 89, 140)))
    last = min(TODAY, first + timedelta(days=dice.choice((0, 4, 31, 62, 200))))
    metric: Any = dice.choice(("nps", "nps", "csat", "ces"))
    by: Any = dice.choice((None, *BYS))
    filters = {}
    for _ in range(dice.choice((0, 0, 1, 1, 2))):
        name = dice.choice([each for each in BYS if each not in ("survey", "question")])
        values = {"staff": PLACES["staff_id"], "segment": (str(segment("vip")), str(segment("new")))}
        filters[name] = dice.choice(values.get(name) or PLACES[name]) or ""
    inferred, partial, latest = dice.random() < 0.4, dice.random() < 0.4, dice.random() < 0.6
    wanted = Wanted(KINDS, metric, first, last, latest, inferred, partial, filters, by)
    query = Query(
        metric,
        by,
        None,
        None,
        filters,
        "latest" if latest else "all",
        "any" if inferred else "confirmed",
        partial,
    )
    return wanted, query


def histogram(line: Line) -> Counter[int]:
    found: Counter[int] = Counter()
    for _, _, counts in line.histogram:
        found.update(counts)
    return +found


async def check(world: World, truth: SlowTruth, wanted: Wanted, query: Query) -> None:
    seen = await world.metrics.satisfaction.figure(query, first=wanted.first, last=wanted.last)
    expected = truth.histogram(wanted)
    total = seen.report.total
    assert total is not None
    assert histogram(total) == expected.get(None, Counter()), query
    assert total.reading is not None
    assert total.reading.n == sum(expected.get(None, Counter()).values())
    if query.metric == "nps":
        scores = expected.get(None, Counter())
        promoters = sum(number for score, number in scores.items() if score >= 9)
        detractors = sum(number for score, number in scores.items() if score <= 6)
        n = sum(scores.values())
        assert total.reading.buckets == {
            "promoters": promoters,
            "passives": n - promoters - detractors,
            "detractors": detractors,
        }
        assert total.reading.value == (pytest.approx(100 * (promoters - detractors) / n) if n else None)
    groups = {each.value: histogram(each) for each in seen.report.groups if histogram(each)}
    assert groups == {group: +counts for group, counts in expected.items() if group is not None and +counts}, query
    if not query.is_of_single_answers and "locale" not in query.dimensions:
        asked = truth.response(wanted)
        lines = {None: total} | {each.value: each for each in seen.report.groups}
        for group, line in lines.items():
            assert line.response is not None
            of_group = asked.get(group, Counter())
            for name in ("invited", "delivered", "expired", "responded", "completed"):
                assert getattr(line.response, name) == of_group[name], (query, group, name)


async def check_series(world: World, truth: SlowTruth, wanted: Wanted, query: Query, period: Any) -> None:
    query = replace(query, by=None)
    seen = await world.metrics.satisfaction.series(query, period, first=wanted.first, last=wanted.last)
    for point in seen.points:
        within = Wanted(**{**wanted.__dict__, "first": point.start, "last": point.end, "by": None})
        assert histogram(point.line) == +truth.histogram(within).get(None, Counter()), (query, period, point.start)


@pytest.mark.parametrize("block", range(3))
async def test_a_history_of_answers_ends_in_the_figures_of_brute_force(world: World, block: int):
    """Edits, repeats, late and reordered facts, withdrawals, merges, unmerges, members who come and go."""
    for number in range(9):
        life = Life.of(f"{block}.{number}")
        for batch in life.delivery():
            await deliver(world, batch)
        truth = SlowTruth(SURVEYS + life.facts + life.segments, life.identity, ZONE)
        for _ in range(10):
            wanted, query = a_wish(life.dice)
            await check(world, truth, wanted, query)
            if len(query.dimensions) <= 1:
                await check_series(world, truth, wanted, query, life.dice.choice(("day", "week", "month")))
        rows = await world.rows()
        await world.empty()
        for batch in life.delivery():
            await deliver(world, batch)
        assert await world.rows() == rows, number
        await world.empty()


async def test_all_withdrawn_leaves_nothing_in_the_sums(world: World):
    """Who is erased is counted no more, on no day and in no segment."""
    life = Life.of("erased")
    for batch in life.delivery():
        await deliver(world, batch)
    gone = [
        each._replace(data=each.data.model_copy(update={"state": "withdrawn", "revision": 99, "scores": ()}))
        for each in life.facts
        if type(each.data).__name__ == "SurveyAnswered"
    ]
    await deliver(world, gone)

    rows = await world.rows()
    assert not [row for row in rows if row.startswith("score_")]
    found = await world.metrics.satisfaction.figure(Query("nps"), first=to_date(0))
    assert found.report.total is not None
    assert found.report.total.response is not None
    assert found.report.total.response.responded == 0


def test_the_wishes_are_of_every_kind():
    """A test that never asks by segment, or for two dimensions at once, would prove nothing of them."""
    dice = random.Random(1)
    wishes = [a_wish(dice)[1] for _ in range(400)]
    assert {each.by for each in wishes} == {None, *BYS}
    assert {each.mode for each in wishes} == {0, 1, 2, 3}
    assert {min(len(each.dimensions), 2) for each in wishes} == {0, 1, 2}
    assert {each.metric for each in wishes} == {"nps", "csat", "ces"}
    assert survey("s") != survey("t")
    assert date(2026, 11, 21) == TODAY
