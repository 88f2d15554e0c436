"""Which questions are asked, and which can ever be, against an oracle that reads the JSON and tries everything."""

from collections.abc import Iterator
from itertools import combinations, product
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.surveys.definitions.domain.definition import Definition
from services.surveys.definitions.domain.logic import logic_problems
from services.surveys.definitions.domain.outcomes import TooComplex
from services.surveys.definitions.domain.path import is_complete, kept, path, read_answers
from services.surveys.definitions.domain.reach import reach
from services.surveys.definitions.schemas.survey import SurveyIn

ID = UUID(int=1)
SAID = {"vi": "Chào", "en": "Hello"}


def definition_of(questions: list[dict[str, Any]]) -> Definition:
    """A survey of these questions."""
    document = {
        "name": "Khảo sát", "locales": ["vi", "en"], "default_locale": "vi", "title": SAID, "thanks": SAID,
        "questions": [{"text": SAID, **question} for question in questions],
    }  # fmt: skip
    return SurveyIn.model_validate(document).definition(ID, 1)


# --- the oracle: raw JSON in, everything tried -------------------------------------------------------------------


def says(rule: dict[str, Any], answers: dict[str, Any]) -> bool:
    """Whether a condition holds, word by word."""
    if "and" in rule:
        return all(says(each, answers) for each in rule["and"])
    if "or" in rule:
        return any(says(each, answers) for each in rule["or"])
    if "not" in rule:
        return not says(rule["not"], answers)
    said = answers.get(rule["question"])
    if "answered" in rule:
        return (said is not None) == rule["answered"]
    if said is not None and "row" in rule:
        said = said["rows"].get(rule["row"])
    if said is None:
        return False
    if "score" in rule:
        low, high = rule["score"].get("gte", -1), rule["score"].get("lte", 99)
        return said.get("score") in range(low, high + 1)
    if "chosen" in rule:
        return any(each in said.get("chosen", []) for each in rule["chosen"])
    return all(each in said.get("chosen", []) for each in rule["chosen_all"])


def next_of(questions: list[dict[str, Any]], number: int, answers: dict[str, Any]) -> tuple[int, int | None]:
    """Where it goes on after a question that was asked, and by which of its rules."""
    for each, jump in enumerate(questions[number].get("next", [])):
        if "when" not in jump or says(jump["when"], answers):
            ids = [question["id"] for question in questions]
            return (len(questions) if jump["to"] == "end" else ids.index(jump["to"])), each
    return number + 1, None


def possible(question: dict[str, Any]) -> list[Any]:
    """Every answer there is to a question, None if it may be left out."""
    kind, options = question["kind"], [option["id"] for option in question.get("options", [])]
    none = [] if question.get("is_required") else [None]
    if kind == "text":
        return [*none, {"text": "có"}]
    if kind == "single":
        return [*none, *({"chosen": [each]} for each in options)]
    if kind == "multiple":
        alone = {option["id"] for option in question["options"] if option.get("is_alone")}
        least, most = question.get("least", 1), question.get("most", len(options))
        sets = [each for size in range(1, len(options) + 1) for each in combinations(options, size)]
        fit = [
            each for each in sets
            if (len(each) == 1 and each[0] in alone) or (not alone & set(each) and least <= len(each) <= most)
        ]  # fmt: skip
        return [*none, *({"chosen": list(each)} for each in fit)]
    top = {"nps": 10, "csat": 5, "star": 5, "matrix": 5, "ces": 7}[kind]
    cells = [{"score": score} for score in range(0 if kind == "nps" else 1, question.get("points", top) + 1)]
    if kind != "matrix":
        return [*none, *cells]
    keys = [row["id"] for row in question["rows"]]
    found = []
    for filled in product([*none, *cells], repeat=len(keys)):
        rows = {key: cell for key, cell in zip(keys, filled, strict=True) if cell is not None}
        found.append({"rows": rows} if rows else None)
    return found


def walks(questions: list[dict[str, Any]]) -> Iterator[tuple[list[str], dict[str, Any], list[tuple[str, int]]]]:
    """Every way through: what was asked, what was answered, which rules led on."""
    waiting: list[tuple[int, list[str], dict[str, Any], list[tuple[str, int]]]] = [(0, [], {}, [])]
    while waiting:
        number, asked, answers, led = waiting.pop()
        if number == len(questions):
            yield asked, answers, led
            continue
        question = questions[number]
        if "show_if" in question and not says(question["show_if"], answers):
            waiting.append((number + 1, asked, answers, led))
            continue
        for said in possible(question):
            after = answers if said is None else {**answers, question["id"]: said}
            target, rule = next_of(questions, number, after)
            jumps = led if rule is None else [*led, (question["id"], rule)]
            waiting.append((target, [*asked, question["id"]], after, jumps))


