"""Reads one answer, or says what is wrong with it: where (JSON Pointer), a code, and a sentence."""

import re
import unicodedata
from itertools import islice
from typing import Any

from services.surveys.definitions.domain.answer import Answer
from services.surveys.definitions.domain.definition import CHOICES, SCORED, Question
from services.surveys.definitions.errors import Problem

MAX_PROBLEMS = 20
MAX_OTHER = 500
# Line breaks and tabs may stand in a text; other control characters and halves of characters have no business there.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def refuse(problems: list[Problem], path: str, code: str, message: str) -> None:
    """Note a problem, of the first few."""
    if len(problems) < MAX_PROBLEMS:
        problems.append(Problem(path, code, message))


def read_answer(question: Question, said: object, path: str, problems: list[Problem]) -> Answer | None:
    """The answer to a question; None: nothing was answered, or `problems` says what is wrong."""
    if not isinstance(said, dict):
        refuse(problems, path, "not_an_object", 'An answer is an object such as {"score": 9}.')
        return None
    fields = _fields(question)
    if strangers := sorted(str(name)[:64] for name in said if name not in fields):
        expected = " and ".join(fields)
        refuse(problems, f"{path}/{strangers[0]}", "unexpected", f"This question is answered by {expected}.")
        return None
    if question.kind == "matrix":
        return _rows(question, said.get("rows"), f"{path}/rows", problems)
    if question.kind == "text":
        text = _text(said.get("text"), question.max_length, f"{path}/text", problems)
        return None if text is None else Answer(text=text)
    if question.kind in SCORED:
        return _score(question, said.get("score"), f"{path}/score", problems)
    return _choice(question, said, path, problems)


def _fields(question: Question) -> tuple[str, ...]:
    if question.kind == "matrix":
        return ("rows",)
    if question.kind in CHOICES:
        return ("chosen", "text") if any(option.is_other for option in question.options) else ("chosen",)
    return ("score",) if question.kind in SCORED else ("text",)


def _score(question: Question, said: object, path: str, problems: list[Problem]) -> Answer | None:
    if said is None:
        return None
    lowest, highest = question.lowest or 0, question.highest or 0
    # True is an int in Python, and no score.
    if not isinstance(said, int) or isinstance(said, bool) or not lowest <= said <= highest:
        refuse(problems, path, "score_out_of_range", f"A whole number from {lowest} to {highest}.")
        return None
    return Answer(score=said)


def _rows(question: Question, said: object, path: str, problems: list[Problem]) -> Answer | None:
    if said is None:
        return None
    if not isinstance(said, dict):
        refuse(problems, path, "not_an_object", 'Rows are an object such as {"speed": {"score": 4}}.')
        return None
    rows: dict[str, Answer] = {}
    for key, cell in islice(said.items(), len(question.rows) + MAX_PROBLEMS):
        place = f"{path}/{str(key)[:64]}"
        if question.row(key) is None:
            refuse(problems, place, "unknown_row", "The question has no such row.")
        elif (answer := _cell(question, cell, place, problems)) is not None:
            rows[key] = answer
    return Answer(rows=rows) if rows else None


def _cell(question: Question, cell: object, path: str, problems: list[Problem]) -> Answer | None:
    name = "chosen" if question.options else "score"
    if cell is None or cell == {}:
        return None
    if not isinstance(cell, dict) or set(cell) != {name}:
        refuse(problems, path, "unexpected", f"A row of this question is answered by {name}.")
        return None
    if not question.options:
        return _score(question, cell["score"], f"{path}/score", problems)
    chosen = _chosen(question, cell["chosen"], 1, f"{path}/chosen", problems)
    return Answer(chosen=chosen) if chosen else None


def _choice(question: Question, said: dict[str, Any], path: str, problems: list[Problem]) -> Answer | None:
    most = 1 if question.kind == "single" else question.most
    chosen = _chosen(question, said.get("chosen"), most, f"{path}/chosen", problems)
    text = _text(said.get("text"), MAX_OTHER, f"{path}/text", problems)
    if not chosen:
        # What was chosen wrongly has been named.
        if text is not None and not said.get("chosen"):
            refuse(problems, f"{path}/text", "nothing_chosen", "A text goes with the option it explains.")
        return None
    options = [option for option in question.options if option.id in chosen]
    if text is not None and not any(option.is_other for option in options):
        refuse(problems, f"{path}/text", "other_not_chosen", "A text goes with the option it explains.")
        return None
    if len(options) > 1 and any(option.is_alone for option in options):
        refuse(problems, f"{path}/chosen", "goes_alone", "One of these goes with no other.")
        return None
    # What goes with no other is an answer of its own, however many are asked for.
    if question.kind == "multiple" and len(chosen) < question.least and not options[0].is_alone:
        refuse(problems, f"{path}/chosen", "too_few", f"Choose at least {question.least}.")
        return None
    return Answer(chosen=chosen, text=text)


def _chosen(question: Question, said: object, most: int, path: str, problems: list[Problem]) -> tuple[str, ...]:
    """What was chosen, in the order of the question's options."""
    if said is None:
        return ()
    known = [option.id for option in question.options]
    if not isinstance(said, list) or not all(isinstance(each, str) for each in said[: len(known) + 1]):
        refuse(problems, path, "not_a_list", "A list of the ids of options.")
        return ()
    if len(said) > len(known):
        refuse(problems, path, "too_many", f"Choose at most {most}, each once.")
        return ()
    if any(each not in known for each in said):
        refuse(problems, path, "unknown_option", "The question has no such option.")
        return ()
    chosen = tuple(each for each in known if each in said)
    if len(said) != len(chosen) or len(chosen) > most:
        refuse(problems, path, "too_many", f"Choose at most {most}, each once.")
        return ()
    return chosen


def _text(said: object, most: int, path: str, problems: list[Problem]) -> str | None:
    """A text as it is kept: composed (NFC), with `\\n` for each line break and no space around it; None if blank."""
    if said is None:
        return None
    if not isinstance(said, str):
        refuse(problems, path, "not_a_text", "A text.")
        return None
    # Measured first: what is far too long is not looked at.
    if len(said) > 2 * most:
        refuse(problems, path, "too_long", f"At most {most} characters.")
        return None
    text = unicodedata.normalize("NFC", said.replace("\r\n", "\n").replace("\r", "\n")).strip()
    if _CONTROL.search(text):
        refuse(problems, path, "not_printable", "A text has no control characters and no halves of characters.")
        return None
    if len(text) > most:
        refuse(problems, path, "too_long", f"At most {most} characters.")
        return None
    return text or None
