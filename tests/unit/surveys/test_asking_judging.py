"""Why somebody is asked, or not: which reason goes before which, and what only waits."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from services.surveys.asking.domain.budget import Contact, Rule
from services.surveys.asking.domain.candidate import Candidate
from services.surveys.asking.domain.judging import (
    Rival,
    Situation,
    Word,
    decide,
    findings,
    next_reminder,
    postponed,
    said,
)
from services.surveys.asking.domain.policy import Policy, Reminders
from services.surveys.asking.domain.timing import Quiet

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
SURVEY, OTHER, ROOT, SEGMENT, BAD = (UUID(int=number) for number in range(1, 6))
DAY = 86_400
ONCE = Rule("all", limit=1, window_seconds=30 * DAY)
CANDIDATE = Candidate(UUID(int=9), SURVEY, ROOT, "trigger", "t", 1, NOW, NOW, NOW + timedelta(hours=1))
ASKED = Contact(NOW - timedelta(days=1), OTHER, "nps", "email", UUID(int=8))
FINE = Situation(
    now=NOW,
    policy=Policy(segments_any=(SEGMENT,), segments_none=(BAD,)),
    is_survey_active=True,
    root=ROOT,
    kind="csat",
    channel="email",
    rules=(ONCE,),
    contacts=(),
    segments={SEGMENT},
    word=Word(is_granted=True, expires_at=None, frequency_max=None, frequency_per=None),
    zone=ZoneInfo("Asia/Ho_Chi_Minh"),
)
# Everything that speaks against asking, in the order in which it is the reason.
AGAINST: tuple[tuple[str, dict[str, Any]], ...] = (
    ("survey_not_active", {"is_survey_active": False}),
    ("policy_paused", {"policy": replace(FINE.policy, is_active=False)}),
    ("expired", {"now": NOW + timedelta(hours=1)}),
    ("cancelled", {"is_cancelled": True}),
    ("not_in_segment", {"segments": set()}),
    ("in_excluded_segment", {"segments": {SEGMENT, BAD}}),
    ("restricted", {"is_restricted": True}),
    ("no_consent", {"word": None}),
    ("not_sampled", {"policy": replace(FINE.policy, share=1e-9)}),
    ("open_case", {"has_open_case": True}),
    ("over_frequency", {"word": Word(True, None, 1, "month"), "contacts": [ASKED]}),
    ("over_budget", {"contacts": [ASKED]}),
)


def reason(seen: Situation, candidate: Candidate = CANDIDATE) -> str:
    verdict = decide(candidate, seen)
    assert not isinstance(verdict, datetime)
    return verdict.reason


def test_who_nothing_speaks_against_is_asked():
    assert reason(FINE) == "asked"
    assert not any(each.is_against for each in findings(CANDIDATE, FINE))


@pytest.mark.parametrize(("name", "change"), AGAINST, ids=[name for name, _ in AGAINST])
def test_each_thing_alone_is_the_reason(name: str, change: dict[str, Any]):
    assert reason(replace(FINE, **change)) == name


def test_the_first_of_several_is_the_reason_and_all_are_told():
    seen = FINE
    for _, change in reversed(AGAINST):
        if "policy" not in change:
            seen = replace(seen, **change)
    told = [each.reason for each in findings(CANDIDATE, seen) if each.is_against]

    assert reason(seen) == told[0] == "survey_not_active"
    assert told == [
        "survey_not_active",
        "expired",
        "cancelled",
        "not_in_segment",
        "restricted",
        "no_consent",
        "open_case",
        "over_budget",
    ]


def test_quiet_hours_put_off_only_who_would_be_asked():
    night = replace(FINE, now=datetime(2026, 11, 22, 16, tzinfo=UTC), quiet=Quiet(time(21), time(8)))
    waiting = replace(CANDIDATE, due_at=night.now, stale_at=night.now + timedelta(hours=1))
    morning = datetime(2026, 11, 23, 1, tzinfo=UTC)

    assert decide(waiting, night) == morning
    assert reason(replace(night, word=None), waiting) == "no_consent"
    assert reason(replace(night, channel="widget"), waiting) == "asked"
    later = postponed(waiting, morning)
    assert (later.due_at, later.stale_at) == (morning, morning + timedelta(hours=1))


def test_a_consent_ends_at_its_very_moment():
    ends = Word(is_granted=True, expires_at=NOW, frequency_max=None, frequency_per=None)
    assert reason(replace(FINE, word=ends)) == "no_consent"
    assert reason(replace(FINE, word=ends._replace(expires_at=NOW + timedelta(microseconds=1)))) == "asked"
    assert reason(replace(FINE, word=None, policy=replace(FINE.policy, consent=None))) == "asked"


def test_a_place_is_kept_for_what_is_more_urgent_if_it_would_be_had():
    rival = Rival(Contact(NOW + timedelta(days=3), OTHER, "nps", "email", UUID(int=7)), (ONCE,))

    assert reason(replace(FINE, rivals=(rival,))) == "lower_priority"
    # Nothing is kept for who could not be asked anyway, or is asked so late that both have their place.
    hopeless = rival.asked._replace(at=NOW + timedelta(days=2))
    own = Rule("survey", str(OTHER), 1, 30 * DAY)
    blocked = Rival(hopeless, (own,))
    assert reason(replace(FINE, rivals=(blocked,), rules=(), contacts=[ASKED])) == "asked"
    assert reason(replace(FINE, rivals=(Rival(rival.asked._replace(at=NOW + timedelta(days=30)), (ONCE,)),))) == "asked"


def test_reminders():
    policy = Policy(reminders=Reminders(most=2, after_seconds=DAY))
    ends = NOW + timedelta(days=2)
    reminder = replace(CANDIDATE, cause="reminder", number=1, invitation_id=UUID(int=9))

    assert next_reminder(policy, 2, NOW, ends) == NOW + timedelta(days=1)
    assert next_reminder(policy, 3, NOW, ends) is None
    assert next_reminder(policy, 1, NOW + timedelta(days=1), ends) is None
    assert reason(replace(FINE, is_answered=True), reminder) == "answered"
    # Who was asked is reminded, whatever the sample is by now.
    assert reason(replace(FINE, policy=replace(FINE.policy, share=1e-9)), reminder) == "asked"


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (ONCE, "all: 1 in 30 days"),
        (Rule("kind", "nps", 2, 90 * DAY, 7 * DAY), "kind nps: 2 in 90 days, 7 days apart"),
        (Rule("channel", "email", gap_seconds=DAY // 2), "channel email: 0.5 days apart"),
    ],
    ids=["limit", "both", "gap"],
)
def test_a_rule_is_said_in_a_few_words(rule: Rule, words: str):
    assert said(rule) == words