# --- surveys of all kinds ------------------------------------------------------------------------------------------

OPTIONS = [{"id": key, "label": SAID} for key in ("a", "b", "c")]
KINDS: list[dict[str, Any]] = [
    {"kind": "nps"},
    {"kind": "csat"},
    {"kind": "star", "points": 3},
    {"kind": "single", "options": OPTIONS},
    {"kind": "multiple", "options": OPTIONS},
    {"kind": "multiple", "options": OPTIONS, "least": 2, "most": 2},
    {"kind": "multiple", "options": [*OPTIONS[:2], {"id": "c", "label": SAID, "is_alone": True}], "least": 2},
    {"kind": "matrix", "points": 2, "rows": [{"id": "x", "label": SAID}, {"id": "y", "label": SAID}]},
    {"kind": "text"},
]


@st.composite
def atoms_on(draw: st.DrawFn, question: dict[str, Any]) -> dict[str, Any]:
    """Something that a rule may ask of a question."""
    kind, about = question["kind"], {"question": question["id"]}
    if kind == "text" or draw(st.integers(0, 5)) == 0:
        return {**about, "answered": draw(st.booleans())}
    if kind in ("single", "multiple"):
        word = draw(st.sampled_from(["chosen", "chosen_all"]))
        return {**about, word: draw(st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=3, unique=True))}
    if kind == "matrix":
        about["row"] = draw(st.sampled_from(["x", "y"]))
    low = draw(st.integers(0, 10))
    ends = {"gte": low, "lte": draw(st.integers(low, 10))}
    kept_ends = draw(st.sampled_from([("gte",), ("lte",), ("gte", "lte")]))
    return {**about, "score": {end: ends[end] for end in kept_ends}}


def rules_on(questions: list[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """Conditions over these questions."""
    leaves = st.sampled_from(questions).flatmap(atoms_on)
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.builds(lambda parts: {"and": parts}, st.lists(inner, min_size=1, max_size=2)),
            st.builds(lambda parts: {"or": parts}, st.lists(inner, min_size=1, max_size=2)),
            st.builds(lambda part: {"not": part}, inner),
        ),
        max_leaves=3,
    )


@st.composite
def surveys(draw: st.DrawFn, most: int = 4) -> list[dict[str, Any]]:
    """Questions with rules that ask about earlier ones and lead to later ones."""
    count = draw(st.integers(2, most))
    questions: list[dict[str, Any]] = []
    for number in range(count):
        # One of eleven scores is enough for the oracle to try.
        kinds = [each for each in KINDS if each["kind"] != "nps" or not any(q["kind"] == "nps" for q in questions)]
        question = {"id": f"q{number}", "is_required": draw(st.booleans()), **draw(st.sampled_from(kinds))}
        if questions and draw(st.booleans()):
            question["show_if"] = draw(rules_on(questions))
        questions.append(question)
        if draw(st.integers(0, 2)) == 0:
            targets = [f"q{later}" for later in range(number + 1, count)] + ["end"]
            jumps = draw(st.lists(st.sampled_from(targets), min_size=1, max_size=2))
            question["next"] = [
                {"to": to, **({"when": draw(rules_on(questions))} if draw(st.integers(0, 3)) else {})} for to in jumps
            ]
    return questions


@settings(max_examples=60)
@given(questions=surveys())
def test_what_can_be_reached_is_what_trying_everything_reaches(questions: list[dict[str, Any]]):
    ways = list(walks(questions))

    found = reach(definition_of(questions))

    assert found.questions == {each for asked, _, _ in ways for each in asked}
    assert found.jumps == {each for _, _, led in ways for each in led}


@settings(max_examples=60)
@given(questions=surveys(most=3), data=st.data())
def test_the_path_is_what_the_rules_say(questions: list[dict[str, Any]], data: st.DataObject):
    definition = definition_of(questions)
    asked, answers, _ = data.draw(st.sampled_from(list(walks(questions))))

    read = read_answers(definition, answers)

    assert [question.id for question in path(definition, read)] == asked
    assert set(read) == set(answers)
    # All that had to be answered was.
    assert is_complete(definition, read)


