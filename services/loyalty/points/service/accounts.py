"""Use cases that read: what members have, what was booked, and what the firm owes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.loyalty.points.domain.past import balance_at
from services.loyalty.points.domain.requests import Balance, Place
from services.loyalty.points.errors import EntryUnknown
from services.loyalty.points.repository import holds as hold_rows
from services.loyalty.points.repository import past, reading, standing
from services.loyalty.points.repository.holds import Hold
from services.loyalty.points.repository.reading import Entry, LotLine, Origin, Outstanding, Turnover
from services.loyalty.points.repository.standing import Standing
from services.loyalty.points.schemas import Seen
from services.loyalty.points.service.ledger import Points
from services.loyalty.programs.domain.terms import Terms
from services.loyalty.programs.service import Programs
from shared.clock import Clock
from shared.db.engine import Database, ReadTx
from shared.identity import members
from shared.identity.person import Member


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

        With `as_of` in the future, what they will have then if nothing happens: what is pending begins, and what is
        over ends. In the past, what they had then, by event time and by all that is known now: also who they are.
        """
        now = self.clock.now()
        async with self.db.read() as tx:
            at = as_of or now
            terms = await self.programs.current(tx, at)
            member = await members.find(tx, person)
            names = sorted({*terms.wallets, *await reading.wallet_names(tx, member.keys)})
            if at < now:
                balances = await _balances_at(tx, member, names, at)
            else:
                balances = await self.points.balances(tx, member, names, at=at)
        return Account(member.root, at, terms, [Seen(name, balances[name]) for name in names])

    async def entries(self, person: UUID, *, wallet: str | None, before: Place | None, limit: int) -> Sequence[Entry]:
        """The ledger of a person, the latest first; one more than `limit` if there are more."""
        async with self.db.read() as tx:
            member = await members.find(tx, person)
            return await reading.entries(tx, member.keys, wallet=wallet, before=before, limit=limit + 1)

    async def origins(self, person: UUID, entry: UUID) -> Sequence[Origin]:
        """The lots that a line of a person's ledger took its points from, those earned first first.

        Raises:
            EntryUnknown: their ledger has no such line.
        """
        async with self.db.read() as tx:
            if not await reading.is_of(tx, entry, (await members.find(tx, person)).keys):
                raise EntryUnknown
            return await reading.origins(tx, entry)

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


async def _balances_at(tx: ReadTx, member: Member, names: Iterable[str], at: datetime) -> dict[str, Balance]:
    lots, lines = await past.lots_at(tx, member.keys, at), await past.lines_to(tx, member.keys, at)
    return {name: balance_at(lots.get(name, ()), lines.get(name, ()), at) for name in names}
