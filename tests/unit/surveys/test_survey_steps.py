"""Which questions stand on a page together, and where somebody goes on: over every way through a survey."""

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.surveys.definitions.domain.answer import Answer
from services.surveys.definitions.domain.condition import Scored
from services.surveys.definitions.domain.definition import Definition, Jump, Question, Row
from services.surveys.definitions.domain.path import path
from services.surveys.pages.domain.steps import MOST_ROOM, lenient, next_after, preselected, step_at

SURVEY = UUID("018f4a7e-0000-7000-8000-0000000000a1")


def question(key: str, kind: Any = "nps", **rest: Any) -> Question:
    scale = {"lowest": 0, "highest": 10} if kind == "nps" else {}
    return Question(id=key, kind=kind, text={"vi": key}, **{**scale, **rest})


def survey(*questions: Question) -> Definition:
    return Definition(SURVEY, 1, "x", "customers", "vi", ("vi",), questions, {"vi": "x"}, {"vi": "x"})


BRANCHED = survey(
    question("nps", is_required=True),
    question("why", "text", show_if=Scored("nps", 0, 6)),
    question("praise", "text", show_if=Scored("nps", 9, 10)),
    question("again"),
    question("end", "text"),
)
SCORES = {"nps": Answer(score=3), "again": Answer(score=9), "why": Answer(text="x"), "praise": Answer(text="y")}


def ids(found: Any) -> list[str]:
    return [each.id for each in found.questions]


def test_what_depends_on_an_answer_waits_for_it():
    first = step_at(BRANCHED, {}, None)

    assert first is not None
    assert (ids(first), first.first, first.total, first.before, first.is_last) == (["nps"], 1, 3, None, False)


@pytest.mark.parametrize(
    ("score", "rest"), [(3, ["why", "again", "end"]), (8, ["again", "end"]), (10, ["praise", "again", "end"])]
)
def test_one_goes_on_after_the_last_answer(score: int, rest: list[str]):
    found = step_at(BRANCHED, {"nps": Answer(score=score)}, None)

    assert found is not None
    assert (ids(found), found.first, found.before, found.is_last) == (rest, 2, "nps", True)


def test_a_click_shows_what_belongs_to_it_at_once():
    answers = preselected(BRANCHED, {}, "nps", 10)
    found = step_at(BRANCHED, answers, "nps", is_whole=True)

    assert found is not None
    assert ids(found) == ["nps", "praise", "again", "end"]


@pytest.mark.parametrize(("key", "score"), [("nps", 11), ("nps", None), ("why", 3), ("nothing", 3), (None, 3)])
def test_a_click_that_fits_nothing_chooses_nothing(key: str | None, score: int | None):
    assert preselected(BRANCHED, {}, key, score) == {}


def test_a_change_leads_to_what_it_makes_appear():
    answers = {"nps": Answer(score=2), "again": Answer(score=9)}

    assert next_after(BRANCHED, answers, ("nps", "again", "end")) == "why"
    assert next_after(BRANCHED, {**answers, "why": Answer(text="x")}, ("nps", "again", "end")) is None


def test_what_must_be_answered_comes_before_the_end():
    assert next_after(BRANCHED, {}, ("again", "end")) == "nps"


def test_a_page_is_no_longer_than_three_screens():
    rows = tuple(Row(str(number), {"vi": "x"}) for number in range(5))
    long = survey(*(question(f"q{number}", "text") for number in range(9)), question("m", "matrix", rows=rows))
    found, at = [], None
    while (step := step_at(long, {}, at)) is not None:
        assert sum(max(1, len(each.rows)) for each in step.questions) <= MOST_ROOM
        found += ids(step)
        if (at := next_after(long, {}, tuple(ids(step)))) is None:
            break

    assert found == [each.id for each in long.questions]


def test_a_question_larger_than_a_page_stands_alone():
    rows = tuple(Row(str(number), {"vi": "x"}) for number in range(30))
    found = step_at(survey(question("m", "matrix", rows=rows), question("q")), {}, None)

    assert found is not None
    assert ids(found) == ["m"]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 10)), max_size=5), st.integers(0, 1000))
def test_whoever_answers_sees_every_question_that_is_asked_once_and_comes_to_an_end(
    jumps: list[tuple[int, int]], seed: int
):
    questions = [question(f"q{number}") for number in range(6)]
    for place, (ahead, most) in enumerate(jumps):
        to = "end" if place + ahead + 2 > 5 else f"q{place + ahead + 2}"
        questions[place] = question(f"q{place}", next=(Jump(to, Scored(f"q{place}", 0, most)),))
    definition = survey(*questions)
    answers: dict[str, Answer] = {}
    seen: list[str] = []
    at: str | None = None
    for _ in range(10):
        step = step_at(definition, answers, at)
        assert step is not None
        for each in step.questions:
            answers[each.id] = Answer(score=(seed * 7 + len(seen)) % 11)
            seen.append(each.id)
        if (at := next_after(definition, answers, tuple(ids(step)))) is None:
            break

    assert at is None
    assert seen == [each.id for each in path(definition, answers)]


def test_answers_that_cannot_be_read_are_left_out_and_others_stay():
    said = {"nps": {"score": 99}, "again": {"score": 7}, "why": {"text": 3}, "praise": None}

    assert lenient(BRANCHED, said) == {"again": Answer(score=7)}
