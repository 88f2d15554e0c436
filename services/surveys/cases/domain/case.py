"""A case: where it stands, its two clocks, and what is due when."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal, get_args
from uuid import UUID

from services.surveys.cases.domain.calendar import NEVER, Calendar
from services.surveys.cases.domain.policy import Policy, Priority, Step, Target

Status = Literal["open", "in_progress", "waiting_customer", "resolved", "closed"]
Outcome = Literal["solved", "compensated", "explained", "no_answer", "not_justified", "nothing_done"]

STATUSES: tuple[Status, ...] = get_args(Status)
# Somebody still has to do something, if only to wait.
ACTIVE: frozenset[Status] = frozenset({"open", "in_progress", "waiting_customer"})
# The resolution clock runs.
RUNNING: frozenset[Status] = frozenset({"open", "in_progress"})
Span = tuple[datetime, datetime]
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Case:
    """A case. The clocks count from `clock_from`; that of resolution ran in `ran`, and runs since `running_since`.

    `person` is the raw person key. `contact_seconds` is business time to the first contact. Of `resolve_due_at` None
    means that the clock stands and has not run out.
    """

    id: UUID
    version: int
    entries: int
    person: UUID | None
    response_id: UUID | None
    revision: int
    survey_id: UUID | None
    is_anonymous: bool
    rule: str
    kind: str | None
    score: int | None
    touchpoint: str | None
    stage: str | None
    staff_id: str | None
    wants_callback: bool
    themes: tuple[str, ...]
    priority: Priority
    opened_at: datetime
    clock_from: datetime
    status: Status = "open"
    owner: str | None = None
    team: str | None = None
    contacted_at: datetime | None = None
    contact_seconds: int | None = None
    running_since: datetime | None = None
    ran: tuple[Span, ...] = ()
    resolved_at: datetime | None = None
    closed_at: datetime | None = None
    outcome: Outcome | None = None
    root_cause: str | None = None
    merged_into: UUID | None = None
    contact_due_at: datetime = NEVER
    resolve_due_at: datetime | None = None
    due_at: datetime = NEVER
    next_step_at: datetime = NEVER

    @property
    def is_active(self) -> bool:
        """Whether something is still to be done in it."""
        return self.status in ACTIVE and self.merged_into is None

    @property
    def is_contact_late(self) -> bool:
        """Whether the first contact came too late."""
        return self.contacted_at is not None and self.contacted_at > self.contact_due_at

    @property
    def is_resolution_late(self) -> bool:
        """Whether it was resolved too late."""
        return self.resolved_at is not None and (self.resolve_due_at or NEVER) < self.resolved_at


def moved(case: Case, status: Status, at: datetime) -> Case:
    """The case in another status: the resolution clock is stopped, or goes on.

    What closing needs besides is for the caller to add.
    """
    ran, since = case.ran, case.running_since
    if status in RUNNING:
        since = since or max(at, case.clock_from)
    elif since is not None:
        ran, since = ((*ran, (since, at)) if at > since else ran), None
    resolved_at = (case.resolved_at or at) if status in ("resolved", "closed") else None
    return replace(
        case,
        status=status,
        ran=ran,
        running_since=since,
        resolved_at=resolved_at,
        closed_at=at if status == "closed" else None,
        outcome=case.outcome if status == "closed" else None,
        root_cause=case.root_cause if status == "closed" else None,
    )


def contacted(case: Case, at: datetime, calendar: Calendar) -> Case:
    """The case once somebody spoke to the customer; only the first time counts."""
    if case.contacted_at is not None:
        return case
    spent = calendar.elapsed(case.clock_from, at)
    return replace(case, contacted_at=at, contact_seconds=int(spent.total_seconds()))


def spent_resolving(case: Case, now: datetime, calendar: Calendar) -> timedelta:
    """The business time for which its resolution clock ran so far."""
    total = sum((calendar.elapsed(*span) for span in case.ran), timedelta())
    return total if case.running_since is None else total + calendar.elapsed(case.running_since, now)


def planned(case: Case, policy: Policy, calendar: Calendar, taken: Collection[str] = ()) -> Case:
    """The case with what is due when, by this policy and calendar; `taken` are the steps it has behind it."""
    target = policy.targets[case.priority]
    contact = calendar.after(case.clock_from, target.contact_minutes * _MINUTE)
    resolve = _runs_out(case, target.resolve_minutes, calendar)
    due = NEVER
    if case.is_active:
        due = min(contact if case.contacted_at is None else NEVER, resolve or NEVER)
    spent = None if case.contacted_at is None else calendar.elapsed(case.clock_from, case.contacted_at)
    return replace(
        case,
        contact_due_at=contact,
        resolve_due_at=resolve,
        due_at=due,
        contact_seconds=None if spent is None else int(spent.total_seconds()),
        next_step_at=min((at for at, _ in steps_ahead(case, policy.ladder, target, calendar, taken)), default=NEVER),
    )


def steps_ahead(
    case: Case, ladder: Iterable[Step], target: Target, calendar: Calendar, taken: Collection[str]
) -> list[tuple[datetime, Step]]:
    """The steps that are still to come, each with its moment if nothing changes, the first first.

    None in a case that is resolved, closed or merged; none of the contact clock once somebody was in contact.
    """
    if not case.is_active:
        return []
    found: list[tuple[datetime, Step]] = []
    for step in ladder:
        if step.key in taken or (step.clock == "contact" and case.contacted_at is not None):
            continue
        after = step.after(target)
        at = (
            _runs_out(case, after, calendar)
            if step.clock == "resolution"
            else calendar.after(case.clock_from, after * _MINUTE)
        )
        if at is not None:
            found.append((at, step))
    return sorted(found, key=lambda each: each[0])


def _runs_out(case: Case, minutes: int, calendar: Calendar) -> datetime | None:
    """When its resolution clock has run for so many business minutes; None while it stands before that."""
    left = minutes * _MINUTE
    for since, until in case.ran:
        spent = calendar.elapsed(since, until)
        if spent >= left:
            return calendar.after(since, left)
        left -= spent
    return None if case.running_since is None else calendar.after(case.running_since, left)
