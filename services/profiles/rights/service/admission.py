"""Keeping out who was erased: by raw person key, and by everything else they went by."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from services.profiles.domain.facts import Facts
from services.profiles.rights.errors import Suppressed
from shared.db.engine import WriteTx
from shared.events.catalogue.profiles import RightsAsked
from shared.events.catalogue.touchpoints import TouchpointReceived
from shared.events.envelope import Event
from shared.ids import uuid7
from shared.observability import metrics
from shared.rights import suppression
from shared.rights.marks import Seal

_AT_ONCE = 1_000

Batch = Sequence[Event[TouchpointReceived]]


@dataclass(frozen=True, slots=True)
class Admission:
    """Asks before anything is written about somebody; until the transaction ends nobody is erased beside it."""

    seal: Seal

    async def refuse(self, tx: WriteTx, facts: Facts) -> None:
        """Refuse a request about somebody who was erased.

        Raises:
            Suppressed: it names one.
        """
        if await suppression.suppressed(tx, self._marks(facts)):
            raise Suppressed

    async def admit(self, tx: WriteTx, batch: Batch, read: Callable[[Batch], Facts]) -> tuple[Batch, Facts]:
        """The events that name nobody who was erased, and what they say; the others are dropped, and counted."""
        facts = read(batch)
        gone = await suppression.suppressed(tx, self._marks(facts))
        if not gone:
            return batch, facts
        kept: list[Event[TouchpointReceived]] = []
        late: list[Event[TouchpointReceived]] = []
        for event in batch:
            (kept if gone.isdisjoint(self._marks(read((event,)))) else late).append(event)
        metrics.SUPPRESSED.labels("profiles.touchpoints").inc(len(late))
        self._report(tx, late)
        return kept, read(kept)

    def _report(self, tx: WriteTx, late: Batch) -> None:
        """Have the raw events overwritten: who owns the log cannot see by their keys whom they name."""
        for start in range(0, len(late), _AT_ONCE):
            first, *_ = some = late[start : start + _AT_ONCE]
            asked = RightsAsked(case_id=uuid7(), kind="late", keys=(), texts=tuple(str(each.id) for each in some))
            tx.emit(Event(uuid7(), first.subject, first.recorded, first.recorded, asked))

    def _marks(self, facts: Facts) -> set[bytes]:
        """Of everybody and everything that is named."""
        keys = {
            *facts.seen,
            *(each.customer_id for each in facts.identifiers),
            *(key for key, _ in (*facts.traits, *facts.misfits)),
            *(key for pair in facts.links for key in pair),
        }
        named = {(each.type, each.value) for each in facts.identifiers}
        return {*map(self.seal.of_key, keys), *(self.seal.of_identifier(*each) for each in named)}
