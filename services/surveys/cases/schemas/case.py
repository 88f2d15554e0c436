"""Wire models of cases, their clocks, and what staff does with them."""

import unicodedata
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field, model_validator
from pydantic_core import PydanticCustomError

from services.surveys.cases.domain.calendar import NEVER, Calendar
from services.surveys.cases.domain.case import Case, Outcome, Status, spent_resolving
from services.surveys.cases.domain.policy import Priority, Target
from services.surveys.cases.schemas.policy import AgentKey, Key
from shared.http.schemas import ExternalId, Instant, Strict

_MINUTE = timedelta(minutes=1)


def normal_form(text: str) -> str:
    """A text as it is stored and looked for: Vietnamese is written in two ways that look the same."""
    return unicodedata.normalize("NFC", text).strip()


def _said(text: str) -> str:
    if not (normal := normal_form(text)):
        raise PydanticCustomError("empty", "Say something")
    return normal


Text = Annotated[str, Field(min_length=1, max_length=10_000), AfterValidator(_said)]
Customer = Annotated[
    str, Field(min_length=1, max_length=300, description="A customer id, user_id:<value> or anonymous_id:<value>.")
]


class CaseIn(Strict):
    """A case that staff opens: somebody called, or asks to be called."""

    customer: Customer | None = None
    reason: Text
    response_id: UUID | None = None
    survey_id: UUID | None = None
    priority: Priority = "normal"
    touchpoint: ExternalId | None = None
    stage: ExternalId | None = None
    staff_id: ExternalId | None = None
    wants_callback: bool = False
    owner: AgentKey | None = None
    team: Key | None = None


class StatusIn(Strict):
    """Where the case goes. Closing asks for more, and has an address of its own."""

    status: Literal["in_progress", "waiting_customer", "resolved"]
    note: Text | None = None


class ContactIn(Strict):
    """Somebody spoke to the customer. `at` lies in the past; none: now."""

    channel: Literal["phone", "email", "chat", "shop", "other"]
    at: Instant | None = None
    note: Text | None = None


class AssignIn(Strict):
    """Who has it from now on: an agent, or whose turn it is in a team."""

    owner: AgentKey | None = None
    team: Key | None = None
    reason: Text

    @model_validator(mode="after")
    def _says_who(self) -> "AssignIn":
        if self.owner is None and self.team is None:
            raise PydanticCustomError("assign", "Name an owner, a team or both")
        return self


class PriorityIn(Strict):
    """How much it matters, and why."""

    priority: Priority
    reason: Text


class NoteIn(Strict):
    """What somebody of the staff has to say. It stays here."""

    text: Text


class CallbackIn(Strict):
    """Whether the customer wants to be called."""

    is_wanted: bool
    note: Text | None = None


class CloseIn(Strict):
    """What came of it, what it was, and what was done."""

    outcome: Outcome
    root_cause: Key
    action: Text


class ReasonIn(Strict):
    """Why."""

    reason: Text


class MergeIn(Strict):
    """The case that this one becomes a part of."""

    into: UUID
    reason: Text


class ContactClockOut(BaseModel):
    """The clock of first contact. `left_minutes` are business minutes, below zero if it has run out."""

    due_at: Instant
    done_at: Instant | None
    left_minutes: int | None = Field(description="Null once somebody was in contact.")
    spent_minutes: int
    is_late: bool


class ResolutionClockOut(BaseModel):
    """The clock of resolution. `due_at` is null while it stands and has not run out."""

    due_at: Instant | None
    done_at: Instant | None
    is_running: bool
    left_minutes: int | None = Field(description="Null once it is resolved.")
    spent_minutes: int
    is_late: bool


class CaseOut(BaseModel):
    """A case. `person` is the raw person key; null: nobody knows who it was, or they asked to be forgotten."""

    id: UUID
    version: int
    status: Status
    priority: Priority
    owner: str | None
    team: str | None
    person: UUID | None
    is_anonymous: bool
    response_id: UUID | None
    survey_id: UUID | None
    rule: str
    kind: str | None
    score: int | None
    touchpoint: str | None
    stage: str | None
    staff_id: str | None
    wants_callback: bool
    themes: list[str]
    opened_at: Instant
    due_at: Instant | None = Field(description="The next of its clocks that runs out.")
    is_overdue: bool
    contact: ContactClockOut
    resolution: ResolutionClockOut
    resolved_at: Instant | None
    closed_at: Instant | None
    outcome: Outcome | None
    root_cause: str | None
    merged_into: UUID | None
    merged: list[UUID] = Field(description="Cases that are part of this one.")
    watchers: list[str]

    @property
    def sort_at(self) -> datetime:
        """Where it stands among those that are due: at the end, if nothing is."""
        return self.due_at or NEVER

    @classmethod
    def of(
        cls, case: Case, target: Target, calendar: Calendar, now: datetime, *, watchers: list[str], merged: list[UUID]
    ) -> "CaseOut":
        """As it goes out, with what is left now."""
        names = cls.model_fields.keys() & set(Case.__dataclass_fields__)
        fields: dict[str, Any] = {name: getattr(case, name) for name in names}
        fields |= {
            "themes": list(case.themes),
            "due_at": None if case.due_at == NEVER else _utc(case.due_at),
            "is_overdue": case.due_at <= now,
            "contact": _contact(case, target, calendar, now),
            "resolution": _resolution(case, target, calendar, now),
            "watchers": watchers,
            "merged": merged,
        }
        return cls.model_construct(**fields)

    def identity(self) -> bytes:
        """What is the same as long as nothing happened: what is left runs by itself."""
        parts = (self.version, self.contact.due_at, self.resolution.due_at, self.watchers, self.merged)
        return "|".join(map(str, parts)).encode()


class CountsOut(BaseModel):
    """How many cases stand where, of those that are not merged."""

    by_status: dict[Status, int]
    by_owner: dict[str, int] = Field(description="Of cases that are not closed; those of nobody under the empty key.")
    by_team: dict[str, int]
    overdue: int
    unowned: int
    as_of: Instant


class EntryOut(BaseModel):
    """Something that happened in a case; `text` is what somebody wrote about it, null if nothing or forgotten."""

    number: int
    version: int
    at: Instant
    by: str
    kind: str
    data: dict[str, Any]
    text: str | None


def _contact(case: Case, target: Target, calendar: Calendar, now: datetime) -> ContactClockOut:
    is_done = case.contacted_at is not None
    spent = (
        timedelta(seconds=case.contact_seconds or 0)
        if is_done
        else calendar.elapsed(case.clock_from, case.closed_at or now)
    )
    left = (target.contact_minutes * _MINUTE - spent) // _MINUTE
    return ContactClockOut(
        due_at=case.contact_due_at,
        done_at=case.contacted_at,
        left_minutes=None if is_done else left,
        spent_minutes=spent // _MINUTE,
        is_late=case.is_contact_late if is_done else case.contact_due_at < (case.closed_at or now),
    )


def _resolution(case: Case, target: Target, calendar: Calendar, now: datetime) -> ResolutionClockOut:
    spent = spent_resolving(case, now, calendar)
    return ResolutionClockOut(
        due_at=case.resolve_due_at,
        done_at=case.resolved_at,
        is_running=case.running_since is not None,
        left_minutes=None if case.resolved_at else (target.resolve_minutes * _MINUTE - spent) // _MINUTE,
        spent_minutes=spent // _MINUTE,
        is_late=case.is_resolution_late if case.resolved_at else (case.resolve_due_at or NEVER) < now,
    )


def _utc(at: datetime) -> datetime:
    return at.astimezone(UTC)
