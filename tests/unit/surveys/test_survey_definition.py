"""A survey as it is said: languages, order, places to fill in; and what keeps it from being published."""

import copy
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from services.surveys.definitions.domain.answer import Answer
from services.surveys.definitions.domain.checks import problems_of
from services.surveys.definitions.domain.definition import Definition
from services.surveys.definitions.domain.diff import changes
from services.surveys.definitions.domain.library import KEYS, ready
from services.surveys.definitions.domain.piping import piped
from services.surveys.definitions.schemas.survey import SurveyIn

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
Document = dict[str, Any]


def read(document: Document) -> Definition:
    return SurveyIn.model_validate(document).definition(UUID(int=1), 1)


def a_survey(key: str = "after_delivery", **changed: Any) -> Document:
    return {**copy.deepcopy(ready(key)["survey"]), **changed}


@pytest.mark.parametrize(
    ("locales", "asked", "spoken"),
    [
        (["vi", "en"], ["en"], "en"),
        (["vi", "en"], ["en-GB"], "en"),
        (["vi", "en"], ["EN_us"], "en"),
        (["vi", "en"], ["fr", "en"], "en"),
        (["vi", "en"], ["fr"], "vi"),
        (["vi", "en"], [None], "vi"),
        (["vi", "en"], [""], "vi"),
        (["vi", "zh-Hant-TW", "zh"], ["zh-Hant-TW"], "zh-Hant-TW"),
        (["vi", "zh-Hant-TW", "zh"], ["zh-Hant-HK"], "zh"),
    ],
)
def test_the_language_next_to_the_one_asked_for_is_spoken(locales: list[str], asked: list[str | None], spoken: str):
    assert read(a_survey(locales=locales)).locale_for(*asked) == spoken


def shuffled() -> Definition:
    document = a_survey()
    document["questions"][1]["options"].append({"id": "none", "is_alone": True, "label": {"vi": "Không", "en": "No"}})
    return read(document)


def test_each_has_an_order_of_their_own_and_keeps_it():
    question = shuffled().questions[1]
    people = [f"person-{number}" for number in range(400)]

    orders = {person: [option.id for option in question.shown_options(person)] for person in people}

    assert all([each.id for each in question.shown_options(person)] == orders[person] for person in people)
    assert all(order[-2:] == ["other", "none"] for order in orders.values())
    # 400 people over 24 orders of four: each comes first about 100 times (sd 8.7).
    first = Counter(order[0] for order in orders.values())
    assert set(first) == {"late", "damaged", "wrong", "courier"}
    assert all(60 < number < 140 for number in first.values())


def test_what_is_not_shuffled_stays():
    question = read(a_survey("after_support")).questions[1]

    assert question.shown_options("anybody") == question.options


PIPED = {
    "vi": "Đơn {{order}}: bạn chọn {{answer:why}} vì {{answer:other|lý do khác}}, điểm {{answer:csat}}.",
    "en": "{{ order | your order }}",
}


def a_piped() -> Definition:
    questions = [
        {"id": "csat", "kind": "csat", "text": PIPED, "labels": {"5": {"vi": "Rất hài lòng", "en": "Very"}}},
        {"id": "why", "kind": "multiple", "text": PIPED, "options": [
            {"id": "a", "label": {"vi": "Giao trễ", "en": "Late"}},
            {"id": "b", "label": {"vi": "Khác", "en": "Other"}, "is_other": True},
        ]},
        {"id": "other", "kind": "text", "text": PIPED},
    ]  # fmt: skip
    return read(a_survey(questions=questions, metric=None))


def test_places_are_filled_in_with_plain_text():
    answers = {
        "csat": Answer(score=5),
        "why": Answer(chosen=("a", "b"), text="<b>ồn</b>"),
        "other": Answer(text="{{order}}\n\u202emẹo"),
    }

    said = piped(a_piped(), PIPED, "vi", answers, order="DH-1")

    # Once only: what a customer wrote is never read as a place. What would turn the writing round is gone.
    assert said == "Đơn DH-1: bạn chọn Giao trễ, <b>ồn</b> vì {{order}} mẹo, điểm Rất hài lòng."


def test_where_nothing_was_answered_the_words_beside_it_are_said():
    assert piped(a_piped(), PIPED, "vi", {}) == "Đơn: bạn chọn vì lý do khác, điểm."
    assert piped(a_piped(), PIPED, "en", {}) == "your order"
    assert piped(a_piped(), PIPED, "en", {}, order="DH-2") == "DH-2"


def test_what_is_filled_in_is_not_endless():
    said = piped(a_piped(), {"vi": "{{answer:other}}"}, "vi", {"other": Answer(text="rất " * 500)})

    assert len(said) <= 200
    assert said.endswith("…")


def test_every_ready_survey_can_be_published_as_it_is():
    assert len(KEYS) == 6
    for key in KEYS:
        assert problems_of(read(a_survey(key)), NOW) == [], key
        assert set(ready(key)["about"]) == {"vi", "en"}


