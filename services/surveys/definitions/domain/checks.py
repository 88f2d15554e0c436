"""What keeps a survey from being published: all of it, with the place and the reason of each."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from services.surveys.definitions.domain.definition import CHOICES, END, SCORED, Definition, Question
from services.surveys.definitions.domain.logic import logic_problems
from services.surveys.definitions.domain.scale import POINTS
from services.surveys.definitions.domain.words import word_problems
from services.surveys.definitions.errors import Problem

MAX_PROBLEMS = 50


def problems_of(definition: Definition, now: datetime) -> list[Problem]:
    """What is wrong with a survey that shall be published now; nothing: it can be."""
    found = [*_frame(definition, now)]
    for number, question in enumerate(definition.questions):
        found += _question(definition, question, f"/questions/{number}")
    found += word_problems(definition)
    # Rules are only looked at where it is clear which question, option or row each name means.
    if not any(each.code in ("twice", "no_options", "few_rows") for each in found):
        found += logic_problems(definition)
    return found[:MAX_PROBLEMS]


def _frame(definition: Definition, now: datetime) -> Iterator[Problem]:
    if definition.default_locale not in definition.locales:
        yield Problem("/default_locale", "unknown_locale", "The default is one of the survey's languages.")
    yield from _twice("/locales", definition.locales)
    if definition.closes_at is not None and definition.closes_at <= now:
        yield Problem("/closes_at", "past", "The survey would be over before it began.")
    keys = [question.id for question in definition.questions]
    yield from _twice("/questions", keys)
    if END in keys:
        yield Problem("/questions", "reserved", f"{END!r} is where rules end a survey, and no question.")
    if definition.metric is not None:
        metric = definition.metric_question
        if metric is None:
            yield Problem("/metric", "unknown_question", f"There is no question {definition.metric!r}.")
        elif metric.kind not in (*SCORED, "single"):
            yield Problem("/metric", "not_a_figure", "A figure is made of scores, or of single choices.")
    if definition.purpose == "joining" and not any(_tells_why(question) for question in definition.questions):
        text = "Somebody must be able to say that somebody else brought them, or that nobody did."
        yield Problem("/questions", "nothing_earned", text)


def _tells_why(question: Question) -> bool:
    return question.kind == "single" and 0 < len(question.earned) < len(question.options)


def _question(definition: Definition, question: Question, path: str) -> Iterator[Problem]:
    yield from _scale(question, path)
    yield from _options(definition, question, path)
    if (question.kind == "matrix") != bool(question.rows):
        yield Problem(f"{path}/rows", "few_rows", "A matrix has rows, and only a matrix has.")
    yield from _twice(f"{path}/rows", (row.id for row in question.rows))
    if question.kind == "multiple":
        together = sum(not option.is_alone for option in question.options)
        if not question.least <= question.most <= len(question.options) or question.least > together:
            yield Problem(f"{path}/most", "impossible_number", "No answer has as many options as are asked for.")


def _scale(question: Question, path: str) -> Iterator[Problem]:
    if question.lowest is None or question.highest is None:
        if question.labels:
            yield Problem(f"{path}/labels", "no_scale", "There is no scale whose points could have names.")
        return
    if question.kind in POINTS and question.highest not in POINTS[question.kind]:
        several = ", ".join(map(str, sorted(POINTS[question.kind])))
        yield Problem(f"{path}/points", "bad_scale", f"This kind of question has a scale of {several} points.")
    for point in question.labels:
        if not question.lowest <= point <= question.highest:
            yield Problem(f"{path}/labels/{point}", "no_such_point", "The scale has no such point.")


def _options(definition: Definition, question: Question, path: str) -> Iterator[Problem]:
    place = f"{path}/options"
    if question.kind in CHOICES and len(question.options) < 2:
        yield Problem(place, "no_options", "A choice has two options at least.")
    if question.options and question.kind not in (*CHOICES, "matrix"):
        yield Problem(place, "needless_options", "This kind of question has no options.")
    yield from _twice(place, (option.id for option in question.options))
    if sum(option.is_other for option in question.options) > (question.kind in CHOICES):
        yield Problem(place, "many_others", "A choice has one text field at most, a matrix none.")
    if question.kind != "multiple" and any(option.is_alone for option in question.options):
        yield Problem(place, "alone", "Only of a multiple choice can an option go with no other.")
    if question.earned and definition.purpose != "joining":
        yield Problem(place, "earned", "Only a survey of why somebody came asks who brought them.")


def _twice(path: str, keys: Iterable[str]) -> Iterator[Problem]:
    seen: set[str] = set()
    for key in keys:
        if key in seen:
            yield Problem(path, "twice", f"{key!r} is there twice.")
        seen.add(key)
