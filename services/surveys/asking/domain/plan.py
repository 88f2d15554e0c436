"""All active policies at once, made ready to be asked of every fact: most facts must cost one look-up."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from services.surveys.asking.domain.candidate import Candidate
from services.surveys.asking.domain.fact import Fact
from services.surveys.asking.domain.policy import Cancel, Match, PolicyVersion, Trigger
from services.surveys.asking.domain.predicate import Test, compiled
from services.surveys.asking.domain.sampling import wave_of
from services.surveys.asking.domain.timing import due, zone_of
from shared.ids import derived_id


class Cancelling(NamedTuple):
    """A fact that takes candidates of a survey back: those of an order, or those of a person."""

    survey_id: UUID
    event_id: UUID
    person: UUID
    order_id: str | None
    at: datetime


class _Ready(NamedTuple):
    call: str | None
    test: Test
    policy: PolicyVersion
    then: Trigger | Cancel


class Plan:
    """What active policies wait for. A fact makes at most one candidate of a survey: its first trigger that fits."""

    def __init__(self, policies: Iterable[PolicyVersion], zone: ZoneInfo) -> None:
        self._zone = zone
        self._waiting: defaultdict[tuple[str, str | None], list[_Ready]] = defaultdict(list)
        for version in policies:
            for trigger in version.policy.triggers:
                self._add(trigger.match, version, trigger)
            for cancel in version.policy.cancel_if:
                self._add(cancel.match, version, cancel)

    def _add(self, match: Match, version: PolicyVersion, then: Trigger | Cancel) -> None:
        self._waiting[match.on, match.name].append(_Ready(match.call, compiled(match.where), version, then))

    def proposed(self, fact: Fact) -> Iterator[Candidate | Cancelling]:
        """The candidates that a fact makes, and those it takes back."""
        asked: set[UUID] = set()
        for key in ((fact.on, fact.name), (fact.on, None)) if fact.name is not None else ((fact.on, None),):
            for ready in self._waiting.get(key, ()):
                if (ready.call is not None and ready.call != fact.call) or not ready.test(fact.properties):
                    continue
                survey_id = ready.policy.survey_id
                if isinstance(ready.then, Cancel):
                    by_order = ready.then.by == "order"
                    if by_order and fact.order_id is None:
                        continue
                    yield Cancelling(survey_id, fact.id, fact.person, fact.order_id if by_order else None, fact.at)
                elif survey_id not in asked and fact.at >= ready.then.since:
                    asked.add(survey_id)
                    yield self._candidate(fact, ready.policy, ready.then)

    def _candidate(self, fact: Fact, version: PolicyVersion, trigger: Trigger) -> Candidate:
        zone = fact.text("time_zone", 64)
        at = due(trigger.delay, fact.at, zone_of(zone, self._zone))
        return Candidate(
            # Of the survey and the fact, not of the policy's version: a fact that comes again proposes nobody anew.
            id=derived_id("asking", str(version.survey_id), str(fact.id)),
            survey_id=version.survey_id,
            person=fact.person,
            cause="trigger",
            cause_id=trigger.id,
            wave=wave_of(version.policy.rotates, fact.at, self._zone),
            happened_at=fact.at,
            due_at=at,
            stale_at=at + timedelta(seconds=version.policy.stale_after_seconds),
            source_id=fact.id,
            order_id=fact.order_id,
            touchpoint=fact.text(trigger.touchpoint, 100),
            stage=fact.text(trigger.stage, 100),
            staff_id=fact.text(trigger.staff),
            locale=fact.text("locale", 35),
            zone=zone,
        )
