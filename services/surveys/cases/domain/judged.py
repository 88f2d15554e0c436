"""An answer as far as cases need it: what was scored, where, by whom, and whether it can be relied on."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

Kind = Literal["nps", "csat", "ces", "star", "single", "multiple", "matrix", "text"]


@dataclass(frozen=True, slots=True)
class Scored:
    """A score that was given to a question of a kind; `row` is of a matrix."""

    question_id: str
    kind: Kind
    score: int
    row: str | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """What a response says at a revision.

    `scores` are those of its scored questions, in the order they were asked; `kind` is that of the question that the
    survey is about. `person` is the raw person key; None of an anonymous answer, whose `at` is the start of its local
    day. `themes` are what was found in its texts, never the texts.
    """

    response_id: UUID
    revision: int
    survey_id: UUID
    person: UUID | None
    scores: tuple[Scored, ...]
    at: datetime
    kind: Kind | None = None
    touchpoint: str | None = None
    stage: str | None = None
    staff_id: str | None = None
    state: Literal["partial", "complete", "withdrawn"] = "complete"
    verification: Literal["confirmed", "inferred"] = "confirmed"
    wants_callback: bool = False
    themes: tuple[str, ...] = ()
