"""Past answers as files of other systems have them: one CSV row is one response.

Read are our own export, LimeSurvey's and Delighted's, and any file whose columns are named like the questions. Names
and addresses of people are passed over: who answered is told by the shop's id alone.
"""

import csv
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, TextIO
from uuid import UUID

from services.cli.purchases import BadRow, Rules, Wrong, moment, rows
from services.surveys.answers.domain.sheet import JOINT
from services.surveys.answers.service.importing import PastAnswer
from services.surveys.definitions.domain.definition import CHOICES, SCORED, Definition, Question
from shared.errors import UserError
from shared.ids import customer_key
from shared.sheets import unescaped

MAX_ID = 200
COLUMNS = {
    "reference": "what the other system knows the response by; without it a row cannot be told from a second one",
    "answered_at": "2026-11-21 14:05 (in the firm's time zone), RFC 3339 with offset, or seconds since 1970",
    "customer": "the shop's user id of who answered, or a customer id, user_id:… or anonymous_id:…; may be left out",
    "locale": "the language in which it was asked",
    "touchpoint": "the experience it is about; that of the survey, if left out",
    "stage": "the stage of the journey; that of the survey, if left out",
    "staff_id": "who of the staff it is about",
}
REQUIRED = ("reference", "answered_at")
# How others call them: ours, LimeSurvey's by code and by text, Delighted's.
_ALSO = {
    "reference": ("id", "response id", "response_id"),
    "answered_at": ("submitdate", "date submitted", "created at", "created_at"),
    "customer": ("customer_id", "customer id", "user_id", "userid"),
    "locale": ("startlanguage", "start language"),
    "touchpoint": (),
    "stage": (),
    "staff_id": (),
}
# Rows that were begun and not finished are no answers yet.
_STATE = "state"
_SCORE = "score"
_COMMENT = "comment"
_UNIX = re.compile(r"\d{9,10}")
_ZONED = re.compile(r"(.*\d)\s*(?:UTC|GMT)", re.IGNORECASE)
# What LimeSurvey writes where it was told to forget the time.
_FORGOTTEN = "1980-01-01"
_YES = frozenset({"y", "yes", "1", "true", "x", "có"})


class _Place(NamedTuple):
    """What a column says: an answer to `question`, in a `row` of it, to one `option`, or the text beside "other"."""

    question: Question
    row: str | None = None
    option: str | None = None
    is_other: bool = False


class Line(NamedTuple):
    """A response and the line it begins on."""

    line: int
    answer: PastAnswer


def read(
    path: Path, definition: Definition, rules: Rules, *, columns: Mapping[str, str] | None = None
) -> Iterator[Line | BadRow]:
    """The responses of a file, in its order; a bad row does not stop the rest. One row is held at a time.

    `columns` says of columns that cannot be known by their names what they are: a question, or one of `COLUMNS`.

    Raises:
        UserError: the file cannot be read as CSV, a column is missing, or none is a question.
    """
    try:
        # Bytes that are no UTF-8 spoil their row, not the file.
        with path.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
            yield from _read(file, path, definition, rules, columns or {})
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error


def _read(
    file: TextIO, path: Path, definition: Definition, rules: Rules, columns: Mapping[str, str]
) -> Iterator[Line | BadRow]:
    delimiter = _delimiter(file)
    head = csv.reader(file, delimiter=delimiter, strict=True)
    try:
        header = [unescaped(name.strip()) for name in next(head, [])]
    except csv.Error as error:
        raise UserError(f"The header of {path} cannot be read as CSV: {error}.") from error
    sheet = _Sheet(header, path, definition, columns)
    # Questions that stand in a header have line breaks, too.
    further = head.line_num - 1
    for line, fields in rows(csv.reader(file, delimiter=delimiter, strict=True)):
        try:
            if isinstance(fields, csv.Error):
                raise Wrong(f"it cannot be read as CSV: {fields}")
            answer = sheet.answer(fields, rules)
        except Wrong as error:
            yield BadRow(line + further, str(error))
            continue
        yield Line(line + further, answer)


def _delimiter(file: TextIO) -> str:
    first = file.readline()
    file.seek(0)
    return max(",;\t", key=first.count)


