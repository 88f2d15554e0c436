"""Mirror waves and promises, taken in: each call is part of the consumer's transaction, and idempotent."""

from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from services.metrics.earned.service.taking import TABLES as JOINING
from services.metrics.gap import repository
from services.metrics.gap.domain.promises import PromiseFact, fold
from shared.db.engine import WriteTx
from shared.events.catalogue.surveys import MirrorAnswered, MirrorWaveClosed
from shared.events.envelope import Event, EventData, those_of
from shared.runtime.service import Projection

HEARD: tuple[type[EventData], ...] = (MirrorAnswered, MirrorWaveClosed)
PROMISES_GROUP = "metrics.promises"
VOICES_GROUP = "metrics.voices"
PROJECTION = Projection(tables=("mirror_waves", "mirror_answers", *JOINING), groups=(VOICES_GROUP,))


@dataclass(frozen=True, slots=True)
class Mirrors:
    """Takes in waves, and the answers that may be told."""

    async def take(self, tx: WriteTx, events: Sequence[Event[EventData]]) -> None:
        """Take facts in; the rows are the same whatever their order and number of repeats."""
        answered = [each.data for each in those_of(events, (MirrorAnswered,))]
        closed = [(each.data, each.time) for each in those_of(events, (MirrorWaveClosed,))]
        await repository.add_answers(tx, answered)
        await repository.add_waves(tx, closed)


@dataclass(frozen=True, slots=True)
class Promises:
    """Takes in what was promised, and what came of it. `zone` is the firm's: a day alone ends there."""

    zone: ZoneInfo

    async def take(self, tx: WriteTx, events: Sequence[Event[PromiseFact]]) -> None:
        """Fold facts into their promises."""
        if parts := fold(events, self.zone):
            await repository.keep_promises(tx, parts)
