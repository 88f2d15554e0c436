"""A whole load: set up or go on, send, wait until all has settled, and judge."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from time import monotonic
from typing import Any

from shared.clock import Clock
from shared.errors import UserError
from shared.load import look
from shared.load.book import Book
from shared.load.drive import Drive, Timing
from shared.load.firm import Terms, set_up
from shared.load.journal import Journal
from shared.load.judge import Difference, Judge, Verdict
from shared.load.order import Order
from shared.load.pace import ZONE
from shared.load.plan import Planned, plan
from shared.load.watch import Watch
from shared.load.wire import Wire

# So long nothing must be on its way.
_QUIET_SECONDS = 0.6
_LOOK_SECONDS = 0.2
_AGAIN_SECONDS = 1.0

Moved = Callable[[int], None]


@dataclass
class Session:
    """One run on one journal. `before` are the totals before it."""

    wire: Wire
    clock: Clock
    journal: Journal
    order: Order
    terms: Terms
    before: dict[str, Any]
    watch: Watch
    timing: Timing = field(default_factory=Timing)
    refusals: dict[str, int] = field(default_factory=dict)
    settled_seconds: float | None = None

    @classmethod
    async def opened(cls, wire: Wire, clock: Clock, journal: Journal, order: Order) -> "Session":
        """Begin, or go on where the journal ends.

        Raises:
            UserError: the journal is of another run, or the platform refuses to be set up.
        """
        if not journal.head:
            before = await look.look_over(wire, str(_today(clock)))
            terms = await set_up(wire, order)
            journal.begin({"order": order.document(), "terms": terms.document(), "before": _plain(before)})
        kept = Order.of(journal.head["order"])
        if kept.namespace != order.namespace:
            raise UserError(f"The journal is of {kept.namespace}, not of {order.namespace}.")
        before = _exact(journal.head["before"])
        return cls(wire, clock, journal, kept, Terms(**journal.head["terms"]), before, Watch.of(kept.seconds))

    async def send(self, moved: Moved = lambda _: None) -> None:
        """Send the plan, on time."""
        drive = Drive(self.wire, self.terms, self.journal, self.watch, moved)
        self.timing = drive.timing
        looking = asyncio.create_task(self.watch.look_on(self.wire))
        try:
            await drive.run(plan(self.order))
        finally:
            looking.cancel()
            self.refusals = dict(drive.refusals)

    def book(self) -> Book:
        """What was sent and answered, also by earlier runs on this journal.

        Raises:
            UserError: acts before the last settled one have no outcome: the run was cut off, and must go on first.
        """
        book, settled = Book(), self.journal.settled
        last = max(settled, default=-1)
        for each in self._until(last):
            if each.number not in settled:
                raise UserError("The run was cut off; the same command goes on from there, and checks then.")
            book.settle(each.act, settled[each.number])
        return book

    def _until(self, last: int) -> Iterator[Planned]:
        for each in plan(self.order):
            if each.number > last:
                return
            yield each

    async def judge(self, *, at_most: int, patience_seconds: float, moved: Moved = lambda _: None) -> Verdict:
        """Compare all that was sent with what the platform says, once nothing is on its way.

        What differs is looked at again until the patience ends: some of it is counted by jobs that run now and then.
        """
        began = monotonic()
        left = await self.settled(patience_seconds)
        self.settled_seconds = monotonic() - began
        today = _today(self.clock)
        first = self.order.moment(0).astimezone(ZONE).date() - timedelta(days=1)
        judge = Judge(self.wire, self.terms, self.book(), self.before, today, first)
        verdict = whole = await judge.judge(judge.chosen(at_most, self.order.seed), moved)
        while verdict.differences and monotonic() < began + patience_seconds:
            await asyncio.sleep(_AGAIN_SECONDS)
            wrong = {each.where for each in verdict.differences} & judge.book.persons().keys()
            verdict = await judge.judge(sorted(wrong))
        late = [Difference("the platform", f"on its way to {name}", 0, number) for name, number in left.items()]
        whole.differences = [*late, *verdict.differences]
        return whole

    async def settled(self, patience_seconds: float) -> dict[str, int]:
        """Wait until nothing is on its way, in outboxes or before consumers; what still is when the patience is over.

        Nothing for a moment is not enough: what a consumer has just made of a record is in an outbox next.
        """
        quiet_since = monotonic()
        deadline = quiet_since + patience_seconds
        while True:
            left = await look.look_at_backlog(self.wire)
            now = monotonic()
            if left:
                quiet_since = now
            if now - quiet_since >= _QUIET_SECONDS or now >= deadline:
                return left
            await asyncio.sleep(_LOOK_SECONDS)

    def document(self, verdict: Verdict | None) -> dict[str, Any]:
        """The whole report as JSON."""
        return {
            "order": self.order.document(),
            "sent": self._sent(),
            "times": {kind: len(waits) for kind, waits in sorted(self.timing.waits.items())},
            "refusals": self.refusals,
            "outcomes": dict(self.wire.outcomes),
            "settled_seconds": self.settled_seconds,
            "watch": self.watch.document(),
            "verdict": None if verdict is None else verdict.document(),
        }

    def _sent(self) -> dict[str, Any]:
        timing = self.timing
        return {
            "acts": sum(map(len, timing.waits.values())),
            "events": timing.events,
            "seconds": round(timing.seconds, 3),
            "events_per_second": round(timing.events / timing.seconds, 1) if timing.seconds else None,
            "generator_late_ms": quantiles(timing.lags),
            "answered_ms": {kind: quantiles(waits) for kind, waits in sorted(timing.waits.items())},
        }


def quantiles(seconds: list[float]) -> dict[str, float]:
    """Milliseconds that so many per cent do not exceed, and the longest; from when something was due."""
    ordered = sorted(seconds)
    if not ordered:
        return {}
    shares = {f"p{share}": ordered[min(len(ordered) - 1, len(ordered) * share // 100)] for share in (50, 95, 99)}
    return {name: round(value * 1e3, 1) for name, value in {**shares, "max": ordered[-1]}.items()}


def _today(clock: Clock) -> date:
    return clock.now().astimezone(ZONE).date()


def _plain(facts: dict[str, Any]) -> dict[str, Any]:
    return {name: value if isinstance(value, int) else str(value) for name, value in facts.items()}


def _exact(document: dict[str, Any]) -> dict[str, Any]:
    return {name: value if isinstance(value, int) else Decimal(value) for name, value in document.items()}
