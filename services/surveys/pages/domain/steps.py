"""Which questions stand on a page together, where somebody is, and how far it still is: all from what was answered."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

from services.surveys.definitions.domain.answer import Answer, Answers
from services.surveys.definitions.domain.condition import atoms
from services.surveys.definitions.domain.definition import Definition, Question
from services.surveys.definitions.domain.path import is_complete, path, read_answers
from services.surveys.definitions.errors import BadAnswers

# On a phone this is about three screens; a matrix takes the room of several questions.
MOST_ROOM = 6


@dataclass(frozen=True, slots=True)
class Step:
    """Questions that stand together; `first` counts from 1, `total` is how many are asked as far as one can tell.

    `before` is the question that the page before this one begins with. `is_last`: nothing follows, whatever is said.
    """

    questions: tuple[Question, ...]
    first: int
    total: int
    before: str | None
    is_last: bool


def step_at(definition: Definition, answers: Answers, at: str | None, *, is_whole: bool = False) -> Step | None:
    """The step that begins with the question `at`; without it, or where it is not asked, the one to go on with.

    `is_whole`: what follows an answered question stands beside it, also where it depends on that answer. None: there
    is nothing to go on with.
    """
    asked = path(definition, answers)
    places = {question.id: place for place, question in enumerate(asked)}
    start = places.get(at or "", place_to_go_on(asked, answers))
    if start >= len(asked):
        return None
    shown = together(definition, asked[start:], answers if is_whole else {})
    is_last = start + len(shown) == len(asked) and not any(each.id in deciders(definition) for each in shown)
    before = _begin_of_the_step_before(definition, asked, start)
    return Step(shown, start + 1, len(asked), before, is_last)


def place_to_go_on(asked: tuple[Question, ...], answers: Answers) -> int:
    """Where to go on: at what must be answered and is not, else after the last answer."""
    for place, question in enumerate(asked):
        if question.is_required and question.id not in answers:
            return place
    return max((place + 1 for place, question in enumerate(asked) if question.id in answers), default=0)


def next_after(definition: Definition, answers: Answers, shown: tuple[str, ...]) -> str | None:
    """The question that follows those that were shown; None: that was all."""
    asked = path(definition, answers)
    places = [place for place, question in enumerate(asked) if question.id in shown]
    first, last = min(places, default=0), max(places, default=-1)
    for question in asked[first:last]:
        # What was said made this one appear between those that were there already.
        if question.id not in shown and question.id not in answers:
            return question.id
    if last + 1 < len(asked):
        return asked[last + 1].id
    if is_complete(definition, answers):
        return None
    return next((question.id for question in asked if question.is_required and question.id not in answers), None)


def together(definition: Definition, asked: tuple[Question, ...], known: Answers) -> tuple[Question, ...]:
    """As many of the questions as fit on a page: none after one that decides what is asked, and is not known yet."""
    deciding = deciders(definition)
    shown: list[Question] = []
    room = 0
    for question in asked:
        room += max(1, len(question.rows))
        if shown and room > MOST_ROOM:
            break
        shown.append(question)
        if question.id in deciding and question.id not in known:
            break
    return tuple(shown)


def deciders(definition: Definition) -> frozenset[str]:
    """The questions whose answers decide what else is asked."""
    conditions = chain(
        (question.show_if for question in definition.questions),
        (jump.when for question in definition.questions for jump in question.next),
    )
    return frozenset(atom.question for condition in conditions for atom in atoms(condition))


def preselected(definition: Definition, answers: Answers, question_id: str | None, score: int | None) -> Answers:
    """The answers, with what one click meant in front of them if it fits; nothing of it is stored."""
    question = None if question_id is None else definition.question(question_id)
    if question is None or score is None or question.kind not in ("nps", "csat", "ces", "star"):
        return answers
    if not (question.lowest or 0) <= score <= (question.highest or 0):
        return answers
    chosen: Mapping[str, Answer] = {**answers, question.id: Answer(score=score)}
    return chosen


def _begin_of_the_step_before(definition: Definition, asked: tuple[Question, ...], start: int) -> str | None:
    """Where the page before this one begins, for the way back."""
    place = 0
    while place < start:
        after = place + len(together(definition, asked[place:], {}))
        if after >= start:
            return asked[place].id
        place = after
    return None


def lenient(definition: Definition, said: Mapping[str, Any]) -> Answers:
    """Those answers that can be read; what is wrong with others is found where they are sent."""
    try:
        return read_answers(definition, dict(said))
    except BadAnswers as error:
        wrong = {str(each["path"]).split("/")[1] for each in error.data["problems"] if "/" in str(each["path"])}
        return lenient(definition, {key: each for key, each in said.items() if key not in wrong}) if wrong else {}
