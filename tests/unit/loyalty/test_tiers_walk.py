"""Which level a history leads to, beside a model that looks at every single midnight."""

from calendar import monthrange
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from services.loyalty.tiers.domain.grants import Grant, Standing
from services.loyalty.tiers.domain.track import Track
from services.loyalty.tiers.domain.walk import Earned, Version, Walk

VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")
FIRST = date(2024, 1, 1)
SINCE = datetime(2020, 1, 1, tzinfo=UTC)
LEVELS = [
    {"key": "silver", "threshold": 100},
    {"key": "gold", "threshold": 300},
    {"key": "diamond", "threshold": 600},
]


def a_track(**more: Any) -> Track:
    said = {"measure": {"by": "points"}, "window": {"kind": "calendar_year"}, "levels": LEVELS}
    return Track.model_validate({**said, **more})


def local(day: date, hour: int = 12) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=VIETNAM).astimezone(UTC)


def walked(
    facts: Sequence[tuple[date, int]], *versions: Track, until: date, joined: date = FIRST, at: Sequence[date] = ()
) -> Walk:
    begins = [SINCE, *map(local, at)]
    walk = Walk(
        "main",
        [Version(n + 1, track, begin) for n, (track, begin) in enumerate(zip(versions, begins, strict=True))],
        VIETNAM,
        local(joined),
    )
    for day, points in facts:
        walk.record(Earned(local(day), (("points", points),), (), 1))
    walk.advance(local(until, 0))
    return walk


def level(walk: Walk) -> str | None:
    return walk.level.key if walk.level else None


def test_a_threshold_lifts_at_once_and_holds_until_the_end_of_the_next_year():
    walk = walked([(date(2024, 3, 1), 99), (date(2024, 5, 1), 1)], a_track(), until=date(2024, 6, 1))

    assert [(step.at, step.level) for step in walk.steps] == [(local(date(2024, 5, 1)), "silver")]
    assert walk.held_until == local(date(2026, 1, 1), 0)


@pytest.mark.parametrize(
    ("more", "until", "expected"),
    [
        ({"holds": "period"}, date(2024, 12, 31), "diamond"),
        ({"holds": "period"}, date(2025, 1, 1), None),
        ({}, date(2025, 12, 31), "diamond"),
        ({}, date(2026, 1, 1), "silver"),
        ({"downgrade": "one_down"}, date(2026, 1, 1), "gold"),
        ({"downgrade": "one_down"}, date(2027, 1, 1), "silver"),
        ({"downgrade": "one_down"}, date(2028, 1, 1), None),
        ({"downgrade": "never"}, date(2040, 1, 1), "diamond"),
        ({"grace_days": 30}, date(2026, 1, 30), "diamond"),
        ({"grace_days": 30}, date(2026, 1, 31), "silver"),
        ({"window": {"kind": "lifetime"}}, date(2040, 1, 1), "diamond"),
        ({"window": {"kind": "rolling", "months": 12}, "holds": "period"}, date(2025, 2, 27), "diamond"),
        ({"window": {"kind": "rolling", "months": 12}, "holds": "period"}, date(2025, 2, 28), None),
        ({"window": {"kind": "rolling", "months": 12}, "holds": "period"}, date(2025, 3, 2), "silver"),
        ({"window": {"kind": "rolling", "months": 12}}, date(2026, 2, 27), "diamond"),
        ({"window": {"kind": "rolling", "months": 12}}, date(2026, 2, 28), "silver"),
        ({"window": {"kind": "anniversary"}}, date(2026, 2, 10), "diamond"),
        ({"window": {"kind": "anniversary"}}, date(2026, 2, 11), "silver"),
    ],
)
def test_how_long_a_level_is_kept(more: dict[str, Any], until: date, expected: str | None):
    facts = [(date(2024, 2, 29), 600), (date(2025, 3, 1), 150)]
    joined = date(2024, 2, 11)

    assert (
        level(walked([each for each in facts if each[0] < until], a_track(**more), until=until, joined=joined))
        == expected
    )


def test_what_comes_within_the_grace_still_counts():
    facts = [(date(2024, 5, 1), 300), (date(2025, 12, 1), 200), (date(2026, 1, 10), 100)]

    walk = walked(facts, a_track(grace_days=15), until=date(2026, 2, 1))

    assert (level(walk), walk.held_until) == ("gold", local(date(2027, 1, 1), 0))


