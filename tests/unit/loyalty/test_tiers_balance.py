"""Which level a balance leads to, beside a model that lives through every single day."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from services.loyalty.tiers.domain.balance import BalanceWalk, Change, together
from services.loyalty.tiers.domain.track import Track
from services.loyalty.tiers.domain.walk import Version

VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")
FIRST = date(2024, 2, 1)
SINCE = datetime(2020, 1, 1, tzinfo=UTC)
THRESHOLDS = {"silver": 100, "gold": 300, "diamond": 600}


def a_track(**more: Any) -> Track:
    levels = [{"key": key, "threshold": threshold} for key, threshold in THRESHOLDS.items()]
    said = {"measure": {"by": "balance"}, "window": {"kind": "current"}, "levels": levels}
    return Track.model_validate({**said, **more})


def local(day: date, hour: int = 12) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=VIETNAM).astimezone(UTC)


def walked(changes: Sequence[tuple[date, int]], *versions: Track, until: datetime, since: date = FIRST) -> BalanceWalk:
    begins = [SINCE, *[local(since)] * (len(versions) - 1)]
    steps = [Version(n + 1, track, begin) for n, (track, begin) in enumerate(zip(versions, begins, strict=True))]
    came = [Change(local(day), "points", points) for day, points in changes]
    walk = BalanceWalk("main", steps, VIETNAM, local(FIRST), changes=came)
    walk.advance(until)
    return walk


def level(walk: BalanceWalk) -> str | None:
    return walk.level.key if walk.level else None


def test_up_at_once_and_down_at_once_where_there_is_no_grace():
    changes = [(date(2024, 3, 1), 700), (date(2024, 3, 2), -500)]

    assert level(walked(changes, a_track(), until=local(date(2024, 3, 1)))) == "diamond"
    assert level(walked(changes, a_track(), until=local(date(2024, 3, 2), 11))) == "diamond"
    after = walked(changes, a_track(), until=local(date(2024, 3, 2)))
    assert level(after) == "silver"
    assert [(step.level, step.reason) for step in after.steps] == [("diamond", "qualified"), ("silver", "downgraded")]


def test_grace_ends_with_a_local_day_leap_day_included():
    # It falls on the 28th: kept on the 29th, which this year has, and on 1 March.
    changes = [(date(2024, 2, 10), 300), (date(2024, 2, 28), -1)]
    over = datetime(2024, 3, 1, 17, tzinfo=UTC)

    before = walked(changes, a_track(grace_days=2), until=over - timedelta(microseconds=1))
    assert (level(before), before.held_until, before.review_at) == ("gold", over, over)
    assert level(walked(changes, a_track(grace_days=2), until=over)) == "silver"


def test_who_recovers_in_time_never_lost_anything():
    changes = [(date(2024, 2, 10), 300), (date(2024, 2, 12), -200), (date(2024, 2, 14), 200)]
    walk = walked(changes, a_track(grace_days=5), until=local(date(2024, 12, 31)))

    assert (level(walk), walk.held_until, walk.review_at) == ("gold", None, None)
    assert [step.level for step in walk.steps] == ["gold"]


def test_grace_does_not_begin_anew_with_every_spend():
    changes = [(date(2024, 2, 10), 300), (date(2024, 2, 12), -10), (date(2024, 2, 14), -10)]

    assert level(walked(changes, a_track(grace_days=3), until=local(date(2024, 2, 16), 0))) == "silver"


def test_one_down_takes_a_grace_for_each_level():
    changes = [(date(2024, 2, 10), 900), (date(2024, 2, 11), -900)]
    track = a_track(grace_days=2, downgrade="one_down")
    held = [level(walked(changes, track, until=local(date(2024, 2, day), 0))) for day in (13, 14, 16, 17, 19, 20)]

    assert held == ["diamond", "gold", "gold", "silver", "silver", None]


def test_what_is_never_taken_is_kept():
    changes = [(date(2024, 2, 10), 900), (date(2024, 2, 11), -900)]

    assert level(walked(changes, a_track(downgrade="never"), until=local(date(2030, 1, 1)))) == "diamond"


def test_who_owes_has_nothing_that_counts():
    walk = walked([(date(2024, 2, 10), 100), (date(2024, 2, 11), -250)], a_track(), until=local(date(2024, 3, 1)))

    assert (level(walk), walk.measured(local(date(2024, 3, 1)))) == (None, 0)


def test_another_version_lifts_at_once_and_lowers_after_grace_unless_it_applies():
    higher = [{"key": "silver", "threshold": 100}, {"key": "gold", "threshold": 500}]
    changes, since = [(date(2024, 2, 10), 300)], date(2024, 2, 20)
    keeps = a_track(levels=higher, grace_days=3)
    applies = a_track(levels=higher, grace_days=3, on_change="apply")

    def then(track: Track, day: date) -> str | None:
        return level(walked(changes, a_track(), track, until=local(day), since=since))

    assert [then(keeps, date(2024, 2, day)) for day in (20, 23, 24)] == ["gold", "gold", "silver"]
    assert then(applies, since) == "silver"


def test_keys_of_one_person_have_their_points_together():
    moved = [Change(local(FIRST), "points", -50), Change(local(FIRST), "points", 50)]
    first = Change(local(FIRST - timedelta(1)), "points", 120)

    assert together([*moved, first]) == [first, Change(local(FIRST), "points", 0)]


@pytest.mark.parametrize(
    ("more", "word"),
    [
        ({"window": {"kind": "lifetime"}}, "window `current`"),
        ({"measure": {"by": "orders"}}, "window `current`"),
        ({"holds": "period"}, "no period"),
        ({"downgrade": "one_down"}, "grace_days"),
    ],
)
def test_a_track_that_contradicts_itself_is_refused(more: dict[str, Any], word: str):
    with pytest.raises(ValidationError, match=word):
        a_track(**more)


def lived(changes: Mapping[int, int], grace: int, days: int, *, one_down: bool) -> list[str | None]:
    """The level at the end of each day, as somebody who counts days by hand finds it; changes come at noon."""
    names = [None, *THRESHOLDS]
    balance, place, fell, held = 0, 0, None, []
    for day in range(days):
        for noon in (False, True):
            if noon:
                balance += changes.get(day, 0)
            reached = sum(balance >= each for each in THRESHOLDS.values()) if any(d <= day for d in changes) else 0
            if reached >= place:
                place, fell = reached, None
                continue
            fell = day if fell is None else fell
            if (noon and not grace) or (not noon and day > fell + grace):
                place = max(reached, place - 1) if one_down else reached
                # A further grace begins with the day that takes the level.
                fell = None if place == reached else day
        held.append(names[place])
    return held


@settings(max_examples=150, deadline=None)
@given(
    changes=st.dictionaries(st.integers(0, 40), st.integers(-400, 500), max_size=12),
    grace=st.integers(0, 6),
    one_down=st.booleans(),
)
def test_every_day_is_as_somebody_finds_it_who_counts_by_hand(changes: dict[int, int], grace: int, one_down: bool):
    one_down = one_down and grace > 0
    track = a_track(grace_days=grace, downgrade="one_down" if one_down else "to_qualified")
    came = [(FIRST + timedelta(day), points) for day, points in sorted(changes.items())]

    found = [level(walked(came, track, until=local(FIRST + timedelta(day), 23))) for day in range(60)]

    assert found == lived(changes, grace, 60, one_down=one_down)