@settings(max_examples=40)
@given(questions=surveys(most=3), data=st.data())
def test_answers_to_questions_that_are_not_asked_change_nothing(questions: list[dict[str, Any]], data: st.DataObject):
    """Somebody went back and took another way: what they said on the first way counts for nothing."""
    definition = definition_of(questions)
    asked, answers, _ = data.draw(st.sampled_from(list(walks(questions))))
    stray = {
        question["id"]: said
        for question in questions
        if question["id"] not in asked
        and (said := data.draw(st.sampled_from(possible(question)), label=question["id"])) is not None
    }

    read = read_answers(definition, {**stray, **answers})

    assert [question.id for question in path(definition, read)] == asked
    assert read == read_answers(definition, answers)
    assert kept(definition, read) == read


def test_a_required_question_that_is_not_asked_is_not_missed():
    questions = [
        {"id": "nps", "kind": "nps", "is_required": True},
        {"id": "why", "kind": "text", "is_required": True, "show_if": {"question": "nps", "score": {"lte": 6}}},
    ]
    definition = definition_of(questions)

    assert is_complete(definition, read_answers(definition, {"nps": {"score": 9}}))
    assert not is_complete(definition, read_answers(definition, {"nps": {"score": 6}}))
    assert not is_complete(definition, {})


def test_a_required_matrix_wants_every_row():
    rows = [{"id": "x", "label": SAID}, {"id": "y", "label": SAID}]
    definition = definition_of([{"id": "m", "kind": "matrix", "rows": rows, "is_required": True}])

    half = read_answers(definition, {"m": {"rows": {"x": {"score": 1}}}})

    assert not is_complete(definition, half)
    assert is_complete(definition, read_answers(definition, {"m": {"rows": {"x": {"score": 1}, "y": {"score": 5}}}}))


NPS = {"id": "nps", "kind": "nps"}
WHY = {"id": "why", "kind": "multiple", "options": OPTIONS}
END = {"id": "last", "kind": "text"}


def about(rule: dict[str, Any]) -> list[dict[str, Any]]:
    return [NPS, WHY, {**END, "show_if": rule}]


@pytest.mark.parametrize(
    ("questions", "place", "code"),
    [
        ([{**NPS, "next": [{"to": "nps"}]}, END], "/questions/0/next/0/to", "loops"),
        ([NPS, {**WHY, "next": [{"to": "nps"}]}], "/questions/1/next/0/to", "loops"),
        ([{**NPS, "next": [{"to": "nowhere"}]}, END], "/questions/0/next/0/to", "unknown_question"),
        ([{**NPS, "show_if": {"question": "last", "answered": True}}, END], "/questions/0/show_if", "asks_later"),
        ([{**NPS, "show_if": {"question": "nps", "answered": True}}, END], "/questions/0/show_if", "asks_later"),
        (
            [{**NPS, "next": [{"to": "end", "when": {"question": "last", "answered": True}}]}, END],
            "/questions/0/next/0/when",
            "asks_later",
        ),
        (about({"question": "gone", "answered": True}), "/questions/2/show_if", "unknown_question"),
        (about({"question": "nps", "score": {"gte": 11}}), "/questions/2/show_if", "empty_range"),
        (about({"question": "nps", "score": {"gte": 6, "lte": 5}}), "/questions/2/show_if", "empty_range"),
        (about({"question": "why", "score": {"gte": 1}}), "/questions/2/show_if", "not_scored"),
        (about({"question": "nps", "chosen": ["a"]}), "/questions/2/show_if", "not_chosen"),
        (about({"question": "why", "chosen": ["a", "z"]}), "/questions/2/show_if", "unknown_option"),
        (about({"question": "nps", "row": "x", "score": {"gte": 1}}), "/questions/2/show_if", "row_or_not"),
        # The ranges leave nothing between them: only a check of every score sees it.
        (
            about({"and": [{"question": "nps", "score": {"gte": 7}}, {"question": "nps", "score": {"lte": 6}}]}),
            "/questions/2",
            "unreachable",
        ),
        (about({"and": [{"question": "nps", "answered": True}, {"question": "nps", "answered": False}]}),
         "/questions/2", "unreachable"),
        ([{**NPS, "next": [{"to": "last"}]}, WHY, END], "/questions/1", "unreachable"),
        ([{**NPS, "next": [{"to": "end"}, {"to": "last"}]}, END], "/questions/1", "unreachable"),
        ([{**NPS, "next": [{"to": "why"}, {"to": "last"}]}, WHY, END], "/questions/0/next/1", "dead_rule"),
        (
            [{**NPS, "is_required": True}, WHY, {**END, "show_if": {"question": "nps", "answered": False}}],
            "/questions/2",
            "unreachable",
        ),
        (
            [{**WHY, "most": 1}, {**END, "show_if": {"question": "why", "chosen_all": ["a", "b"]}}],
            "/questions/1",
            "unreachable",
        ),
    ],
)  # fmt: skip
def test_rules_that_loop_strand_or_ask_for_what_cannot_be_are_named(
    questions: list[dict[str, Any]], place: str, code: str
):
    found = logic_problems(definition_of(questions))

    assert (place, code) in [(each.path, each.code) for each in found]


