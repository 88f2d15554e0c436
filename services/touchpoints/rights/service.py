"""Use cases of data rights in touchpoints."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.touchpoints.rights import repository
from services.touchpoints.rights.domain import leaves
from shared.db.engine import ReadTx, WriteTx
from shared.events.catalogue.touchpoints import TouchpointRejected
from shared.events.envelope import Event
from shared.ids import anonymous_key, user_key
from shared.observability import metrics
from shared.rights import suppression, tasks
from shared.rights.contract import Erased, Subject
from shared.rights.marks import Seal
from shared.rights.mentions import Mentions

_KEPT = {
    "touchpoints: facts on the log": "Ids, amounts and times under the pseudonymous key, on the topics "
    "orders, subscriptions and touchpoints: figures are rebuilt from them. Who has the user id from elsewhere can "
    "compute its key and find them; nobody can compute the id from a key except by trying ids.",
}


@dataclass(frozen=True, slots=True)
class TouchpointRights:
    """Reads and removes what touchpoints keeps of a person."""

    seal: Seal

    async def export(self, tx: ReadTx, subject: Subject) -> AsyncIterator[tuple[str, Any]]:
        """The journey, and what was refused and tells of the person."""
        yield "touchpoints", await repository.journey(tx, subject.keys)
        if found := await self._mentioned(tx, subject):
            yield "quarantine", await repository.refused(tx, found)
        if merged := await repository.keys_of_others(tx, subject.keys):
            yield "identity", merged

    async def erase(self, tx: WriteTx, subject: Subject) -> Erased:
        """Remove both; who is the same person as whom stays, for figures."""
        erased = Erased()
        erased.add("touchpoints", await repository.erase_journey(tx, subject.keys))
        erased.add("quarantine", await repository.erase_refused(tx, await self._mentioned(tx, subject)))
        erased.kept.update(_KEPT)
        return erased

    async def admit_refused(
        self, tx: WriteTx, events: Sequence[Event[TouchpointRejected]]
    ) -> list[Event[TouchpointRejected]]:
        """The refused events that name nobody who was erased; the others are dropped, and counted."""
        marks = {event.id: self._marks(event.data.raw) for event in events}
        gone = await suppression.suppressed(tx, {mark for found in marks.values() for mark in found})
        kept = [event for event in events if gone.isdisjoint(marks[event.id])]
        if len(kept) < len(events):
            metrics.SUPPRESSED.labels("touchpoints.quarantine").inc(len(events) - len(kept))
            await tasks.add_late(tx, [event.id for event in events if not gone.isdisjoint(marks[event.id])])
        return kept

    async def _mentioned(self, tx: ReadTx, subject: Subject) -> list[UUID]:
        """The refused events that tell of the person."""
        mentions = Mentions(subject.texts)
        found: list[UUID] = []
        after: UUID | None = None
        while page := await repository.quarantined(tx, after=after):
            found += [id_ for id_, text in page if mentions(text)]
            after = page[-1][0]
        return found

    def _marks(self, raw: str) -> set[bytes]:
        """The marks of everybody that a refused event may name."""
        found: set[bytes] = set()
        for text in leaves(raw):
            found |= {self.seal.of_key(user_key(text)), self.seal.of_key(anonymous_key(text))}
            if "@" in text:
                found.add(self.seal.of_identifier("email", text.strip().casefold()))
            elif text.lstrip("+").isdigit():
                found.add(self.seal.of_identifier("phone", text))
        return found
