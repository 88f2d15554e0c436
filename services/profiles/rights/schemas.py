"""Wire models of data rights."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field

from services.profiles.rights.domain.cases import Case, Progress, Proof, RefusalReason, State, Step, Through
from services.profiles.rights.domain.deadlines import RULES, Jurisdiction, Kind, Rule
from services.profiles.schemas import MAX_REFERENCE
from shared.http.schemas import Strict

_Hex = Annotated[str, Field(pattern=r"^([0-9a-f]{2})*$", max_length=1_000)]


class RequestIn(Strict):
    """What a person asks. Without `verified_by` the case waits until they have proved who they are."""

    kind: Literal["access", "rectification", "restriction", "objection", "erasure"]
    jurisdiction: Jurisdiction = Field("VN", description="Whose law the deadlines follow.")
    asked_through: Through = Field("web", description="How the request came in.")
    verified_by: Proof | None = Field(None, description="How the person proved who they are. No document is kept.")
    purposes: list[Annotated[str, Field(min_length=1, max_length=40)]] = Field(
        default_factory=list, max_length=50, description="Of an objection: the purposes, as they are declared."
    )
    traits: dict[str, Any] = Field(
        default_factory=dict, max_length=200, description="Of a rectification: what is right; null removes a trait."
    )


class ProofIn(Strict):
    """The person has proved who they are."""

    verified_by: Proof


class RefusalIn(Strict):
    """Why a request is not followed."""

    reason: RefusalReason


class ReadmissionIn(Strict):
    """Somebody who was erased asks to be let in again."""

    references: list[Annotated[str, Field(min_length=1, max_length=MAX_REFERENCE)]] = Field(
        min_length=1, max_length=20, examples=[["user_id:42"]], description="What they went by, as in `user_id:42`."
    )
    verified_by: Proof
    asked_through: Through = "web"
    jurisdiction: Jurisdiction = "VN"


class ProgressOut(BaseModel):
    """What a service did: `at_once` with the request, `done` in its tables, `cleaned` in its raw topics."""

    service: str
    step: Step
    slice: int
    at: datetime
    removed: dict[str, int]
    kept: dict[str, str]


class CaseOut(BaseModel):
    """A request and what became of it. It names nobody: `customer` is a pseudonym."""

    id: UUID
    kind: Kind
    state: State = Field(description="`awaiting_expiry`: a raw topic that cannot be rewritten still holds something.")
    reason: str | None
    jurisdiction: Jurisdiction
    customer: UUID
    purposes: list[str]
    asked_through: Through
    verified_by: Proof | None
    recorded_by: str = Field(description="The key that took it down.")
    received_at: datetime
    acknowledge_by: datetime | None = Field(description="By when the person is told how it is followed.")
    acknowledged_at: datetime | None = Field(description="When they were: POST /v1/rights/{case}/acknowledge.")
    due_at: datetime
    extended_at: datetime | None
    rules: list[str] = Field(description="The rules that the deadlines follow: GET /v1/rights/deadlines.")
    finished_at: datetime | None
    waiting_for: list[str] = Field(description="The services that have still to answer.")
    progress: list[ProgressOut]

    @classmethod
    def of(cls, case: Case, progress: Iterable[Progress] = (), waiting_for: Iterable[str] = ()) -> Self:
        """The wire form of a case."""
        return cls(
            id=case.id,
            kind=case.kind,
            state=case.state,
            reason=case.reason,
            jurisdiction=case.jurisdiction,
            customer=case.customer_id,
            purposes=list(case.purposes),
            asked_through=case.asked_through,
            verified_by=case.verified_by,
            recorded_by=case.recorded_by,
            received_at=case.received_at,
            acknowledge_by=case.acknowledge_by,
            acknowledged_at=case.acknowledged_at,
            due_at=case.due_at,
            extended_at=case.extended_at,
            rules=list(case.rules),
            finished_at=case.finished_at,
            waiting_for=list(waiting_for),
            progress=[
                ProgressOut(
                    service=each.service,
                    step=each.step,
                    slice=each.slice,
                    at=each.at,
                    removed=dict(each.removed),
                    kept=dict(each.kept),
                )
                for each in progress
            ],
        )


class BundleOut(BaseModel):
    """Everything that is kept of a person: by service, then by section (table)."""

    case: UUID
    customer: UUID
    as_of: datetime
    services: dict[str, dict[str, Any]]


class ReceiptIn(Strict):
    """A receipt to be verified."""

    receipt: str = Field(max_length=1_000_000)
    signature: _Hex


class ReceiptOut(BaseModel):
    """A receipt: canonical JSON, and the Ed25519 signature of its UTF-8 bytes. Anybody can verify it with the key."""

    receipt: str
    signature: str = Field(description="64 bytes as hexadecimal digits.")
    public_key: str = Field(description="32 bytes as hexadecimal digits.")


class VerdictOut(BaseModel):
    """Whether this installation signed exactly this."""

    valid: bool


class RuleOut(BaseModel):
    """A deadline as a law sets it."""

    id: str
    jurisdiction: Jurisdiction
    kinds: list[Kind]
    what: Literal["acknowledge", "complete", "extend"]
    number: int
    unit: Literal["working_days", "days", "months"]
    source: str
    valid_from: str
    is_checked: bool = Field(description="false: the strictest reading of our sources; have counsel confirm it.")

    @classmethod
    def of(cls, rule: Rule) -> Self:
        """The wire form of a rule."""
        return cls(
            id=rule.id,
            jurisdiction=rule.jurisdiction,
            kinds=list(rule.kinds),
            what=rule.what,
            number=rule.number,
            unit=rule.unit,
            source=rule.source,
            valid_from=rule.valid_from.isoformat(),
            is_checked=rule.is_checked,
        )


class DeadlinesOut(BaseModel):
    """The table of deadlines; of several rules the one valid last holds."""

    rules: list[RuleOut]

    @classmethod
    def all(cls) -> Self:
        """The whole table."""
        return cls(rules=[RuleOut.of(rule) for rule in RULES])
