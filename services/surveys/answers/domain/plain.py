"""Answers as they are stored and travel: JSON that the definition reads again."""

from collections.abc import Iterator, Mapping
from typing import Any

from services.surveys.definitions.domain.answer import Answer, Answers
from shared.events.catalogue.surveys import AnsweredScore

Plain = Mapping[str, Any]


def plain(answers: Answers) -> dict[str, Any]:
    """The answers as JSON; the same answers give the same."""
    return {key: _plain(answer) for key, answer in answers.items()}


def _plain(answer: Answer) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if answer.score is not None:
        found["score"] = answer.score
    if answer.chosen:
        found["chosen"] = list(answer.chosen)
    if answer.text is not None:
        found["text"] = answer.text
    if answer.rows:
        found["rows"] = {key: _plain(each) for key, each in answer.rows.items()}
    return found


def scores(answers: Plain) -> tuple[AnsweredScore, ...]:
    """What figures need of stored answers: scores and what was chosen, never a text."""
    return tuple(_scores(answers))


def _scores(answers: Plain) -> Iterator[AnsweredScore]:
    for key, said in answers.items():
        if "rows" in said:
            for row, cell in said["rows"].items():
                yield AnsweredScore(key, cell.get("score"), tuple(cell.get("chosen", ())), row)
        elif "score" in said or "chosen" in said:
            yield AnsweredScore(key, said.get("score"), tuple(said.get("chosen", ())))


def texts(answers: Plain) -> list[str]:
    """What was written, in the order of the answers."""
    return [said["text"] for said in answers.values() if "text" in said]
