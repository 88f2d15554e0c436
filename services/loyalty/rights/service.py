"""Use cases of data rights in loyalty."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from services.loyalty.pools.service import Pools
from services.loyalty.rights import repository
from services.loyalty.rights.domain import PLACES
from services.loyalty.tiers.service.standings import forget_near
from shared.clock import Clock
from shared.db.engine import ReadTx, WriteTx
from shared.identity import members
from shared.rights.contract import Erased, Subject

_KEPT = {
    "loyalty: the ledger, orders, tiers, vouchers, claims and referrals": "Points, amounts, order ids and times under "
    "the pseudonymous key: books of points and of money must be kept, and every sum must still add up. The key is a "
    "hash of the user id without a secret: who has the id from elsewhere can find it; nothing here names the person."
}


@dataclass(frozen=True, slots=True)
class LoyaltyRights:
    """Says what loyalty keeps of a person, and forgets what names them."""

    pools: Pools
    clock: Clock

    async def export(self, tx: ReadTx, subject: Subject) -> AsyncIterator[tuple[str, Any]]:
        """Everything under the person's keys: by table, where there is anything."""
        for place in PLACES:
            if found := await repository.rows(tx, place, subject.keys):
                yield place.table, found
        if held := await repository.codes(tx, subject.keys):
            yield "codes", held

    async def erase(self, tx: WriteTx, subject: Subject) -> Erased:
        """Remove what only tells who somebody is, and all words that people wrote; the books stay as they are."""
        # Pools are locked before persons.
        await self.pools.forget(tx, subject.keys)
        await members.lock_many(tx, subject.keys)
        erased = Erased(kept=dict(_KEPT))
        erased.add("tier_near", await forget_near(tx, subject.keys, self.clock.now()))
        for place in PLACES:
            if place.goes:
                erased.add(place.table, await repository.remove(tx, place, subject.keys))
            elif place.words:
                erased.add(f"{place.table} (words)", await repository.forget_words(tx, place, subject.keys))
        erased.add("codes (what opens them)", await repository.forget_codes(tx, subject.keys))
        return erased
