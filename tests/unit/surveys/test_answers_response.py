"""What a response becomes, for any history of submissions."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.surveys.answers.domain.box import COMPANY, Ballot, mixed
from services.surveys.answers.domain.response import Response, changed, first
from services.surveys.answers.domain.submission import Submission
from services.surveys.answers.errors import AnswerTooLate
from services.surveys.definitions.domain.definition import Definition, Question
from services.surveys.definitions.errors import BadAnswers
from shared.ids import uuid7

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
WINDOW = timedelta(hours=1)
SURVEY = Definition(
    survey_id=UUID(int=1),
    version=1,
    name="x",
    purpose="customers",
    default_locale="vi",
    locales=("vi",),
    questions=(
        Question("nps", "nps", {"vi": "?"}, lowest=0, highest=10, is_required=True),
        Question("comment", "text", {"vi": "?"}),
    ),
    title={"vi": "?"},
    thanks={"vi": "!"},
    metric="nps",
    edit_window_seconds=3_600,
)
SAID = st.fixed_dictionaries(
    {},
    optional={
        "nps": st.one_of(st.none(), st.builds(lambda score: {"score": score}, st.integers(0, 10))),
        "comment": st.one_of(st.none(), st.builds(lambda text: {"text": text}, st.sampled_from(["a", "b", " "]))),
    },
)
HISTORY = st.lists(st.tuples(SAID, st.booleans(), st.integers(0, 40)), max_size=12)


def submitted(answers: dict[str, Any], *, is_final: bool, at: datetime) -> Submission:
    return Submission(answers=answers, at=at, channel="link", is_final=is_final, survey_id=SURVEY.survey_id)


@given(HISTORY)
def test_any_history_ends_as_slow_bookkeeping_says(history: list[tuple[dict[str, Any], bool, int]]) -> None:
    at, response, kept = NOW, None, dict[str, Any]()
    revisions, completed_at = 0, None
    for answers, is_final, minutes in history:
        at += timedelta(minutes=minutes)
        merged = {**kept, **answers}
        counts = {key: value for key, value in merged.items() if value not in (None, {"text": " "})}
        has_to_be_whole = is_final or completed_at is not None
        is_refused = has_to_be_whole and "nps" not in counts
        is_new = not is_refused and (response is None or counts != kept or (is_final and completed_at is None))
        is_late = is_new and completed_at is not None and at >= completed_at + WINDOW
        part_ended = response is not None and completed_at is None and at >= response.open_until
        try:
            response, was_new = step(response, submitted(answers, is_final=is_final, at=at))
        except BadAnswers:
            assert is_refused
            continue
        except AnswerTooLate:
            assert is_late or part_ended
            continue
        assert not is_refused
        assert was_new == is_new
        if is_new:
            kept, revisions = counts, revisions + 1
            completed_at = completed_at or (at if is_final else None)
        assert (response.answers, response.revision) == (kept, revisions)
        assert response.state == ("complete" if completed_at else "partial" if kept else "started")


def step(response: Response | None, submission: Submission) -> tuple[Response, bool]:
    if response is None:
        return first(SURVEY, submission, None), True
    after = changed(response, SURVEY, submission, None)
    return (response, False) if after is None else (after, True)


def test_a_confirmed_answer_is_not_taken_back_by_a_click() -> None:
    clicked = first(SURVEY, Submission({"nps": {"score": 9}}, NOW, "email", verification="inferred"), None)
    confirmed = changed(clicked, SURVEY, submitted({"nps": {"score": 9}}, is_final=True, at=NOW), None)

    assert confirmed is not None
    assert (clicked.verification, confirmed.verification, confirmed.revision) == ("inferred", "confirmed", 2)
    again = Submission({"nps": {"score": 9}}, NOW, "email", verification="inferred")
    assert changed(confirmed, SURVEY, again, None) is None


LOOKS = st.tuples(st.sampled_from(["link", "email"]), st.sampled_from(["vi", "en"]), st.sampled_from([1.0, 4.0]))


@given(st.lists(LOOKS, max_size=40))
def test_what_leaves_the_box_has_company_in_all_that_is_said_of_it(looks: list[tuple[str, str, float]]) -> None:
    ballots = [(uuid7(), Ballot({}, channel, locale, weight, "confirmed")) for channel, locale, weight in looks]

    leaving = mixed(ballots)

    seen: dict[Any, int] = {}
    for _, each in leaving:
        seen[each.looks] = seen.get(each.looks, 0) + 1
    assert all(count >= COMPANY for count in seen.values())
    assert len({key for key, _ in leaving}) == len(leaving)
    # Nobody stays who would have company.
    assert len(ballots) - len(leaving) < COMPANY


@pytest.mark.parametrize("count", [COMPANY - 1, COMPANY])
def test_fewer_than_five_stay(count: int) -> None:
    alike = [(uuid7(), Ballot({}, "link", "vi", 1.0, "confirmed")) for _ in range(count)]
    assert len(mixed(alike)) == (count if count >= COMPANY else 0)
