"""Responses as rows: one column for each question, or row of a matrix, of all the versions of a survey."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from services.surveys.answers.domain.response import Response
from services.surveys.definitions.domain.definition import Definition, Option, Question
from shared.sheets import escaped

_FIXED = (
    "id",
    "answered_at",
    "changed_at",
    "state",
    "revision",
    "version",
    "channel",
    "locale",
    "verification",
    "customer_id",
    "invitation_id",
    "reference",
    "touchpoint",
    "stage",
    "staff_id",
    "score",
    "language",
    "themes",
    "tags",
)
# Between several things in one cell.
JOINT = "; "


class Sheet:
    """The columns of a survey in its versions, and its responses in them.

    With `is_labelled` the columns are headed by the question, and choices are what was read by whoever chose them: the
    label in their language and version, to the letter. Else both are ids.
    """

    def __init__(self, versions: Sequence[Definition], *, is_labelled: bool) -> None:
        self._versions = {each.version: each for each in versions}
        self._is_labelled = is_labelled
        self._columns: dict[tuple[str, str | None, bool], str] = {}
        for definition in sorted(versions, key=lambda each: -each.version):
            for question in definition.questions:
                self._add(definition, question)

    def _add(self, definition: Definition, question: Question) -> None:
        """The columns of a question. The newest version names it."""
        heading = definition.say(question.text, None) if self._is_labelled else question.id
        if not question.rows:
            self._columns.setdefault((question.id, None, False), heading)
        for row in question.rows:
            label = f"{heading} – {definition.say(row.label, None)}" if self._is_labelled else f"{heading}.{row.id}"
            self._columns.setdefault((question.id, row.id, False), label)
        if any(option.is_other for option in question.options):
            self._columns.setdefault((question.id, None, True), f"{heading}.text")

    def header(self) -> list[str]:
        """The names of the columns."""
        return [escaped(name) for name in (*_FIXED, *self._columns.values())]

    def row(self, response: Response, tags: Sequence[str], now: datetime) -> list[str]:
        """A response."""
        fixed: Mapping[str, Any] = {
            **{name: getattr(response, name) for name in _FIXED if hasattr(response, name)},
            "answered_at": response.answered_at.isoformat(),
            "changed_at": response.changed_at.isoformat(),
            "state": response.shown(now),
            "customer_id": response.person,
            "themes": JOINT.join(response.themes),
            "tags": JOINT.join(tags),
        }
        definition = self._versions[response.version]
        cells = [self._cell(response, definition, *column) for column in self._columns]
        return [escaped("" if each is None else str(each)) for each in (*(fixed[name] for name in _FIXED), *cells)]

    def _cell(
        self, response: Response, definition: Definition, question_id: str, row: str | None, is_other: bool
    ) -> str:
        said = response.answers.get(question_id, {})
        if row is not None:
            said = said.get("rows", {}).get(row, {})
        if is_other:
            return str(said.get("text", ""))
        if "score" in said:
            return str(said["score"])
        if "chosen" in said:
            return JOINT.join(self._label(definition, question_id, each, response.locale) for each in said["chosen"])
        return str(said.get("text", ""))

    def _label(self, definition: Definition, question_id: str, option_id: str, locale: str) -> str:
        question = definition.question(question_id)
        option: Option | None = None if question is None else question.option(option_id)
        return option_id if option is None or not self._is_labelled else definition.say(option.label, locale)
