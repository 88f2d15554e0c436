"""Use cases of reports."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple

from services.loyalty.programs.domain.calendar import day_end, local_day, month_end
from services.loyalty.programs.service import Programs
from services.loyalty.reports import repository
from services.loyalty.reports.domain import breakage, revenue
from services.loyalty.reports.domain.breakage import Fates, Rate, Why
from services.loyalty.reports.domain.grouping import By
from services.loyalty.reports.domain.revenue import Estimate, Key, Movement, Standing
from services.loyalty.reports.errors import MonthClosed, MonthNotOver
from services.loyalty.reports.repository import Line
from services.loyalty.reports.schemas import EstimateIn, EstimateOut, MovementOut, RevenueOut, UnpricedOut, month_of
from shared.clock import Clock
from shared.db.engine import Database, ReadTx
from shared.delivery.idempotency import Answer, Idempotent, remember, replayed
from shared.events.catalogue.loyalty_rows import RevenueClosed, RevenueCohortClosed
from shared.events.envelope import Event
from shared.ids import derived_id, uuid7

YEARS = timedelta(days=730)


class Spending(NamedTuple):
    """What became of points whose last day is over."""

    as_of: datetime
    since: datetime
    fates: Fates
    rate: Rate | None
    why: Why | None
    outstanding: int


@dataclass(frozen=True, slots=True)
class Reports:
    """What the firm owes in points, and the revenue that waits for them."""

    db: Database
    clock: Clock
    programs: Programs

    async def outstanding(self, by: By, track: str) -> tuple[datetime, list[Line]]:
        """What members have, in groups, now."""
        async with self.db.read() as tx:
            now = self.clock.now()
            terms = await self.programs.current(tx, now)
            return now, await repository.outstanding(tx, terms, now, by, track)

    async def spending(self, wallet: str) -> Spending:
        """How many points of a wallet members spend, by those that ended in the last two years.

        Raises:
            UnknownWallet: the programme has no such wallet.
        """
        async with self.db.read() as tx:
            now = self.clock.now()
            terms = await self.programs.current(tx, now)
            terms.wallet(wallet)
            found = await repository.fates(tx, wallet, since=now - YEARS, until=now)
            rate, why = breakage.redemption(found, ends=await repository.ends(tx, wallet))
            lines = await repository.outstanding(tx, terms, now, "kind", "")
            return Spending(
                now, now - YEARS, found, rate, why, sum(each.points for each in lines if each.wallet == wallet)
            )

    async def estimate(self, body: EstimateIn, *, by: str, idem: Idempotent | None) -> Answer:
        """Say what a point is worth from a month on.

        Raises:
            UnknownWallet: the programme has no such wallet.
            MonthClosed: that month, or one after it, is closed.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            await repository.claim(tx)
            now = self.clock.now()
            (await self.programs.current(tx, now)).wallet(body.wallet)
            await _open(tx, body.estimate.month)
            await repository.put_estimate(tx, body.wallet, body.currency, body.estimate, now=now, by=by)
            said = EstimateOut.of(body.wallet, body.currency, body.estimate)
            answer = Answer(200, said.model_dump_json().encode())
            await remember(tx, idem, answer)
            return answer

    async def estimates(self) -> list[tuple[str, str, Estimate]]:
        """All estimates."""
        async with self.db.read() as tx:
            found = await repository.estimates(tx)
        return [(*place, each) for place, several in found.items() for each in several]

    async def revenue(self, month: date) -> RevenueOut:
        """The period after the last closed month up to the end of this one."""
        async with self.db.read() as tx:
            return await self._revenue(tx, month)

    async def close(self, month: date, *, by: str, idem: Idempotent | None) -> Answer:
        """Close a period: what it says stays, and what turns out later belongs to the next.

        Raises:
            MonthClosed: it is closed, or one after it.
            MonthNotOver: somewhere it is not over yet.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            await repository.claim(tx)
            await _open(tx, month)
            now = self.clock.now()
            terms = await self.programs.current(tx, now)
            last = month_end(month.year, month.month)
            zones = {terms.time_zone, *map(terms.zone_in, terms.zones)}
            if any(now < day_end(last, zone) for zone in zones):
                raise MonthNotOver
            standing, _ = await self._standing(tx, month)
            await repository.close(tx, month, sorted(standing.items()), now=now, by=by)
            subject = derived_id("revenue month", month.isoformat())
            for fact in _closed(month, standing, now, by):
                tx.emit(Event(uuid7(), subject, now, now, fact))
            answer = Answer(200, (await self._revenue(tx, month)).model_dump_json().encode())
            await remember(tx, idem, answer)
            return answer

    async def this_month(self) -> date:
        """The first day of the month, by the days of the main programme."""
        async with self.db.read() as tx:
            now = self.clock.now()
            return local_day(now, (await self.programs.current(tx, now)).time_zone).replace(day=1)

    async def _revenue(self, tx: ReadTx, month: date) -> RevenueOut:
        after = await repository.last_closed(tx, before=month)
        is_closed = await repository.is_closed(tx, month)
        standing, unpriced = await self._standing(tx, month)
        if is_closed:
            standing = await repository.closed(tx, month)
        found = revenue.movements(await repository.closed(tx, after) if after else {}, standing)
        return RevenueOut(
            month=month_of(month),
            after=after and month_of(after),
            is_closed=is_closed,
            totals=[
                MovementOut.of(wallet, currency, None, said) for (wallet, currency), said in _totals(found).items()
            ],
            cohorts=[MovementOut.of(*key, said) for key, said in found.items() if any(said)],
            cannot_say=unpriced,
        )

    async def _standing(self, tx: ReadTx, month: date) -> tuple[dict[Key, Standing], list[UnpricedOut]]:
        """What is deferred and recognised by the end of a month, as all is known now; and what nobody can say."""
        terms = await self.programs.current(tx, self.clock.now())
        estimates = await repository.estimates(tx)
        found: dict[Key, Standing] = {}
        unpriced: list[UnpricedOut] = []
        for each in await repository.sold(tx, terms, month_end(month.year, month.month) + timedelta(days=1)):
            current = revenue.in_force(estimates.get((each.key.wallet, each.key.currency), ()), month)
            if each.deferred_minor is None or current is None:
                unpriced.append(UnpricedOut.of(each.key, each.points.earned))
                continue
            known = revenue.recognised(each.deferred_minor, each.points, current.redemption_rate)
            found[each.key] = Standing(each.deferred_minor, known)
        return found, unpriced


def _closed(
    month: date, standing: Mapping[Key, Standing], now: datetime, by: str
) -> Iterator[RevenueClosed | RevenueCohortClosed]:
    """What is told of a period that was closed: that it was, then each of its rows."""
    yield RevenueClosed(month=month, closed_at=now, by=by)
    for key, what in sorted(standing.items()):
        yield RevenueCohortClosed(
            month=month,
            wallet=key.wallet,
            currency=key.currency,
            cohort=key.cohort,
            deferred_minor=what.deferred,
            recognised_minor=what.recognised,
        )


async def _open(tx: ReadTx, month: date) -> None:
    closed = await repository.last_closed(tx)
    if closed is not None and month <= closed:
        raise MonthClosed(month_of(closed))


def _totals(found: Mapping[Key, Movement]) -> dict[tuple[str, str], Movement]:
    sums: dict[tuple[str, str], Movement] = {}
    for key, said in found.items():
        place = key.wallet, key.currency
        sums[place] = sums[place].plus(said) if place in sums else said
    return sums