def texts(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where a document has a text in two languages."""
    if isinstance(node, dict) and set(node) == {"vi", "en"}:
        yield path
    elif isinstance(node, dict | list):
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            yield from texts(value, (*path, key))


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("locale", ["vi", "en"])
def test_a_language_that_lacks_any_one_text_keeps_it_from_being_published(key: str, locale: str):
    places = list(texts(a_survey(key)))
    assert len(places) > 5
    for place in places:
        for missing in ("gone", "blank"):
            document = a_survey(key)
            text = document
            for step in place:
                text = text[step]
            text[locale] = " \n"
            if missing == "gone":
                del text[locale]

            found = [(each.path, each.code) for each in problems_of(read(document), NOW)]

            assert found == [(f"/{'/'.join(map(str, place))}/{locale}", "text_missing")]


def at(path: str, value: Any) -> Callable[[Document], None]:
    """Set something in a document."""

    def change(document: Document) -> None:
        *steps, last = path.split("/")
        node: Any = document
        for step in steps:
            node = node[int(step) if step.isdigit() else step]
        node[int(last) if last.isdigit() else last] = value

    return change


TEXT = {"vi": "Có", "en": "Yes"}
OPTION = {"id": "late", "label": TEXT}


@pytest.mark.parametrize(
    ("change", "place", "code"),
    [
        (at("default_locale", "fr"), "/default_locale", "unknown_locale"),
        (at("locales", ["vi", "vi"]), "/locales", "twice"),
        (at("closes_at", NOW - timedelta(seconds=1)), "/closes_at", "past"),
        (at("closes_at", NOW), "/closes_at", "past"),
        (at("metric", "gone"), "/metric", "unknown_question"),
        (at("metric", "comment"), "/metric", "not_a_figure"),
        (at("questions/1/id", "csat"), "/questions", "twice"),
        (at("questions/3/id", "end"), "/questions", "reserved"),
        (at("questions/0/points", 6), "/questions/0/points", "bad_scale"),
        (at("questions/2/points", 5), "/questions/2/points", "bad_scale"),
        (at("questions/0/labels/6", TEXT), "/questions/0/labels/6", "no_such_point"),
        (at("questions/3/labels", {"1": TEXT}), "/questions/3/labels", "no_scale"),
        (at("questions/0/options", [OPTION]), "/questions/0/options", "needless_options"),
        (at("questions/1/options", [OPTION]), "/questions/1/options", "no_options"),
        (at("questions/1/options/1", OPTION), "/questions/1/options", "twice"),
        (at("questions/1/options/1", {**OPTION, "id": "x", "is_other": True}), "/questions/1/options", "many_others"),
        (at("questions/1/options/1", {**OPTION, "id": "x", "is_earned": True}), "/questions/1/options", "earned"),
        (at("questions/1/least", 6), "/questions/1/most", "impossible_number"),
        (at("questions/1/most", 6), "/questions/1/most", "impossible_number"),
        (at("questions/0/rows", [{"id": "x", "label": TEXT}]), "/questions/0/rows", "few_rows"),
        (at("questions/0/kind", "matrix"), "/questions/0/rows", "few_rows"),
        (at("questions/0/text/vi", "Điểm {{answer:csat}}"), "/questions/0/text/vi", "asks_later"),
        (at("questions/0/text/vi", "Điểm {{answer:gone}}"), "/questions/0/text/vi", "unknown_pipe"),
        (at("questions/0/text/en", "Dear {{name}}"), "/questions/0/text/en", "unknown_pipe"),
        (at("questions/0/text/en", "Dear {{order"), "/questions/0/text/en", "bad_pipe"),
        (at("title/en", "{{answer:csat}}"), "/title/en", "asks_later"),
        (at("purpose", "joining"), "/questions", "nothing_earned"),
        (at("questions/1/show_if", {"question": "comment", "answered": True}), "/questions/1/show_if", "asks_later"),
    ],
)
def test_what_keeps_a_survey_from_being_published_is_named(change: Callable[[Document], None], place: str, code: str):
    document = a_survey()
    change(document)

    found = problems_of(read(document), NOW)

    assert (place, code) in [(each.path, each.code) for each in found]


def test_thanks_may_say_again_what_was_answered():
    document = a_survey()
    document["thanks"]["vi"] = "Cảm ơn bạn đã chọn {{answer:csat}} cho đơn {{order|vừa rồi}}!"

    assert problems_of(read(document), NOW) == []


def test_a_diff_names_each_place_by_its_id():
    before, after = a_survey(), a_survey()
    after["questions"][0]["text"]["vi"] = "Bạn thấy giao hàng thế nào?"
    after["questions"][1]["options"].pop(0)
    after["questions"][1]["show_if"] = {"question": "csat", "score": {"lte": 2}}
    after["questions"] = [after["questions"][each] for each in (0, 2, 1)]
    after["quota"] = 100

    found = {change.path: (change.before, change.after) for change in changes(before, after)}

    assert found == {
        "/quota": (None, 100),
        "/questions/csat/text/vi": ("Bạn hài lòng thế nào với việc giao hàng?", "Bạn thấy giao hàng thế nào?"),
        "/questions/problem/options/late": (before["questions"][1]["options"][0], None),
        "/questions/problem/show_if": (
            {"question": "csat", "score": {"lte": 3}},
            {"question": "csat", "score": {"lte": 2}},
        ),
        "/questions/comment": (before["questions"][3], None),
        "/questions": (["csat", "problem", "ces", "comment"], ["csat", "ces", "problem"]),
    }
    assert changes(before, before) == []
