"""How a case changes: what is due is planned anew, the history grows, and what others must know is announced."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from services.surveys.cases.domain.case import Case, planned
from services.surveys.cases.domain.standing import Standing
from services.surveys.cases.repository import cases as rows
from services.surveys.cases.repository import history
from services.surveys.cases.repository.history import Entry, Note
from shared.db.engine import WriteTx
from shared.events.catalogue.surveys import CaseChanged, CaseOpened, nobody
from shared.events.envelope import Event, EventData
from shared.ids import derived_id

# Who did it, where nobody of the staff did.
SYSTEM = "system"
_TOLD = ("status", "owner", "team", "priority", "contacted_at", "merged_into")


@dataclass(slots=True)
class Draft:
    """A case that is being changed; `before` is what it was, None of a new one. The case in it is locked, or new."""

    case: Case
    by: str
    at: datetime
    before: Case | None = None
    entries: list[Entry] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)
    extra: list[EventData] = field(default_factory=list)

    @classmethod
    def of(cls, case: Case, *, by: str, at: datetime) -> "Draft":
        """A change of a stored case begins: it gets its next version."""
        return cls(replace(case, version=case.version + 1), by, at, before=case)

    def change(self, **values: Any) -> None:
        """Set fields of the case."""
        self.case = replace(self.case, **values)

    def enter(self, kind: str, text: str | None = None, **data: Any) -> None:
        """Note what happened; `text` is what somebody wrote about it."""
        self.change(entries=self.case.entries + 1)
        place = (self.case.id, self.case.entries)
        self.entries.append(Entry(*place, self.case.version, self.at, self.by, kind, data))
        if text is not None:
            self.notes.append(Note(*place, self.at, self.by, kind, text))

    @property
    def is_changed(self) -> bool:
        """Whether anything happened."""
        return bool(self.entries)


async def store(tx: WriteTx, drafts: Sequence[Draft], standing: Standing) -> list[Case]:
    """Store what changed, with what is due planned anew, and announce it; the cases as they are then."""
    changed = [each for each in drafts if each.is_changed]
    behind: Mapping[UUID, frozenset[str]] = {}
    if standing.policy.ladder:
        behind = await rows.steps(tx, [each.case.id for each in changed])
    for draft in changed:
        if draft.before is not None and draft.before.status == draft.case.status == "closed":
            # What was due in it stays what it was, whatever calendar or policy came since.
            continue
        taken = {*behind.get(draft.case.id, ()), *draft.taken}
        draft.case = planned(draft.case, standing.policy, standing.calendar(draft.case.team), taken)
    await rows.save(tx, [each.case for each in changed])
    await rows.take_steps(tx, [(each.case.id, step, each.at) for each in changed for step in each.taken])
    entries = [entry for each in changed for entry in each.entries]
    await history.add(tx, entries, [note for each in changed for note in each.notes])
    for draft in changed:
        announce(tx, draft)
    return [each.case for each in drafts]


def announce(tx: WriteTx, draft: Draft) -> None:
    """Say what happened to a case. Its subject is the raw person key, or the response of nobody."""
    case, before = draft.case, draft.before
    facts: list[EventData] = []
    if before is None:
        facts.append(_opened(case))
    elif any(getattr(case, name) != getattr(before, name) for name in _TOLD):
        facts.append(_changed(case))
    for number, data in enumerate([*facts, *draft.extra]):
        key = derived_id("case", str(case.id), str(case.version), data.event_type, str(number))
        tx.emit(Event(key, subject(case), draft.at, draft.at, data))


def subject(case: Case) -> UUID:
    """Whom events of a case are about: the person, or nobody but the response."""
    if case.person is not None:
        return case.person
    return case.id if case.response_id is None else nobody(case.response_id)


def _opened(case: Case) -> CaseOpened:
    return CaseOpened(
        case_id=case.id,
        version=case.version,
        survey_id=case.survey_id,
        response_id=case.response_id,
        owner=case.owner,
        team=case.team,
        priority=case.priority,
        rule=case.rule,
        kind=case.kind,
        score=case.score,
        touchpoint=case.touchpoint,
        stage=case.stage,
        wants_callback=case.wants_callback,
        contact_due_at=case.contact_due_at,
        resolve_due_at=case.resolve_due_at or case.contact_due_at,
    )


def _changed(case: Case) -> CaseChanged:
    return CaseChanged(
        case_id=case.id,
        version=case.version,
        status=case.status,
        owner=case.owner,
        team=case.team,
        priority=case.priority,
        contacted_at=case.contacted_at,
        merged_into=case.merged_into,
    )
