"""A page's form: its fields to answers as the definition reads them, and answers to fields.

`a:<question>` is a score or what was chosen, `o:<question>` what was written for "other", `t:<question>` a text,
`m:<question>:<row>` a row of a matrix, `shown` the questions that stood on the page. Everything else is not read.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from services.surveys.definitions.domain.definition import SCORED, Definition, Question

# A survey of a hundred questions with matrices stays far below.
MAX_FIELDS = 2_000
# More digits than any scale has: what is longer is no number of ours, and is not read as one.
_MAX_DIGITS = 4

Fields = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Form:
    """What was sent: answers as JSON would have them, and what the page said of itself.

    `answers` has null for what stood on the page and was left empty. `is_auto`: the page sent it by itself after a
    person touched it. `is_trapped`: the field is filled that nobody sees. `to`: only the language is to be another.
    """

    answers: Mapping[str, Any]
    shown: tuple[str, ...]
    nonce: str
    locale: str | None
    is_auto: bool = False
    is_trapped: bool = False
    to: str | None = None
    back: str | None = None


def read_fields(body: bytes) -> Fields:
    """The fields of a form.

    Raises:
        ValueError: it is no form in UTF-8, or has too many fields.
    """
    pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict")
    fields: dict[str, list[str]] = {}
    for name, value in pairs:
        fields.setdefault(name, []).append(value)
    return fields


def read_form(definition: Definition, fields: Fields) -> Form:
    """What a form says, for one version of a survey."""
    shown = tuple(each for each in fields.get("shown", ()) if definition.question(each) is not None)
    answers: dict[str, Any] = {}
    for question in definition.questions:
        said = _answer(question, fields)
        if said is not None or question.id in shown:
            answers[question.id] = said
    return Form(
        answers=answers,
        shown=shown,
        nonce=_one(fields, "nonce") or "",
        is_auto=_one(fields, "auto") == "1",
        is_trapped=bool(_one(fields, "website")),
        locale=_one(fields, "lang"),
        to=_one(fields, "to"),
        back=_one(fields, "back"),
    )


def _answer(question: Question, fields: Fields) -> dict[str, Any] | None:
    if question.kind == "matrix":
        rows = {row.id: _cell(question, _one(fields, f"m:{question.id}:{row.id}")) for row in question.rows}
        said = {key: cell for key, cell in rows.items() if cell is not None}
        return {"rows": said} if said else None
    if question.kind == "text":
        text = _one(fields, f"t:{question.id}")
        return {"text": text} if text else None
    if question.kind in SCORED:
        return _score(_one(fields, f"a:{question.id}"))
    chosen = list(dict.fromkeys(each for each in fields.get(f"a:{question.id}", ()) if each))
    other = _one(fields, f"o:{question.id}")
    is_other = any(option.is_other and option.id in chosen for option in question.options)
    # What was written for an option that was then left is no answer.
    return {"chosen": chosen, **({"text": other} if other and is_other else {})} if chosen else None


def _cell(question: Question, value: str | None) -> dict[str, Any] | None:
    if not value:
        return None
    return {"chosen": [value]} if question.options else _score(value)


def _score(value: str | None) -> dict[str, Any] | None:
    if not value:
        return None
    is_number = value.isascii() and value.isdigit() and len(value) <= _MAX_DIGITS
    # What is no number stays what it is, and is refused as such.
    return {"score": int(value) if is_number else value}


def fields_of(question: Question, said: Mapping[str, Any] | None) -> Iterator[tuple[str, str]]:
    """The fields that say an answer, to carry it from page to page."""
    if not said:
        return
    if question.kind == "matrix":
        for row, cell in said.get("rows", {}).items():
            yield f"m:{question.id}:{row}", _value(cell)
    elif question.kind == "text":
        yield f"t:{question.id}", str(said.get("text", ""))
    elif question.kind in SCORED:
        yield f"a:{question.id}", _value(said)
    else:
        for each in said.get("chosen", ()):
            yield f"a:{question.id}", str(each)
        if said.get("text"):
            yield f"o:{question.id}", str(said["text"])


def _value(cell: Mapping[str, Any]) -> str:
    chosen = cell.get("chosen")
    return str(chosen[0]) if chosen else str(cell.get("score", ""))


def _one(fields: Fields, name: str) -> str | None:
    found = fields.get(name)
    return None if not found else found[-1]