def test_nobody_is_lowered_before_their_time_by_higher_thresholds():
    higher = a_track(levels=[{"key": "silver", "threshold": 1_000}, {"key": "gold", "threshold": 5_000}])
    facts = [(date(2024, 5, 1), 300)]

    before = walked(facts, a_track(), higher, at=[date(2024, 6, 1)], until=date(2025, 12, 31))
    after = walked(facts, a_track(), higher, at=[date(2024, 6, 1)], until=date(2026, 1, 1))

    assert (level(before), level(after)) == ("gold", None)


@pytest.mark.parametrize(("on_change", "expected"), [("keep", "gold"), ("apply", "silver")])
def test_a_version_applies_at_once_only_where_it_says_so(on_change: str, expected: str):
    harder = a_track(
        on_change=on_change, levels=[{"key": "silver", "threshold": 100}, {"key": "gold", "threshold": 400}]
    )

    walk = walked([(date(2024, 5, 1), 300)], a_track(), harder, at=[date(2024, 6, 1)], until=date(2024, 7, 1))

    assert level(walk) == expected


def test_lower_thresholds_lift_at_once():
    easier = a_track(levels=[{"key": "silver", "threshold": 10}, {"key": "gold", "threshold": 50}])

    walk = walked([(date(2024, 5, 1), 60)], a_track(), easier, at=[date(2024, 6, 1)], until=date(2024, 6, 2))

    assert [(step.level, step.reason) for step in walk.steps] == [("gold", "rules")]


def test_a_level_that_is_gone_becomes_the_one_that_is_reached():
    without = a_track(levels=[{"key": "silver", "threshold": 100}, {"key": "diamond", "threshold": 600}])

    walk = walked([(date(2024, 5, 1), 300)], a_track(), without, at=[date(2024, 6, 1)], until=date(2024, 6, 2))

    assert level(walk) == "silver"


def test_progress_to_the_next_level():
    walk = walked([(date(2024, 5, 1), 130)], a_track(), until=date(2024, 6, 1))

    found = Standing(walk).next_level(local(date(2024, 6, 1)))

    assert found is not None
    assert (found[0].key, found[1]) == ("gold", 170)


def test_a_level_set_by_hand_is_a_floor_for_its_time():
    walk = walked([(date(2024, 5, 1), 100)], a_track(), until=date(2024, 6, 1))
    person = UUID(int=1)
    end = local(date(2024, 9, 1))

    def grant(number: int, key: str | None, day: date, until: datetime | None) -> Grant:
        return Grant(UUID(int=number), person, "main", key, local(day), until, "VIP", "an")

    lifted = [grant(1, "diamond", date(2024, 5, 2), None), grant(2, None, date(2024, 5, 20), None)]
    assert (Standing(walk, lifted).level(local(date(2024, 6, 1))) or walk.level) == walk.level
    standing = Standing(walk, [grant(1, "gold", date(2024, 5, 2), end)])
    held = standing.level(local(date(2024, 6, 1)))
    assert held is not None
    assert (held.key, standing.review_at(local(date(2024, 6, 1)))) == ("gold", end)
    assert standing.level(end) == walk.level


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"levels": [LEVELS[1], LEVELS[0]]}, "order the levels from the lowest up"),
        ({"levels": [LEVELS[0], {**LEVELS[1], "key": "silver"}]}, "the same key"),
        ({"levels": []}, "at least 1"),
        ({"levels": [{"key": "s", "threshold": -1}]}, "greater than or equal to 0"),
        ({"levels": [{"key": "s", "threshold": 1.5}]}, "valid integer"),
        ({"measure": {"by": "spend", "currency": "XBT"}}, "ISO 4217"),
        ({"measure": {"by": "mood"}}, "by"),
        ({"window": {"kind": "rolling", "months": 0}}, "greater than or equal to 1"),
        ({"grace_days": 400}, "less than or equal to 366"),
        ({"colour": "red"}, "Extra inputs"),
    ],
)
def test_a_track_that_cannot_work_is_refused_with_a_sentence(more: dict[str, Any], says: str):
    with pytest.raises(ValidationError, match=says):
        a_track(**more)


