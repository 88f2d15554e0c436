"""Brute force: figures of satisfaction from plain lists of facts, written without a look at the code under test."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from shared.events.catalogue.profiles import CustomerMerged, CustomerUnmerged, SegmentEntered, SegmentLeft
from shared.events.catalogue.surveys import SurveyAnswered, SurveyDelivered, SurveyExpired, SurveyInvited
from shared.events.envelope import Event


@dataclass
class Wanted:
    """A question to brute force."""

    kinds: dict[tuple[UUID, int, str], str]
    metric: str
    first: date
    last: date
    latest: bool = True
    inferred: bool = False
    partial: bool = False
    filters: dict[str, str] = field(default_factory=dict)
    by: str | None = None


class SlowTruth:
    """All facts, looked at again for each question."""

    def __init__(self, facts: Iterable[Event[Any]], identity: Iterable[Event[Any]], zone: ZoneInfo) -> None:
        self.zone = zone
        self.answers: dict[UUID, Event[Any]] = {}
        self.asks: dict[UUID, dict[str, Any]] = defaultdict(dict)
        self.inside: set[tuple[UUID, UUID]] = set()
        for event in facts:
            self._know(event)
        newest: dict[UUID, tuple[int, UUID | None]] = {}
        for event in identity:
            into = event.data.into_id if isinstance(event.data, CustomerMerged) else None
            assert isinstance(event.data, CustomerMerged | CustomerUnmerged)
            newest[event.data.from_id] = max(newest.get(event.data.from_id, (-1, None)), (event.data.version, into))
        self.parents = {raw: into for raw, (_, into) in newest.items() if into is not None}

    def _know(self, event: Event[Any]) -> None:
        data = event.data
        match data:
            case SurveyAnswered():
                known = self.answers.get(data.response_id)
                if known is None or known.data.revision < data.revision:
                    self.answers[data.response_id] = event
                if data.invitation_id is not None:
                    ask = self.asks[data.invitation_id]
                    if ask.get("revision", -1) < data.revision:
                        ask["revision"], ask["state"] = data.revision, data.state
            case SurveyInvited():
                self.asks[data.invitation_id]["invited"] = event
            case SurveyDelivered():
                self.asks[data.invitation_id]["delivered"] = True
            case SurveyExpired():
                self.asks[data.invitation_id]["expired"] = True
            case SegmentEntered():
                self.inside.add((event.subject, data.segment_id))
            case SegmentLeft():
                self.inside.discard((event.subject, data.segment_id))

    def root(self, raw: UUID) -> UUID:
        while raw in self.parents:
            raw = self.parents[raw]
        return raw

    def segments(self, raw: UUID) -> set[str]:
        return {str(segment) for key, segment in self.inside if self.root(key) == self.root(raw)}

    def day(self, event: Event[Any]) -> date:
        return event.time.astimezone(self.zone).date()

    def _places(self, event: Event[Any], question: str | None) -> dict[str, set[str]]:
        data = event.data
        found = {name: {getattr(data, name, None) or ""} for name in ("channel", "locale", "touchpoint", "stage")}
        found["staff"] = {data.staff_id or ""}
        found["segment"] = self.segments(event.subject)
        found["survey"] = {str(data.survey_id)}
        found["question"] = {question} if question else set()
        return found

    def _counts(self, event: Event[Any], wanted: Wanted) -> bool:
        states = {"complete", "partial"} if wanted.partial else {"complete"}
        how = {"confirmed", "inferred"} if wanted.inferred else {"confirmed"}
        in_time = wanted.first <= self.day(event) <= wanted.last
        return in_time and event.data.state in states and event.data.verification in how

    def histogram(self, wanted: Wanted) -> dict[str | None, Counter[int]]:
        """How many answers of which score, by group; None is all."""
        scored = [
            (event, each.question_id, each.score)
            for event in self.answers.values()
            if self._counts(event, wanted)
            for each in event.data.scores
        ]
        if wanted.latest:
            newest: dict[Any, Any] = {}
            for event, question, score in scored:
                whose = (self.root(event.subject), event.data.survey_id, question)
                rank = (event.time, event.data.response_id)
                if whose not in newest or newest[whose][0] < rank:
                    newest[whose] = (rank, (event, question, score))
            scored = [each for _, each in newest.values()]
        found: dict[str | None, Counter[int]] = defaultdict(Counter)
        for event, question, score in scored:
            if wanted.kinds.get((event.data.survey_id, event.data.version, question)) != wanted.metric:
                continue
            places = self._places(event, question)
            if any(value not in places[name] for name, value in wanted.filters.items()):
                continue
            found[None][score] += 1
            for value in places[wanted.by] if wanted.by else ():
                found[value][score] += 1
        return found

    def response(self, wanted: Wanted) -> dict[str | None, Counter[str]]:
        """What became of invitations, by group."""
        surveys = {survey for (survey, _, _), kind in wanted.kinds.items() if kind == wanted.metric}
        found: dict[str | None, Counter[str]] = defaultdict(Counter)
        for ask in self.asks.values():
            event = ask.get("invited")
            if event is None or event.data.survey_id not in surveys:
                continue
            if not wanted.first <= self.day(event) <= wanted.last:
                continue
            places = self._places(event, None)
            places["question"] = {
                question
                for (survey, _, question), kind in wanted.kinds.items()
                if kind == wanted.metric and survey == event.data.survey_id
            }
            if any(value not in places[name] for name, value in wanted.filters.items()):
                continue
            responded = ask.get("state") in ("partial", "complete")
            for group in (None, *(places[wanted.by] if wanted.by else ())):
                found[group]["invited"] += 1
                found[group]["delivered"] += bool(ask.get("delivered")) or responded
                found[group]["expired"] += bool(ask.get("expired")) and not responded
                found[group]["responded"] += responded
                found[group]["completed"] += ask.get("state") == "complete"
        return found
