"""Wire models of alarms."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from services.metrics.alarms.domain.watch import Direction, State, Watch
from services.metrics.alarms.repository.alarms import Alarm, Revision
from services.metrics.alarms.repository.arms import Arm
from services.metrics.alarms.schemas.watches import BasisOut, MissingOut, PathPointOut, WatchOut, points
from services.metrics.domain.calendar import to_date

Cause = Literal["returned", "settled", "withdrawn", "watch_changed"]
What = Literal["raised", "found", "cleared", "reopened", "moved", "withdrawn", "acknowledged"]


class LevelOut(BaseModel):
    """A figure over some days, with its 95 % interval."""

    first: date
    last: date
    n: float
    value: float | None
    low: float | None
    high: float | None

    @classmethod
    def of(cls, level: Mapping[str, Any]) -> "LevelOut":
        """The wire form."""
        return cls(**{**level, "first": to_date(level["first"]), "last": to_date(level["last"])})


class EvidenceOut(BaseModel):
    """What speaks for an alarm: the figure `before`, and `since` the change until it was over, or now."""

    definition: str
    unit: str
    before: LevelOut
    since: LevelOut
    basis: BasisOut

    @classmethod
    def of(cls, evidence: Mapping[str, Any]) -> "EvidenceOut":
        """The wire form."""
        return cls(
            definition=evidence["definition"],
            unit=evidence["unit"],
            before=LevelOut.of(evidence["before"]),
            since=LevelOut.of(evidence["since"]),
            basis=BasisOut.of(evidence["basis"]),
        )


class DatesOut(BaseModel):
    """When: the day the change began, between which days it did (95 %), when it was seen, when it was over."""

    change_day: date
    change_first: date
    change_last: date
    raised_day: date
    cleared_day: date | None

    @classmethod
    def fields(cls, said: Alarm | Revision) -> dict[str, date | None]:
        """Their values."""
        return {
            "change_day": to_date(said.change_day),
            "change_first": to_date(said.change_first),
            "change_last": to_date(said.change_last),
            "raised_day": to_date(said.raised_day),
            "cleared_day": None if said.cleared_day is None else to_date(said.cleared_day),
        }


class SeenOut(BaseModel):
    """Who has seen an alarm, and what they make of it."""

    at: datetime
    actor: str
    note: str | None


class AlarmOut(DatesOut):
    """An alarm as it is said now; `revision` counts how often that changed. `chart`: the last 90 days, in lists."""

    id: UUID
    watch: WatchOut
    direction: Direction
    state: State
    cause: Cause | None
    raised_at: datetime = Field(description="When it was first said.")
    revision: int
    evidence: EvidenceOut
    acknowledged: SeenOut | None
    chart: list[PathPointOut]

    @classmethod
    def of(cls, alarm: Alarm, watch: Watch, arm: Arm | None) -> "AlarmOut":
        """The wire form; of the arm the last days are given."""
        chart = points(arm) if arm is not None and alarm.state == "raised" else []
        return cls(**_said(alarm, watch), chart=chart)


class RevisionOut(DatesOut):
    """What was said of an alarm at some time. `found`: it was over before it was seen."""

    revision: int
    at: datetime
    what: What
    state: State
    cause: Cause | None
    by: str | None
    note: str | None

    @classmethod
    def of(cls, said: Revision) -> "RevisionOut":
        """The wire form."""
        names = ("revision", "at", "what", "state", "cause", "by", "note")
        return cls.model_validate({**DatesOut.fields(said), **{name: getattr(said, name) for name in names}})


class AlarmPathOut(AlarmOut):
    """An alarm with the path of its watch, and all that was ever said of it."""

    path: list[PathPointOut]
    revisions: list[RevisionOut]

    @classmethod
    def whole(cls, alarm: Alarm, watch: Watch, arm: Arm | None, said: Sequence[Revision]) -> "AlarmPathOut":
        """The wire form."""
        path = [] if arm is None else points(arm)
        return cls(**_said(alarm, watch), chart=[], path=path, revisions=[RevisionOut.of(each) for each in said])


def _said(alarm: Alarm, watch: Watch) -> dict[str, Any]:
    seen = None
    if alarm.acknowledged_at is not None and alarm.acknowledged_by is not None:
        seen = SeenOut(at=alarm.acknowledged_at, actor=alarm.acknowledged_by, note=alarm.note)
    names = ("id", "direction", "state", "cause", "raised_at", "revision")
    return {
        **DatesOut.fields(alarm),
        **{name: getattr(alarm, name) for name in names},
        "watch": WatchOut.of(watch),
        "evidence": EvidenceOut.of(alarm.evidence),
        "acknowledged": seen,
    }


class CannotSayOut(BaseModel):
    """A direction of a watch of which nothing can be said."""

    watch_id: UUID
    name: str
    direction: Direction
    missing: MissingOut


class AlarmsOut(BaseModel):
    """Alarms, those raised last first; and of what nothing can be said, for silence there is no good news."""

    items: list[AlarmOut]
    next_cursor: str | None
    cannot_say: list[CannotSayOut]
    false_alarms_a_year: float
