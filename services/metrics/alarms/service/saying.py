"""What is said of an alarm when something about it changed: how it is kept, and the event that tells of it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, cast
from uuid import UUID

from services.metrics.alarms.domain.revising import Change
from services.metrics.alarms.domain.watch import Dates, Direction, Metric, Watch
from services.metrics.alarms.repository.alarms import Alarm
from services.metrics.domain.calendar import to_date
from shared.events.catalogue.metrics import AlarmCleared, AlarmRaised
from shared.events.envelope import Event
from shared.ids import uuid7

_CONTRACTS: Mapping[Metric, Literal["subscribers", "revenue"]] = {
    "subscriber_churn": "subscribers",
    "mrr_churn": "revenue",
}
_Cause = Literal["returned", "settled", "withdrawn", "watch_changed"]
Told = Event[AlarmRaised] | Event[AlarmCleared]


@dataclass(frozen=True, slots=True)
class Saying:
    """Says it of one direction of a watch, on the day after `as_of`."""

    watch: Watch
    direction: Direction
    now: datetime
    as_of: int

    def of(self, change: Change, known: Alarm | None, evidence: Mapping[str, Any] | None) -> tuple[Alarm, Told | None]:
        """The alarm as it is now, and what is told of it: only that it is raised, or is so no more."""
        alarm = self._first(change) if known is None else known
        if change.dates is None:
            alarm = alarm._replace(state="withdrawn", cause="withdrawn")
        else:
            alarm = _at(alarm, change.dates)
        if known is not None:
            alarm = alarm._replace(revision=known.revision + 1)
        alarm = alarm._replace(evidence=evidence or alarm.evidence)
        if change.what in ("raised", "reopened"):
            # Who said they had seen it meant what had been raised then.
            alarm = alarm._replace(acknowledged_at=None, acknowledged_by=None, note=None)
            return alarm, self._event(raised(self.watch, alarm, self.as_of))
        stood = known is not None and known.state == "raised"
        if stood and alarm.state != "raised":
            return alarm, self._event(cleared(self.watch, alarm, self.as_of))
        return alarm, None

    def end(self, alarm: Alarm) -> tuple[Alarm, Told]:
        """An alarm of what is watched otherwise now, or no more."""
        dates = replace(alarm.dates, cleared=max(self.as_of, alarm.raised_day), cause="watch_changed")
        ended = _at(alarm, dates)._replace(revision=alarm.revision + 1)
        return ended, self._event(cleared(self.watch, ended, self.as_of))

    def _first(self, change: Change) -> Alarm:
        if change.dates is None:
            raise ValueError("an alarm that is taken back is known")
        dates = change.dates
        return Alarm(
            id=uuid7(),
            watch_id=self.watch.id,
            watch_version=self.watch.version,
            direction=self.direction,
            state=dates.state,
            cause=dates.cause,
            change_day=dates.change,
            change_first=dates.change_first,
            change_last=dates.change_last,
            raised_day=dates.raised,
            cleared_day=dates.cleared,
            raised_at=self.now,
            revision=1,
            evidence={},
            acknowledged_at=None,
            acknowledged_by=None,
            note=None,
        )

    def _event(self, data: AlarmRaised | AlarmCleared) -> Told:
        return cast(Told, Event(uuid7(), self.watch.id, self.now, self.now, data))


def _at(alarm: Alarm, dates: Dates) -> Alarm:
    return alarm._replace(
        state=dates.state,
        cause=dates.cause,
        change_day=dates.change,
        change_first=dates.change_first,
        change_last=dates.change_last,
        raised_day=dates.raised,
        cleared_day=dates.cleared,
    )


def raised(watch: Watch, alarm: Alarm, as_of: int) -> AlarmRaised:
    """The fact that it is raised."""
    evidence = alarm.evidence
    since = evidence["since"]["value"]
    return AlarmRaised(
        alarm_id=_plain(alarm.id),
        watch_id=_plain(watch.id),
        name=watch.name,
        metric=_metric(watch),
        direction=alarm.direction,
        definition=evidence["definition"],
        unit=evidence["unit"],
        before_hundredths=round(100 * evidence["before"]["value"]),
        since_hundredths=round(100 * (evidence["before"]["value"] if since is None else since)),
        n=round(evidence["since"]["n"]),
        change_day=to_date(alarm.change_day),
        change_first=to_date(alarm.change_first),
        change_last=to_date(alarm.change_last),
        raised_day=to_date(alarm.raised_day),
        arl0_days=watch.arl0_days,
        owner=watch.owner,
        revision=alarm.revision,
        as_of=to_date(as_of),
        window_days=watch.window_days,
        survey_id=None if watch.survey_id is None else _plain(watch.survey_id),
        dimension=watch.dimension,
        value=watch.value,
        contract=_CONTRACTS.get(watch.metric),
        currency=watch.currency,
    )


def cleared(watch: Watch, alarm: Alarm, as_of: int) -> AlarmCleared:
    """The fact that it stands no more."""
    return AlarmCleared(
        alarm_id=_plain(alarm.id),
        watch_id=_plain(watch.id),
        name=watch.name,
        metric=_metric(watch),
        direction=alarm.direction,
        cause=cast(_Cause, alarm.cause),
        change_day=to_date(alarm.change_day),
        raised_day=to_date(alarm.raised_day),
        cleared_day=None if alarm.state == "withdrawn" or alarm.cleared_day is None else to_date(alarm.cleared_day),
        owner=watch.owner,
        revision=alarm.revision,
        as_of=to_date(as_of),
        contract=_CONTRACTS.get(watch.metric),
    )


def _metric(watch: Watch) -> Literal["lapse", "nps", "csat", "ces"]:
    """As events name it: who knows nothing of contracts still hears that customers leave."""
    match watch.metric:
        case "subscriber_churn" | "mrr_churn":
            return "lapse"
        case metric:
            return metric


def _plain(key: UUID) -> UUID:
    # asyncpg's are a subclass, which JSON encoders take for an unknown type.
    return UUID(int=key.int)
