"""Reads a condition from JSON, or says what is wrong with its form: where (JSON Pointer), a code, and a sentence.

What the form is, `condition.py` says. Whether the questions it asks about are there is asked at publication.
"""

from typing import Any

from services.surveys.definitions.domain.condition import And, Answered, Chosen, Condition, Not, Or, Scored, atoms
from services.surveys.definitions.domain.reading import refuse
from services.surveys.definitions.errors import Problem

MAX_DEPTH = 8
MAX_PARTS = 20
MAX_ATOMS = 60
# Wide enough for every scale: what is left open on one side.
_LEAST, _MOST = 0, 100
# Stands for a part that is wrong: something is refused in any case.
_WRONG = Or(())
_TESTS = ("score", "chosen", "chosen_all", "answered")


def read_condition(document: Any, path: str, problems: list[Problem]) -> Condition:
    """The condition that a JSON document says; `problems` takes what is wrong with it."""
    condition = _read(document, path, problems, 1)
    if sum(1 for _ in atoms(condition)) > MAX_ATOMS:
        return _wrong(problems, path, "too_long", f"A condition asks for at most {MAX_ATOMS} things.")
    return condition


def _read(document: Any, path: str, problems: list[Problem], depth: int) -> Condition:
    if not isinstance(document, dict):
        return _wrong(problems, path, "not_an_object", "A condition is an object.")
    if depth > MAX_DEPTH:
        return _wrong(problems, path, "too_deep", f"Conditions are nested at most {MAX_DEPTH} deep.")
    if set(document) == {"not"}:
        return Not(_read(document["not"], f"{path}/not", problems, depth + 1))
    for word, kind in (("and", And), ("or", Or)):
        if set(document) == {word}:
            parts = document[word]
            if not isinstance(parts, list) or not 1 <= len(parts) <= MAX_PARTS:
                return _wrong(problems, f"{path}/{word}", "not_a_list", f"A list of 1 to {MAX_PARTS} conditions.")
            read = (_read(each, f"{path}/{word}/{n}", problems, depth + 1) for n, each in enumerate(parts))
            return kind(tuple(read))
    return _atom(document, path, problems)


def _atom(document: dict[str, Any], path: str, problems: list[Problem]) -> Condition:
    tests = [word for word in _TESTS if word in document]
    if len(tests) != 1 or not set(document) <= {"question", "row", tests[0]}:
        words = "and, or, not, or a question with one of score, chosen, chosen_all, answered"
        return _wrong(problems, path, "no_condition", f"A condition is {words}.")
    question, row = document.get("question"), document.get("row")
    if not isinstance(question, str) or not isinstance(row, str | None):
        return _wrong(problems, path, "no_question", "Say which question it is about, by its id.")
    (test,) = tests
    if test == "score":
        return _scored(question, row, document["score"], f"{path}/score", problems)
    if test == "answered":
        if not isinstance(document["answered"], bool) or row is not None:
            return _wrong(problems, f"{path}/answered", "not_a_truth", "True or false, of a whole question.")
        return Answered(question) if document["answered"] else Not(Answered(question))
    options = document[test]
    if not isinstance(options, list) or not options or not all(isinstance(each, str) for each in options):
        return _wrong(problems, f"{path}/{test}", "not_a_list", "A list of the ids of options.")
    return Chosen(question, frozenset(options), row, is_all=test == "chosen_all")


def _scored(question: str, row: str | None, document: Any, path: str, problems: list[Problem]) -> Condition:
    if not isinstance(document, dict) or not document or not set(document) <= {"gte", "lte"}:
        return _wrong(problems, path, "not_a_range", 'A range is {"gte": 0, "lte": 6}, or one of the two.')
    least, most = document.get("gte", _LEAST), document.get("lte", _MOST)
    if not all(isinstance(each, int) and not isinstance(each, bool) for each in (least, most)):
        return _wrong(problems, path, "not_a_range", "The ends of a range are whole numbers.")
    return Scored(question, least, most, row)


def _wrong(problems: list[Problem], path: str, code: str, message: str) -> Condition:
    refuse(problems, path, code, message)
    return _WRONG