class Model:
    """The same rules, midnight by midnight, in the simplest words. No grace with rolling windows."""

    def __init__(self, track: Track, joined: date) -> None:
        self.track, self.joined = track, joined
        self.facts: list[tuple[date, int]] = []
        self.place = -1
        self.until: date | None = None

    def begins(self, day: date) -> date:
        """The first day of the period in which a day lies."""
        if self.track.window.kind == "calendar_year":
            return date(day.year, 1, 1)
        days = [self.anniversary(year) for year in (day.year - 1, day.year)]
        return max(each for each in days if each <= day)

    def anniversary(self, year: int) -> date:
        return date(year, self.joined.month, min(self.joined.day, monthrange(year, self.joined.month)[1]))

    def ends(self, day: date) -> date:
        """The first day of the period after it."""
        each = day
        while self.begins(each) == self.begins(day):
            each += timedelta(1)
        return each

    def months_on(self, day: date) -> date:
        months = getattr(self.track.window, "months", 0)
        year, month = day.year + (day.month - 1 + months) // 12, (day.month - 1 + months) % 12 + 1
        return date(year, month, min(day.day, monthrange(year, month)[1]))

    def counts(self, day: date) -> int:
        if self.track.window.kind == "rolling":
            return sum(points for each, points in self.facts if self.months_on(each) > day)
        return sum(points for each, points in self.facts if each >= self.begins(day))

    def reached(self, amount: int) -> int:
        return sum(amount >= each.threshold for each in self.track.levels) - 1

    def falls(self, place: int, day: date) -> date:
        """The first midnight at which too little is left for a level."""
        each = day
        while self.counts(each) >= self.track.levels[place].threshold:
            each += timedelta(1)
        return each

    def holds_until(self, place: int, day: date) -> date:
        keeps = self.track.holds == "next_period"
        if self.track.window.kind == "rolling":
            falls = self.falls(place, day)
            return self.months_on(falls) if keeps else falls
        end = self.ends(day)
        return self.ends(end) if keeps else end

    def fact(self, day: date, points: int) -> None:
        self.facts.append((day, points))
        place = self.reached(self.counts(day))
        if place > self.place:
            self.place, self.until = place, self.holds_until(place, day)
        elif place == self.place >= 0 and self.until is not None:
            self.until = max(self.until, self.holds_until(place, day))

    def midnight(self, day: date) -> None:
        track = self.track
        while self.place >= 0 and self.until is not None and track.downgrade != "never":
            over = self.until
            if day < over + timedelta(track.grace_days):
                return
            if track.window.kind == "rolling":
                amount = self.counts(over)
            else:
                begin = self.begins(over if track.holds == "period" else over - timedelta(1))
                amount = sum(points for each, points in self.facts if each >= begin)
            place = self.reached(amount)
            kept = min(self.place, max(place, self.place - 1) if track.downgrade == "one_down" else place)
            self.place = kept
            if kept < 0:
                self.until = None
            elif track.window.kind != "rolling":
                self.until = self.ends(over)
            elif kept <= place:
                self.until = self.holds_until(kept, over)
            else:
                self.until = self.months_on(over)


WINDOWS: list[dict[str, Any]] = [
    {"kind": "calendar_year"},
    {"kind": "anniversary"},
    {"kind": "rolling", "months": 3},
    {"kind": "rolling", "months": 12},
]


@settings(max_examples=100)
@given(
    window=st.sampled_from(WINDOWS),
    holds=st.sampled_from(["period", "next_period"]),
    downgrade=st.sampled_from(["to_qualified", "one_down", "never"]),
    grace=st.sampled_from([0, 0, 1, 45]),
    joined=st.sampled_from([date(2024, 1, 1), date(2024, 2, 29), date(2024, 11, 30)]),
    facts=st.lists(st.tuples(st.integers(0, 1_300), st.integers(0, 400)), max_size=10),
)
def test_the_walk_is_what_a_look_at_every_midnight_finds(
    window: dict[str, Any], holds: str, downgrade: str, grace: int, joined: date, facts: list[tuple[int, int]]
):
    grace = 0 if window["kind"] == "rolling" else grace
    track = a_track(window=window, holds=holds, downgrade=downgrade, grace_days=grace)
    days = sorted((FIRST + timedelta(offset), points) for offset, points in facts)
    model = Model(track, joined)
    walk = Walk("main", [Version(1, track, SINCE)], VIETNAM, local(joined))

    coming = list(days)
    for offset in range(1_400):
        day = FIRST + timedelta(offset)
        model.midnight(day)
        walk.advance(local(day, 0))
        assert (level(walk), walk.held_until and walk.held_until.astimezone(VIETNAM).date()) == (
            track.levels[model.place].key if model.place >= 0 else None,
            model.until if downgrade != "never" else None,
        ), day
        while coming and coming[0][0] == day:
            model.fact(*coming[0])
            walk.record(Earned(local(day), (("points", coming[0][1]),)))
            coming.pop(0)