def test_a_gap_of_one_score_is_not_taken_for_a_way():
    """0–6 and 8–10 lead past it; 7 alone is asked, and without 7 nobody is."""
    past = {"or": [{"question": "nps", "score": {"lte": 6}}, {"question": "nps", "score": {"gte": 8}}]}
    whole = {"or": [{"question": "nps", "score": {"lte": 7}}, {"question": "nps", "score": {"gte": 8}}]}
    required = {**NPS, "is_required": True}

    assert logic_problems(definition_of([{**required, "next": [{"when": past, "to": "last"}]}, WHY, END])) == []
    (stranded,) = logic_problems(definition_of([{**required, "next": [{"when": whole, "to": "last"}]}, WHY, END]))
    assert (stranded.path, stranded.code) == ("/questions/1", "unreachable")


def test_what_is_too_much_to_look_at_is_said():
    """Twenty options of which each is asked about: a million sets of them."""
    options = [{"id": f"o{n}", "label": SAID} for n in range(20)]
    rule = {"or": [{"question": "why", "chosen": [option["id"]]} for option in options]}
    definition = definition_of([{**WHY, "options": options}, {**END, "show_if": rule}])

    with pytest.raises(TooComplex):
        reach(definition)
    (problem,) = logic_problems(definition)
    assert problem.code == "too_complex"


def test_rules_that_multiply_end_in_good_time():
    """Twenty scores that a last rule asks about together: a million states, which are not all looked at."""
    questions = [{"id": f"q{n}", "kind": "nps"} for n in range(20)]
    rule = {"and": [{"question": f"q{n}", "score": {"gte": 5}} for n in range(20)]}
    definition = definition_of([*questions, {**END, "show_if": rule}])

    with pytest.raises(TooComplex):
        reach(definition)
    # With half as many it is looked at, all of it.
    few = [*questions[:10], {**END, "show_if": {"and": rule["and"][:10]}}]
    assert "last" in reach(definition_of(few)).questions


def test_a_long_survey_whose_rules_look_back_a_little_is_checked_at_once():
    """Fifty questions, each asked for by the one before: what is past is forgotten, so nothing multiplies."""
    questions: list[dict[str, Any]] = [{"id": "q0", "kind": "nps"}]
    for number in range(1, 50):
        rule = {"question": f"q{number - 1}", "score": {"gte": number % 11}}
        questions.append({"id": f"q{number}", "kind": "nps", "show_if": rule})

    assert reach(definition_of(questions)).questions == {f"q{number}" for number in range(50)}


def test_rules_do_not_hear_what_was_said_on_another_way():
    """Somebody wrote something, went back, and chose a way on which they were not asked to write."""
    questions = [
        {"id": "why", "kind": "single", "options": OPTIONS, "next": [
            {"when": {"question": "why", "chosen": ["a"]}, "to": "last"}
        ]},
        {"id": "story", "kind": "text"},
        {"id": "last", "kind": "text", "show_if": {"question": "story", "answered": True}},
    ]  # fmt: skip
    definition = definition_of(questions)

    read = read_answers(definition, {"why": {"chosen": ["a"]}, "story": {"text": "Giao trễ"}, "last": {"text": "x"}})

    assert [question.id for question in path(definition, read)] == ["why"]
    assert set(read) == {"why"}


def test_a_matrix_is_answered_by_a_row_that_no_rule_asks_about():
    rows = [{"id": "x", "label": SAID}, {"id": "y", "label": SAID}]
    rule = {"and": [
        {"question": "m", "answered": True}, {"not": {"question": "m", "row": "x", "score": {"gte": 1}}}
    ]}  # fmt: skip
    matrix = {"id": "m", "kind": "matrix", "rows": rows}

    assert logic_problems(definition_of([matrix, {**END, "show_if": rule}])) == []
    (stranded,) = logic_problems(definition_of([{**matrix, "rows": rows[:1]}, {**END, "show_if": rule}]))
    assert stranded.code == "unreachable"
