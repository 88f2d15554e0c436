"""Use cases of customers: take in touchpoints and requests, and say who somebody is.

What is said of a customer is stored under the raw person key it was said of; a person is the union over the keys of
one root. So a merge and an unmerge move no row, and give back exactly what was there before.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.profiles import repository
from services.profiles.domain.facts import Facts, Reader
from services.profiles.domain.traits import announced
from services.profiles.identity import service as identity
from services.profiles.identity.service import Author
from services.profiles.settings import ProfilesSettings
from shared.clock import Clock
from shared.db.engine import Database, WriteTx
from shared.events.catalogue.profiles import CustomerCreated, TraitsChanged
from shared.events.catalogue.touchpoints import TouchpointReceived
from shared.events.envelope import Event
from shared.ids import uuid7
from shared.observability.logging import logger

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class ProfilesService:
    """Who the customers are."""

    db: Database
    clock: Clock
    settings: ProfilesSettings
    reader: Reader

    async def record(self, tx: WriteTx, batch: Sequence[Event[TouchpointReceived]]) -> None:
        """Take in a batch of touchpoints."""
        facts = Facts()
        for event in batch:
            self.reader.observe(facts, event)
        if facts.refused:
            log.warning(
                "traits_refused",
                bad_names=len(facts.refused.bad_names),
                too_large=len(facts.refused.too_large),
            )
        await self.store(tx, facts)

    async def store(self, tx: WriteTx, facts: Facts) -> set[UUID]:
        """Write facts and announce what they change; the raw keys of customers that are new."""
        now = self.clock.now()
        changes = [each for each in await repository.put_traits(tx, facts.traits) if each.is_change]
        if facts.traits:
            await self._forget_oldest_traits(tx, facts)
        named = await repository.put_identifiers(tx, facts.identifiers)
        changed = named | {each.customer_id for each in changes}
        new = await repository.put_customers(tx, facts.seen, changed=changed, now=now)
        for key in new:
            seen = facts.seen[key]
            created = CustomerCreated(identified=seen.is_identified, source=seen.source)
            tx.emit(Event(uuid7(), key, seen.first, now, created))
        self._announce_traits(tx, facts, changes, now)
        await identity.take_in(tx, facts.links, Author(now))
        return set(new)

    async def _forget_oldest_traits(self, tx: WriteTx, facts: Facts) -> None:
        customers = {customer_id for customer_id, _ in facts.traits}
        gone = await repository.forget_oldest_traits(tx, customers, keep=self.settings.max_traits)
        if gone:
            log.warning("traits_over_limit", forgotten=gone, limit=self.settings.max_traits)

    def _announce_traits(self, tx: WriteTx, facts: Facts, changes: Sequence[repository.Change], now: datetime) -> None:
        names: defaultdict[tuple[UUID, str], set[str]] = defaultdict(set)
        times: dict[tuple[UUID, str], datetime] = {}
        for change in changes:
            write = facts.traits[change.customer_id, change.name]
            said = change.customer_id, write.source
            names[said].add(change.name)
            times[said] = max(times.get(said, write.time), write.time)
        for (customer_id, source), changed in names.items():
            moved = TraitsChanged(names=announced(changed), source=source)
            tx.emit(Event(uuid7(), customer_id, times[customer_id, source], now, moved))
