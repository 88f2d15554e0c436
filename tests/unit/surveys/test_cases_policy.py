"""Which rule an answer fulfils, whose turn it is, and what a policy may not say."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from services.surveys.cases.domain.judged import Judged, Scored
from services.surveys.cases.domain.policy import DEFAULT_POLICY, first_match, raised, read_policy
from services.surveys.cases.domain.routing import next_in_turn
from services.surveys.cases.schemas.policy import DEFAULT_DOCUMENT, PolicyIn
from services.surveys.cases.schemas.settings import AgentIn, CalendarIn

SURVEY, SEGMENT = UUID(int=1), UUID(int=2)


def an_answer(score: int = 2, kind: Any = "nps", **rest: Any) -> Judged:
    said = {"scores": (Scored("q1", kind, score),), "kind": kind, "at": datetime(2026, 11, 22, tzinfo=UTC)}
    return Judged(
        **{"response_id": UUID(int=9), "revision": 1, "survey_id": SURVEY, "person": UUID(int=3), **said, **rest}
    )


def a_policy(*rules: dict[str, Any], **rest: Any) -> dict[str, Any]:
    return {**DEFAULT_DOCUMENT.model_dump(mode="json"), "rules": list(rules), **rest}


def matched(when: dict[str, Any], judged: Judged, **rule: Any) -> bool:
    document = PolicyIn.model_validate(a_policy({"key": "r", "when": when, **rule})).model_dump(mode="json")
    return first_match(read_policy(document).rules, judged, frozenset({SEGMENT})) is not None


def test_the_default_policy_survives_the_wire():
    assert read_policy(DEFAULT_DOCUMENT.model_dump(mode="json")) == DEFAULT_POLICY


@pytest.mark.parametrize(
    ("when", "judged", "holds"),
    [
        ({}, an_answer(10), True),
        ({"scores": [{"kind": "nps", "at_most": 6}]}, an_answer(6), True),
        ({"scores": [{"kind": "nps", "at_most": 6}]}, an_answer(7), False),
        ({"scores": [{"kind": "nps", "at_most": 6}]}, an_answer(6, "csat"), False),
        ({"scores": [{"kind": "nps", "at_least": 9}]}, an_answer(9), True),
        ({"touchpoints": ["delivery"]}, an_answer(touchpoint="delivery"), True),
        ({"touchpoints": ["delivery"]}, an_answer(), False),
        ({"stages": ["buy", "receive"]}, an_answer(stage="receive"), True),
        ({"surveys": [str(SURVEY)]}, an_answer(), True),
        ({"surveys": [str(SEGMENT)]}, an_answer(), False),
        ({"segments": [str(SEGMENT)]}, an_answer(), True),
        ({"segments": [str(SURVEY)]}, an_answer(), False),
        ({"themes": ["giao hàng"]}, an_answer(themes=("giá", "giao hàng")), True),
        ({"themes": ["giao hàng"]}, an_answer(themes=("giá",)), False),
        ({"wants_callback": True}, an_answer(wants_callback=True), True),
        ({"wants_callback": True}, an_answer(), False),
        ({"touchpoints": ["delivery"], "stages": ["buy"]}, an_answer(touchpoint="delivery"), False),
        ({}, an_answer(state="withdrawn"), False),
        ({}, an_answer(verification="inferred"), False),
    ],
)
def test_what_a_rule_asks_for(when: dict[str, Any], judged: Judged, holds: bool):
    assert matched(when, judged) == holds


def test_a_rule_says_whether_it_takes_parts_and_guesses():
    assert matched({}, an_answer(state="partial"))
    assert not matched({}, an_answer(state="partial"), takes_partial=False)
    assert matched({}, an_answer(verification="inferred"), takes_inferred=True)


def test_the_first_rule_makes_the_case_with_the_score_that_did_it():
    scores = (Scored("q1", "csat", 5), Scored("q2", "nps", 3))
    match = first_match(DEFAULT_POLICY.rules, an_answer(scores=scores, kind="csat"))

    assert match is not None
    assert (match.rule.key, match.scored) == ("unhappy", scores[1])


@pytest.mark.parametrize(
    ("present", "last", "next_one"),
    [((), "b", None), (("a", "b"), None, "a"), (("a", "b"), "a", "b"), (("a", "b"), "b", "a"), (("a", "c"), "b", "c")],
)
def test_turns(present: tuple[str, ...], last: str | None, next_one: str | None):
    assert next_in_turn(present, last) == next_one


def test_a_priority_is_raised_to_the_highest():
    assert [raised("low"), raised("high"), raised("urgent")] == ["normal", "urgent", "urgent"]


STEP = {"key": "late", "clock": "contact", "percent": 100, "action": "notify"}


@pytest.mark.parametrize(
    "document",
    [
        a_policy({"key": "a", "when": {}}, {"key": "a", "when": {}}),
        a_policy({"key": "A b", "when": {}}),
        a_policy({"key": "a", "when": {"scores": [{"kind": "nps"}]}}),
        a_policy({"key": "a", "when": {"scores": [{"kind": "nps", "at_least": 5, "at_most": 4}]}}),
        a_policy({"key": "a", "when": {"mood": "bad"}}),
        a_policy({"key": "a", "when": {}, "assign": [{"to": "team"}]}),
        a_policy({"key": "a", "when": {}, "assign": [{"to": "staff", "name": "linh"}]}),
        a_policy({"key": "a", "when": {}, "assign": [{"to": "stage"}]}),
        a_policy(ladder=[{**STEP, "minutes": 5}]),
        a_policy(ladder=[{**STEP, "percent": None}]),
        a_policy(ladder=[{**STEP, "clock": "age"}]),
        a_policy(ladder=[{**STEP, "action": "reassign"}]),
        a_policy(ladder=[{**STEP, "action": "raise", "agent": "linh"}]),
        a_policy(ladder=[STEP, STEP]),
        a_policy(targets={"normal": {"contact_minutes": 1, "resolve_minutes": 1}}),
    ],
)
def test_a_policy_that_contradicts_itself_is_refused(document: dict[str, Any]):
    with pytest.raises(ValidationError):
        PolicyIn.model_validate(document)


WEEK: list[Any] = [[{"opens": "08:00", "closes": "17:00"}]] + [[]] * 6


@pytest.mark.parametrize(
    "change",
    [
        {"zone": "Asia/Saigon City"},
        {"week": [[]] * 7},
        {"week": WEEK[:6]},
        {"week": [[{"opens": "17:00", "closes": "08:00"}]] + [[]] * 6},
        {"week": [[{"opens": "08:00", "closes": "12:00"}, {"opens": "11:00", "closes": "13:00"}]] + [[]] * 6},
        {"week": [[{"opens": "8:00", "closes": "24:30"}]] + [[]] * 6},
        {"days": [{"day": "2026-02-30"}]},
        {"days": [{"day": "2026-02-16"}, {"day": "2026-02-16"}]},
    ],
)
def test_a_calendar_that_cannot_be_is_refused(change: dict[str, Any]):
    CalendarIn.model_validate({"zone": "Asia/Ho_Chi_Minh", "week": WEEK})
    with pytest.raises(ValidationError):
        CalendarIn.model_validate({"zone": "Asia/Ho_Chi_Minh", "week": WEEK, **change})


def test_absences_do_not_overlap():
    with pytest.raises(ValidationError):
        AgentIn.model_validate({"absences": [{"first_day": "2026-02-01", "last_day": "2026-02-05"}] * 2})
