"""Use cases that read: what members have, what was booked, and what the firm owes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.loyalty.points.domain.requests import Place
from services.loyalty.points.errors import AsOfPast
from services.loyalty.points.repository import holds as hold_rows
from services.loyalty.points.repository import reading, standing
from services.loyalty.points.repository.holds import Hold
from services.loyalty.points.repository.reading import Entry, LotLine, Outstanding, Turnover
from services.loyalty.points.repository.standing import Standing
from services.loyalty.points.schemas import Seen
from services.loyalty.points.service.ledger import Points
from services.loyalty.programs.domain.terms import Terms
from services.loyalty.programs.service import Programs
from shared.clock import Clock
from shared.db.engine import Database
from shared.identity import members


class Account(NamedTuple):
    """What a member has, as of a moment, and the terms of it."""

    root: UUID
    as_of: datetime
    terms: Terms
    seen: Sequence[Seen]


class Liability(NamedTuple):
    """What is outstanding, and what became of the rest."""

    as_of: datetime
    terms: Terms
    outstanding: Sequence[Outstanding]
    turnover: Sequence[Turnover]

    def of(self, wallet: str) -> int:
        """What members have of a wallet."""
        return sum(each.available + each.pending + each.held for each in self.outstanding if each.wallet == wallet)


@dataclass(frozen=True, slots=True)
class Accounts:
    """Reads of the ledger. A person is named by any of their keys."""

    db: Database
    clock: Clock
    programs: Programs
    points: Points

    async def get(self, person: UUID, *, as_of: datetime | None = None) -> Account:
        """What a person has in every wallet of the programmes, and in those they still have from before.

        With `as_of`, what they will have then if nothing happens: what is pending begins, and what is over ends.

        Raises:
            AsOfPast: that moment is over; the ledger tells what was.
        """
        now = self.clock.now()
        if as_of is not None and as_of < now:
            raise AsOfPast(now)
        async with self.db.read() as tx:
            now = as_of or now
            terms = await self.programs.current(tx, now)
            member = await members.find(tx, person)
            names = sorted({*terms.wallets, *await reading.wallet_names(tx, member.keys)})
            balances = await self.points.balances(tx, member, names, at=now)
        return Account(member.root, now, terms, [Seen(name, balances[name]) for name in names])

    async def entries(self, person: UUID, *, wallet: str | None, before: Place | None, limit: int) -> Sequence[Entry]:
        """The ledger of a person, the latest first; one more than `limit` if there are more."""
        async with self.db.read() as tx:
            member = await members.find(tx, person)
            return await reading.entries(tx, member.keys, wallet=wallet, before=before, limit=limit + 1)

    async def lots(
        self, person: UUID, *, wallet: str | None, is_open: bool, before: UUID | None, limit: int
    ) -> Sequence[LotLine]:
        """The lots of a person, the latest first; one more than `limit` if there are more."""
        async with self.db.read() as tx:
            member = await members.find(tx, person)
            return await reading.lots(tx, member.keys, wallet=wallet, is_open=is_open, before=before, limit=limit + 1)

    async def holds(self, person: UUID) -> Sequence[Hold]:
        """The holds of a person that stand."""
        async with self.db.read() as tx:
            return await hold_rows.open_of(tx, (await members.find(tx, person)).keys)

    async def count_standing(self) -> None:
        """Count what all members have together, for whoever watches."""
        async with self.db.write() as tx:
            await standing.count(tx, self.clock.now())

    async def standing(self) -> Sequence[Standing]:
        """What all members had together when it was counted last."""
        async with self.db.read() as tx:
            return await standing.counted(tx)

    async def liability(self) -> Liability:
        """What the firm owes its members in points, now."""
        async with self.db.read() as tx:
            now = self.clock.now()
            terms = await self.programs.current(tx, now)
            return Liability(now, terms, await reading.outstanding(tx, terms, now), await reading.turnover(tx))
