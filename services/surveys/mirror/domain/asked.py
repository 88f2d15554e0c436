"""What a wave asks: the scored questions of a version, flat, each to be answered.

Branches are not followed. A customer is asked only what their answers lead to; staff speaks of all customers at once.
"""

from collections.abc import Sequence
from typing import NamedTuple

from services.surveys.definitions.domain.definition import SCORED, Definition
from services.surveys.mirror.errors import BadMirrorAnswer
from shared.events.catalogue.surveys import AnsweredScore, AskedQuestion


class Item(NamedTuple):
    """One score to give: a question, or a row of a matrix, from `lowest` to `highest`."""

    question_id: str
    row: str | None
    lowest: int
    highest: int


def items(definition: Definition) -> tuple[Item, ...]:
    """The scores that a version asks for, in its order."""
    found: list[Item] = []
    for question in definition.questions:
        if question.lowest is None or question.highest is None:
            continue
        rows = [row.id for row in question.rows] if question.kind == "matrix" else [None]
        if question.kind in SCORED or question.kind == "matrix":
            found += [Item(question.id, row, question.lowest, question.highest) for row in rows]
    return tuple(found)


def asked(definition: Definition) -> tuple[AskedQuestion, ...]:
    """The questions of a wave, as figures need them."""
    wanted = {item.question_id for item in items(definition)}
    return tuple(
        AskedQuestion(question.id, question.kind, question.lowest, question.highest)
        for question in definition.questions
        if question.id in wanted
    )


def asks_nps(definition: Definition) -> bool:
    """Whether customers are asked for a score that an NPS is made of."""
    return any(question.kind == "nps" for question in definition.questions)


def check(wanted: Sequence[Item], scores: Sequence[AnsweredScore]) -> tuple[AnsweredScore, ...]:
    """The scores in the order in which they are asked for.

    Raises:
        BadMirrorAnswer: one is missing, is given twice, was not asked for, or is not on its scale.
    """
    given: dict[tuple[str, str | None], int] = {}
    for each in scores:
        if each.score is None or (each.question_id, each.row) in given:
            raise BadMirrorAnswer(_place(each.question_id, each.row), "is answered by one score, once")
        given[each.question_id, each.row] = each.score
    found: list[AnsweredScore] = []
    for item in wanted:
        score = given.pop((item.question_id, item.row), None)
        if score is None:
            raise BadMirrorAnswer(_place(item.question_id, item.row), "is missing; all are to be answered")
        if not item.lowest <= score <= item.highest:
            raise BadMirrorAnswer(
                _place(item.question_id, item.row), f"is answered from {item.lowest} to {item.highest}"
            )
        found.append(AnsweredScore(item.question_id, score, row=item.row))
    if given:
        raise BadMirrorAnswer("scores", "was not asked for")
    return tuple(found)


def _place(question_id: str, row: str | None) -> str:
    return question_id if row is None else f"{question_id}/{row}"
