"""Use case of the door: judge the events of a request, store all of them, good and bad, and only then answer."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from services.touchpoints.domain.calls import Accepted, Delivery, accept
from services.touchpoints.domain.refusal import Refusal
from services.touchpoints.domain.rejections import reject
from services.touchpoints.errors import LogUnavailable
from services.touchpoints.ingest.schemas import accept_native
from services.touchpoints.settings import TouchpointsSettings
from shared.bus.base import Bus, BusUnavailable, OutRecord
from shared.clock import Clock
from shared.events.topics import INGEST, INGEST_REJECTED
from shared.http.limits import TokenBuckets
from shared.observability import metrics

_INGEST = INGEST.name
_REJECTED = INGEST_REJECTED.name

_WARNINGS = {
    "no_amount": "The order states no amount, so no figure counts it.",
    "no_subscription_id": "The event names no subscription_id, so no figure counts it.",
}


class Verdicts(NamedTuple):
    """What became of the events of one request, which are all stored."""

    accepted: int
    duplicates: int
    rejected: Sequence[dict[str, Any]] = ()
    warnings: Sequence[dict[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class IngestService:
    """Takes events. It has no database: the log is the first durable write."""

    bus: Bus
    clock: Clock
    settings: TouchpointsSettings
    limits: TokenBuckets
    currency: str | None = None
    _accepted: dict[tuple[str, str], Any] = field(default_factory=dict)

    async def take(self, events: Sequence[Any], call: str | None, delivery: Delivery) -> Verdicts:
        """Judge and store events as Segment's SDKs send them.

        Raises:
            LogUnavailable: it is unknown whether they were stored; the same may be sent again.
        """
        judged = _Judged(delivery)
        for index, event in enumerate(events):
            try:
                judged.add(index, accept(event, call, delivery))
            except Refusal as refusal:
                judged.refuse(index, event, refusal)
        return await self._store(judged)

    async def take_native(self, events: Sequence[Any], delivery: Delivery, *, message_base: str | None) -> Verdicts:
        """Judge and store events of the typed endpoint; `message_base` is what missing message ids are made from.

        Raises:
            LogUnavailable: it is unknown whether they were stored; the same may be sent again.
        """
        judged = _Judged(delivery)
        for index, event in enumerate(events):
            try:
                judged.add(index, accept_native(event, index, delivery, message_base=message_base))
            except Refusal as refusal:
                judged.refuse(index, event, refusal)
        return await self._store(judged)

    async def _store(self, judged: "_Judged") -> Verdicts:
        if judged.records:
            try:
                await self.bus.append(judged.records)
            except BusUnavailable as error:
                raise LogUnavailable from error
        accepted = 0
        source = judged.delivery.source
        for call, number in judged.calls.items():
            accepted += number
            counter = self._accepted.get((source, call))
            if counter is None:
                counter = self._accepted[source, call] = metrics.INGEST_ACCEPTED.labels(source, call)
            counter.inc(number)
        for verdict in judged.rejected:
            metrics.INGEST_REJECTED.labels(source, verdict["code"]).inc()
        return Verdicts(accepted, judged.duplicates, judged.rejected, judged.warnings)


class _Judged:
    """The events of one request so far: records to store, verdicts to give."""

    __slots__ = ("calls", "delivery", "duplicates", "records", "rejected", "seen", "warnings")

    def __init__(self, delivery: Delivery) -> None:
        self.delivery = delivery
        self.records: list[OutRecord] = []
        self.seen: set[str] = set()
        self.calls: dict[str, int] = {}
        self.duplicates = 0
        self.rejected: list[dict[str, Any]] = []
        self.warnings: list[dict[str, Any]] = []

    def add(self, index: int, event: Accepted) -> None:
        if event.event_id in self.seen:
            self.duplicates += 1
            return
        self.seen.add(event.event_id)
        self.calls[event.call] = self.calls.get(event.call, 0) + 1
        self.records.append(OutRecord(_INGEST, event.key, event.value))
        if event.warning is not None:
            code = event.warning
            self.warnings.append(
                {"index": index, "messageId": event.message_id, "code": code, "message": _WARNINGS[code]}
            )

    def refuse(self, index: int, event: object, refusal: Refusal) -> None:
        rejected = reject(event, index, refusal, self.delivery)
        self.records.append(OutRecord(_REJECTED, rejected.key, rejected.value))
        self.rejected.append(rejected.verdict)
