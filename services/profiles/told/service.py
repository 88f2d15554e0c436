"""Use cases of what other services tell of customers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from services.profiles.membership.domain import Touched
from services.profiles.membership.service import Membership
from services.profiles.told import repository
from services.profiles.told.domain import told
from shared.db.engine import WriteTx
from shared.events.envelope import Event


@dataclass(frozen=True, slots=True)
class ToldFacts:
    """Keeps what is told."""

    membership: Membership

    async def record(self, tx: WriteTx, events: Sequence[Event[Any]]) -> None:
        """Keep what a batch tells; of what is known already or was overtaken, nothing comes."""
        facts = told(events)
        kept = await repository.put(tx, facts)
        touched = Touched()
        for fact in facts:
            if (fact.customer_id, fact.fact) in kept:
                touched.told[fact.fact].add(fact.customer_id)
        await self.membership.refresh(tx, touched)
