"""What is taken for an answer, and what is refused with its place and reason."""

import unicodedata
from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.surveys.definitions.domain.answer import Answer, Answers
from services.surveys.definitions.domain.definition import Definition
from services.surveys.definitions.domain.path import read_answers
from services.surveys.definitions.errors import BadAnswers
from services.surveys.definitions.schemas.survey import SurveyIn

SAID = {"vi": "Chào", "en": "Hello"}


def options(*keys: str, **more: Any) -> list[dict[str, Any]]:
    """Options with these ids; those named in `more` have something set (`c="is_other"`)."""
    return [{"id": key, "label": SAID, **({more[key]: True} if key in more else {})} for key in keys]


QUESTIONS: list[dict[str, Any]] = [
    {"id": "nps", "kind": "nps"},
    {"id": "csat", "kind": "csat"},
    {"id": "ces", "kind": "ces"},
    {"id": "one", "kind": "single", "options": options("a", "b", "other", other="is_other")},
    {"id": "some", "kind": "multiple", "least": 2, "most": 3,
     "options": options("a", "b", "c", "d", "none", "other", none="is_alone", other="is_other")},
    {"id": "grid", "kind": "matrix", "rows": [{"id": "speed", "label": SAID}, {"id": "care", "label": SAID}]},
    {"id": "table", "kind": "matrix", "options": options("a", "b"), "rows": [{"id": "speed", "label": SAID}]},
    {"id": "words", "kind": "text", "max_length": 20},
]  # fmt: skip
SURVEY: Definition = SurveyIn.model_validate(
    {
        "name": "Khảo sát",
        "locales": ["vi", "en"],
        "default_locale": "vi",
        "title": SAID,
        "thanks": SAID,
        "questions": [{"text": SAID, **question} for question in QUESTIONS],
    }
).definition(UUID(int=1), 1)


@pytest.mark.parametrize(
    ("raw", "answer"),
    [
        ({"nps": {"score": 0}}, Answer(score=0)),
        ({"nps": {"score": 10}}, Answer(score=10)),
        ({"csat": {"score": 5}}, Answer(score=5)),
        ({"one": {"chosen": ["other"], "text": " Giá rẻ "}}, Answer(chosen=("other",), text="Giá rẻ")),
        ({"one": {"chosen": ["other"]}}, Answer(chosen=("other",))),
        # In the order of the question, not of the clicks.
        ({"some": {"chosen": ["c", "a"]}}, Answer(chosen=("a", "c"))),
        ({"some": {"chosen": ["none"]}}, Answer(chosen=("none",))),
        ({"grid": {"rows": {"speed": {"score": 2}, "care": None}}}, Answer(rows={"speed": Answer(score=2)})),
        ({"table": {"rows": {"speed": {"chosen": ["b"]}}}}, Answer(rows={"speed": Answer(chosen=("b",))})),
        ({"words": {"text": "Rất\r\nkhông\thài lòng"}}, Answer(text="Rất\nkhông\thài lòng")),
        ({"words": {"text": "<script>alert(1)"}}, Answer(text="<script>alert(1)")),
        ({"words": {"text": "👩‍👩‍👧 tốt"}}, Answer(text="👩‍👩‍👧 tốt")),
    ],
)
def test_an_answer_is_taken(raw: dict[str, Any], answer: Answer):
    (key,) = raw

    assert read_answers(SURVEY, raw) == {key: answer}


@pytest.mark.parametrize(
    "said",
    [
        {"nps": None}, {"nps": {}}, {"nps": {"score": None}}, {"words": {"text": "  \n "}}, {"words": {"text": None}},
        {"one": {"chosen": []}}, {"some": {"chosen": None}}, {"grid": {"rows": {}}}, {"grid": {"rows": {"care": {}}}},
        {"grid": None}, {},
    ],
)  # fmt: skip
def test_nothing_is_no_answer(said: dict[str, Any]):
    assert read_answers(SURVEY, said) == {}


