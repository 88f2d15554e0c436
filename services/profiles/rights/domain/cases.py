"""A case: one request of a person, and what has become of it."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from services.profiles.rights.domain.deadlines import Jurisdiction, Kind

State = Literal["awaiting_proof", "in_progress", "awaiting_expiry", "done", "lifted", "refused", "closed"]
Step = Literal["at_once", "done", "cleaned"]
Proof = Literal["account_login", "email_link", "one_time_code", "identity_document", "in_person", "representative"]
Through = Literal["web", "app", "email", "phone", "letter", "in_person", "authority"]
RefusalReason = Literal["identity_not_proven", "law_requires_keeping", "legal_claims", "abusive", "not_about_them"]

OPEN: frozenset[State] = frozenset({"awaiting_proof", "in_progress", "awaiting_expiry"})
# What a slice of a case must hear from each service before it is complete.
STEPS: Mapping[Kind, tuple[Step, ...]] = {"erasure": ("done", "cleaned")}


@dataclass(frozen=True, slots=True)
class Case:
    """One request. `keys` are the raw person keys it is about, pseudonyms; it names nobody."""

    id: UUID
    kind: Kind
    jurisdiction: Jurisdiction
    customer_id: UUID
    keys: tuple[UUID, ...]
    purposes: tuple[str, ...]
    asked_through: Through
    verified_by: Proof | None
    recorded_by: str
    state: State
    reason: str | None
    received_at: datetime
    acknowledge_by: datetime | None
    acknowledged_at: datetime | None
    due_at: datetime
    extended_at: datetime | None
    rules: tuple[str, ...]
    slices: int
    finished_at: datetime | None

    def is_overdue(self, now: datetime) -> bool:
        """Whether a deadline has passed that nobody kept: of the answer, or of all of it."""
        if self.state not in OPEN:
            return False
        unanswered = self.acknowledged_at is None and self.acknowledge_by is not None and self.acknowledge_by < now
        return unanswered or self.due_at < now


@dataclass(frozen=True, slots=True)
class Progress:
    """What a service did about a slice of a case."""

    service: str
    step: Step
    slice: int
    at: datetime
    removed: Mapping[str, int]
    kept: Mapping[str, str]


def missing(kind: Kind, slices: int, holders: Iterable[str], progress: Iterable[Progress]) -> list[str]:
    """The services that have still to answer."""
    heard: Collection[tuple[str, Step, int]] = {(each.service, each.step, each.slice) for each in progress}
    wanted = STEPS.get(kind, ("done",))
    return sorted(
        {
            holder
            for holder in holders
            for step in wanted
            for number in range(1, slices + 1)
            if (holder, step, number) not in heard
        }
    )
