"""Clocks of a case: they run, stand still, go on, and run out at one moment whoever asks when."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from services.surveys.cases.domain.calendar import NEVER, Calendar
from services.surveys.cases.domain.case import (
    RUNNING,
    STATUSES,
    Case,
    contacted,
    moved,
    planned,
    spent_resolving,
    steps_ahead,
)
from services.surveys.cases.domain.policy import DEFAULT_POLICY, Step
from services.surveys.cases.domain.standing import default_document, read_calendar

CALENDAR = read_calendar(default_document("Asia/Ho_Chi_Minh"))
ALWAYS = Calendar(ZoneInfo("UTC"), (((0, 1_440),),) * 7, {})
MONDAY = datetime(2026, 11, 30, 1, 0, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
TARGET = DEFAULT_POLICY.targets["normal"]


def a_case(**rest: Any) -> Case:
    values: dict[str, Any] = dict.fromkeys(
        ("person", "response_id", "survey_id", "kind", "score", "touchpoint", "stage", "staff_id")
    )
    known = {"id": UUID(int=1), "version": 1, "entries": 0, "revision": 1, "is_anonymous": False, "rule": "unhappy"}
    more = {"wants_callback": False, "themes": (), "priority": "normal", "opened_at": MONDAY, "clock_from": MONDAY}
    return moved(Case(**{**values, **known, **more, **rest}), "open", MONDAY)


def test_waiting_for_the_customer_is_not_counted():
    case = moved(a_case(), "waiting_customer", MONDAY + 2 * HOUR)
    assert planned(case, DEFAULT_POLICY, CALENDAR).resolve_due_at is None

    case = moved(case, "in_progress", MONDAY + timedelta(days=7))
    # Two of forty hours are spent; 38 more from a Monday at eight are over on Friday at three.
    due = planned(case, DEFAULT_POLICY, CALENDAR).resolve_due_at
    assert due == MONDAY + timedelta(days=11, hours=7)
    assert spent_resolving(case, MONDAY + timedelta(days=7, hours=1), CALENDAR) == 3 * HOUR


def test_a_clock_that_ran_out_before_it_stood_stays_run_out():
    case = moved(a_case(), "resolved", MONDAY + timedelta(days=10))
    done = planned(case, DEFAULT_POLICY, CALENDAR)

    assert done.resolve_due_at == MONDAY + timedelta(days=4, hours=9)
    assert done.is_resolution_late
    assert done.due_at == NEVER


def test_the_first_contact_counts_alone():
    case = contacted(a_case(), MONDAY + 3 * HOUR, CALENDAR)
    again = contacted(case, MONDAY + 30 * HOUR, CALENDAR)

    assert (again.contacted_at, again.contact_seconds) == (MONDAY + 3 * HOUR, 3 * 3_600)
    assert not planned(again, DEFAULT_POLICY, CALENDAR).is_contact_late


def test_another_priority_counts_from_where_the_clocks_began():
    case = planned(replace(a_case(), priority="urgent"), DEFAULT_POLICY, CALENDAR)

    assert (case.contact_due_at, case.due_at) == (MONDAY + HOUR, MONDAY + HOUR)
    assert case.resolve_due_at == MONDAY + 9 * HOUR


def test_steps_stand_still_with_their_clock_and_age_does_not():
    ladder = (Step("half", "resolution", "notify", percent=50), Step("old", "age", "notify", minutes=600))
    waiting = moved(a_case(), "waiting_customer", MONDAY + HOUR)

    assert [step.key for _, step in steps_ahead(waiting, ladder, TARGET, CALENDAR, ())] == ["old"]
    back = moved(waiting, "in_progress", MONDAY + 2 * HOUR)
    ahead = steps_ahead(back, ladder, TARGET, CALENDAR, ("old",))
    # Half of forty hours: twenty, and the hour that was waited.
    assert [(at, step.key) for at, step in ahead] == [(MONDAY + timedelta(days=2, hours=6), "half")]
    assert steps_ahead(moved(back, "resolved", MONDAY + 3 * HOUR), ladder, TARGET, CALENDAR, ()) == []
    assert steps_ahead(replace(back, merged_into=UUID(int=2)), ladder, TARGET, CALENDAR, ()) == []


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3_000), st.sampled_from(STATUSES[1:])), max_size=8))
def test_what_was_spent_is_the_time_in_running_statuses(moves: list[tuple[int, Any]]):
    """Whatever way a case takes, its resolution clock is the plain sum of the spans in which it was to run."""
    case, at, spent = a_case(), MONDAY, timedelta()
    for minutes, status in moves:
        if case.status in RUNNING:
            spent += minutes * MINUTE
        at += minutes * MINUTE
        case = moved(case, status, at)

    assert spent_resolving(case, at, ALWAYS) == spent
    due = planned(case, DEFAULT_POLICY, ALWAYS).resolve_due_at
    left = TARGET.resolve_minutes * MINUTE - spent
    if left > timedelta():
        assert due == (at + left if case.status in RUNNING else None)
    else:
        assert due is not None
        assert due <= at