@pytest.mark.parametrize(
    ("raw", "place", "code"),
    [
        ({"nps": {"score": 11}}, "/nps/score", "score_out_of_range"),
        ({"nps": {"score": -1}}, "/nps/score", "score_out_of_range"),
        ({"nps": {"score": True}}, "/nps/score", "score_out_of_range"),
        ({"nps": {"score": "9"}}, "/nps/score", "score_out_of_range"),
        ({"nps": {"score": 9.0}}, "/nps/score", "score_out_of_range"),
        ({"nps": {"score": 10**30}}, "/nps/score", "score_out_of_range"),
        ({"csat": {"score": 0}}, "/csat/score", "score_out_of_range"),
        ({"csat": {"score": 6}}, "/csat/score", "score_out_of_range"),
        ({"ces": {"score": 8}}, "/ces/score", "score_out_of_range"),
        ({"nps": 9}, "/nps", "not_an_object"),
        ({"nps": {"text": "9"}}, "/nps/text", "unexpected"),
        ({"nps": {"score": 9, "more": 1}}, "/nps/more", "unexpected"),
        ({"gone": {"score": 9}}, "/gone", "unknown_question"),
        ({"one": {"chosen": ["a", "b"]}}, "/one/chosen", "too_many"),
        ({"one": {"chosen": ["a", "a"]}}, "/one/chosen", "too_many"),
        ({"one": {"chosen": ["a"] * 9}}, "/one/chosen", "too_many"),
        ({"one": {"chosen": ["z"]}}, "/one/chosen", "unknown_option"),
        ({"one": {"chosen": "a"}}, "/one/chosen", "not_a_list"),
        ({"one": {"chosen": [1]}}, "/one/chosen", "not_a_list"),
        ({"one": {"chosen": ["a"], "text": "x"}}, "/one/text", "other_not_chosen"),
        ({"one": {"text": "x"}}, "/one/text", "nothing_chosen"),
        ({"one": {"chosen": ["z"], "text": "x"}}, "/one/chosen", "unknown_option"),
        ({"one": {"chosen": ["other"], "text": "x" * 501}}, "/one/text", "too_long"),
        ({"some": {"chosen": ["a"]}}, "/some/chosen", "too_few"),
        ({"some": {"chosen": ["a", "b", "c", "d"]}}, "/some/chosen", "too_many"),
        ({"some": {"chosen": ["a", "none"]}}, "/some/chosen", "goes_alone"),
        ({"grid": {"rows": {"price": {"score": 1}}}}, "/grid/rows/price", "unknown_row"),
        ({"grid": {"rows": {"speed": {"score": 6}}}}, "/grid/rows/speed/score", "score_out_of_range"),
        ({"grid": {"rows": {"speed": 3}}}, "/grid/rows/speed", "unexpected"),
        ({"grid": {"rows": [3, 4]}}, "/grid/rows", "not_an_object"),
        ({"grid": {"score": 3}}, "/grid/score", "unexpected"),
        ({"table": {"rows": {"speed": {"score": 3}}}}, "/table/rows/speed", "unexpected"),
        ({"table": {"rows": {"speed": {"chosen": ["z"]}}}}, "/table/rows/speed/chosen", "unknown_option"),
        ({"words": {"text": 5}}, "/words/text", "not_a_text"),
        ({"words": {"text": "x" * 21}}, "/words/text", "too_long"),
        ({"words": {"text": "x" * 2_000_000}}, "/words/text", "too_long"),
        ({"words": {"text": "a\x00b"}}, "/words/text", "not_printable"),
        ({"words": {"text": "a\x1b[31m"}}, "/words/text", "not_printable"),
        ({"words": {"text": "\ud83d"}}, "/words/text", "not_printable"),
    ],
)
def test_what_is_no_answer_is_refused_with_its_place(raw: dict[str, Any], place: str, code: str):
    with pytest.raises(BadAnswers) as refused:
        read_answers(SURVEY, raw)

    (problem,) = refused.value.data["problems"]
    assert (problem["path"], problem["code"]) == (place, code)
    assert problem["message"]


@pytest.mark.parametrize("raw", [None, [], "nps", 9, [["nps", 9]]])
def test_answers_are_an_object(raw: object):
    with pytest.raises(BadAnswers) as refused:
        read_answers(SURVEY, raw)

    assert refused.value.data["problems"][0]["code"] == "not_an_object"


def test_all_that_is_wrong_is_said_up_to_a_number():
    with pytest.raises(BadAnswers) as refused:
        read_answers(SURVEY, {"nps": {"score": 11}, "csat": {"score": 9}, **{f"x{n}": None for n in range(100)}})

    places = [problem["path"] for problem in refused.value.data["problems"]]
    assert places[:2] == ["/nps/score", "/csat/score"]
    assert len(places) == 20


def test_a_refusal_does_not_say_again_what_was_written():
    with pytest.raises(BadAnswers) as refused:
        read_answers(SURVEY, {"words": {"text": "Số thẻ 4111 1111 1111 1111"}})

    assert "4111" not in str(refused.value.data) + refused.value.detail


def test_text_is_kept_composed():
    """Typed on a Mac or on a phone, it is the same text to whoever looks for it."""
    decomposed = unicodedata.normalize("NFD", "Rất tệ")

    assert read_answers(SURVEY, {"words": {"text": decomposed}})["words"].text == "Rất tệ"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 12) | st.floats(allow_nan=False) | st.text(max_size=30)
    | st.sampled_from(["a", "b", "other", "none", "speed"]),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.sampled_from(["score", "chosen", "text", "rows", "speed", "care", "x"]), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


def raw_of(answer: Answer) -> dict[str, Any]:
    """An answer in the form in which it comes in."""
    raw: dict[str, Any] = {} if answer.score is None else {"score": answer.score}
    if answer.chosen:
        raw["chosen"] = list(answer.chosen)
    if answer.text is not None:
        raw["text"] = answer.text
    if answer.rows:
        raw["rows"] = {key: raw_of(row) for key, row in answer.rows.items()}
    return raw


@settings(max_examples=200)
@given(raw=st.dictionaries(st.sampled_from([question["id"] for question in QUESTIONS]), JSON, max_size=4))
def test_whatever_comes_in_is_taken_or_refused_and_what_is_taken_is_taken_again(raw: dict[str, Any]):
    read: Answers = {}
    with suppress(BadAnswers):
        read = read_answers(SURVEY, raw)

    assert read_answers(SURVEY, {key: raw_of(answer) for key, answer in read.items()}) == read


def test_a_flood_is_refused_without_being_looked_at_to_the_end():
    flood = {"one": {"chosen": ["a"] * 500_000}, "grid": {"rows": {f"x{n}": {} for n in range(200_000)}}}

    with pytest.raises(BadAnswers) as refused:
        read_answers(SURVEY, {**flood, **{f"x{n}": None for n in range(200_000)}})

    assert len(refused.value.data["problems"]) == 20