class _Sheet:
    """The columns of a file, and what they say."""

    def __init__(self, header: Sequence[str], path: Path, definition: Definition, columns: Mapping[str, str]) -> None:
        said = {_folded(name): _folded(meaning) for name, meaning in columns.items()}
        own = [_folded(name) for name in header]
        known = _places(definition)
        if strange := sorted(said.keys() - set(own)):
            raise UserError(f"{path} has no column {', '.join(map(repr, strange))}.")
        if strange := sorted(set(said.values()) - COLUMNS.keys() - known.keys()):
            raise UserError(f"The survey has no question {', '.join(map(repr, strange))}.")
        names = [said.get(name, name) for name in own]
        self._width = len(header)
        self._fixed = {meaning: at for meaning in COLUMNS if (at := _at(names, meaning)) is not None}
        if missing := [name for name in REQUIRED if name not in self._fixed]:
            raise UserError(f"{path} has no column {', '.join(missing)}; see `tam import responses --help`.")
        self._state = names.index(_STATE) if _STATE in names else None
        free = {at: name for at, name in enumerate(names) if at not in self._fixed.values()}
        self._places = {at: known[name] for at, name in free.items() if name in known}
        self._places |= _by_role(definition, free, {place.question.id for place in self._places.values()})
        if not self._places:
            raise UserError(f"{path} has no column for any question of the survey; name them with --column.")

    def answer(self, fields: Sequence[str], rules: Rules) -> PastAnswer:
        """What a row says.

        Raises:
            Wrong: nothing that could be taken.
        """
        if len(fields) != self._width:
            raise Wrong(f"it has {len(fields)} fields, the header {self._width}")
        cells = [unescaped(unicodedata.normalize("NFC", each.strip())) for each in fields]
        if any("\ud800" <= character <= "\udfff" for each in cells if not each.isascii() for character in each):
            raise Wrong("it is not UTF-8")
        fixed = {name: cells[at] for name, at in self._fixed.items()}
        if self._state is not None and cells[self._state].lower() not in ("complete", ""):
            raise Wrong(f"the response is not complete but {cells[self._state][:20]!r}")
        for name, cell in fixed.items():
            if len(cell) > MAX_ID:
                raise Wrong(f"{name} is longer than {MAX_ID} characters")
        if not fixed["reference"]:
            raise Wrong("reference is empty")
        answers: dict[str, dict[str, Any]] = {}
        for at, place in self._places.items():
            if cells[at]:
                _put(answers.setdefault(place.question.id, {}), place, cells[at])
        rest = {name: fixed.get(name) or None for name in ("locale", "touchpoint", "stage", "staff_id")}
        said = {key: each for key, each in answers.items() if each}
        return PastAnswer(fixed["reference"], _time(fixed, rules), said, _customer(fixed.get("customer", "")), **rest)


def _places(definition: Definition) -> dict[str, _Place]:
    """What columns may be called: by the ids of questions, or as they were asked in any language."""
    known: dict[str, _Place] = {}
    for question in definition.questions:
        for name in (question.id, *question.text.values()):
            for label, place in _labels(question, name):
                known.setdefault(_folded(label), place)
    return known


def _labels(question: Question, name: str) -> Iterator[tuple[str, _Place]]:
    yield name, _Place(question)
    for row in question.rows:
        for label in (f"{name}.{row.id}", f"{name}[{row.id}]", *(f"{name} – {each}" for each in row.label.values())):
            yield label, _Place(question, row=row.id)
    for option in question.options:
        if question.kind == "multiple":
            yield f"{name}[{option.id}]", _Place(question, option=option.id)
        if option.is_other:
            yield f"{name}.text", _Place(question, is_other=True)
            yield f"{name}[other]", _Place(question, is_other=True)


def _by_role(definition: Definition, free: Mapping[int, str], there: set[str]) -> dict[int, _Place]:
    """Delighted knows one score and one comment."""
    comment = next((each for each in definition.questions if each.kind == "text"), None)
    roles = {_SCORE: definition.metric_question, _COMMENT: comment}
    found = {at: roles.get(name) for at, name in free.items()}
    return {at: _Place(question) for at, question in found.items() if question is not None and question.id not in there}


def _folded(name: str) -> str:
    return " ".join(unicodedata.normalize("NFC", name).casefold().split())


def _at(names: Sequence[str], meaning: str) -> int | None:
    """The column of a meaning: by our name for it, else by that of another system."""
    return next((names.index(each) for each in (meaning, *_ALSO[meaning]) if each in names), None)


def _put(said: dict[str, Any], place: _Place, cell: str) -> None:
    """Add what a cell says; what cannot be read is left as it is, for the survey's own rules to refuse."""
    question = place.question
    if place.is_other:
        said["text"] = cell
    elif place.option is not None:
        if cell.casefold() in _YES:
            said.setdefault("chosen", []).append(place.option)
    elif place.row is not None:
        cells = said.setdefault("rows", {})
        cells[place.row] = {"chosen": [_option(question, cell)]} if question.options else {"score": _number(cell)}
    elif question.kind in SCORED:
        said["score"] = _number(cell)
    elif question.kind in CHOICES:
        parts = cell.split(JOINT.strip()) if question.kind == "multiple" else [cell]
        said["chosen"] = [_option(question, each.strip()) for each in parts if each.strip()]
    else:
        said["text"] = cell


def _number(cell: str) -> int | str:
    try:
        return int(cell.removesuffix(".0"))
    except ValueError:
        return cell


def _option(question: Question, cell: str) -> str:
    """The option of an id, or of how it was read in any language."""
    if question.option(cell) is not None:
        return cell
    wanted = _folded(cell)
    return next((each.id for each in question.options if wanted in map(_folded, (each.id, *each.label.values()))), cell)


def _time(fixed: Mapping[str, str], rules: Rules) -> datetime:
    text = fixed["answered_at"]
    if text.startswith(_FORGOTTEN):
        raise Wrong("answered_at was forgotten by LimeSurvey: the survey was anonymous")
    if _UNIX.fullmatch(text):
        return datetime.fromtimestamp(int(text), UTC)
    if zoned := _ZONED.fullmatch(text):
        text = f"{zoned[1].strip()}+00:00"
    return moment({"answered_at": text}, "answered_at", rules)


def _customer(cell: str) -> UUID | None:
    if not cell:
        return None
    for reference in (cell, f"user_id:{cell}"):
        try:
            return customer_key(reference)
        except ValueError:
            continue
    raise Wrong("customer is no id")
