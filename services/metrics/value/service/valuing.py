"""Use cases of predicted value: answers from the newest fit, as of today or any day before."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from typing import Any, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np

from services.metrics.domain import calendar
from services.metrics.domain.changes import Changes
from services.metrics.domain.models import gamma_gamma
from services.metrics.domain.models.histories import Ints
from services.metrics.domain.purchases import SEVERAL, history_of, together
from services.metrics.errors import InTheFuture, NoFit, UnknownCustomer
from services.metrics.figures import repository as facts
from services.metrics.freshness.service import Freshness
from services.metrics.ledger.service import IDENTITY_GROUP, ORDERS_GROUP
from services.metrics.retention.service.scanning import Locks, Scans, Subject, locks
from services.metrics.satisfaction.service.taking import GROUP as SEGMENTS_GROUP
from services.metrics.value.domain.answers import LIVING, PAST, Asking, Counted, One, Stored, Total, Valued, id_of
from services.metrics.value.domain.buying import Buying
from services.metrics.value.domain.fitted import Fitted, Reason
from services.metrics.value.domain.fitting import missing
from services.metrics.value.domain.one import predicted
from services.metrics.value.domain.worth import Base, Living, Question, uncertainty, worths
from services.metrics.value.repository import sums as repository
from services.metrics.value.repository.sums import Crowd, crowd_of
from shared.clock import Clock
from shared.db.engine import Database, ReadTx
from shared.identity import members
from shared.rights import audit

# The plain question, which is counted in the background before anybody asks it.
HORIZON_DAYS, ANNUAL_DISCOUNT = 365, 0.1
_HEARD = (ORDERS_GROUP, IDENTITY_GROUP, SEGMENTS_GROUP)
_K = TypeVar("_K")
# Fits are made anew each day on which somebody has bought, or could have.
_FRESH = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Value:
    """Answers what is still to come. `currency` and `margin` (a decimal string) are the firm's."""

    db: Database
    clock: Clock
    zone: ZoneInfo
    currency: str | None
    margin: str
    freshness: Freshness
    locks: Locks = field(default_factory=locks)

    async def total(
        self,
        *,
        as_of: date | None = None,
        segment: UUID | None = None,
        horizon_days: int = HORIZON_DAYS,
        annual_discount: float = ANNUAL_DISCOUNT,
        currency: str | None = None,
    ) -> Total:
        """What all customers together, or those in a segment now, will probably bring within the horizon.

        As of a past day by what they had bought up to it, as is known now; by the fit of that day, or the first after.
        Of many customers a segment is counted in the background while it is being asked for, and says how old it is.
        Everybody is counted before anybody asks, as of today and of all past days, for any time ahead and any discount.

        Raises:
            InTheFuture: the day has not come yet.
        """
        asked = Question(self._day(as_of), horizon_days, annual_discount)
        asking = Asking(currency or self.currency, segment, horizon_days, annual_discount)
        if segment is None and asked.day < self._day(None):
            found, stored, staleness = await self._past(asking, asked)
            return found.total(asked, segment, stored, staleness)
        counted = await self._scans().get(
            self._everybody(asking) if segment is None else self._subject(asking), asked.day
        )
        found = Counted.of(counted.document)
        stored = None
        if found.fit_id is not None:
            async with self.db.read() as tx:
                stored = await repository.stored(tx, UUID(found.fit_id))
        is_plain = (horizon_days, annual_discount) == (HORIZON_DAYS, ANNUAL_DISCOUNT)
        if found.living is not None and stored is not None and not (is_plain and found.found is not None):
            found = found._replace(found=await asyncio.to_thread(self._of_living, found.living, stored.fit, asked))
        return found.total(asked, segment, stored, counted.staleness_seconds)

    async def _past(self, asking: Asking, asked: Question) -> tuple[Counted, Stored | None, float | None]:
        """As of a past day, by the fit that serves it now: known since the last walk through them, or counted."""
        subject = self._lived(asking.currency)
        counted = await self._scans().get(subject, asked.day)
        found = Counted.of(counted.document)
        stored = await self._serving(found.currency, asked.day)
        if found.fit_id != id_of(stored):
            counted = await self._scans().count(subject, asked.day)
            found = Counted.of(counted.document)
            stored = await self._serving(found.currency, asked.day)
        if found.living is not None and stored is not None:
            found = found._replace(found=await asyncio.to_thread(self._of_living, found.living, stored.fit, asked))
        return found, stored, counted.staleness_seconds

    async def _serving(self, currency: str | None, day: int) -> Stored | None:
        if currency is None:
            return None
        async with self.db.read() as tx:
            return await repository.newest(tx, currency, day)

    async def currencies(self) -> list[str]:
        """Those that models were fitted for in the last days, served or withheld."""
        async with self.db.read() as tx:
            return await repository.currencies(tx, self.clock.now() - _FRESH)

    async def refresh(self) -> int:
        """Count anew what is being asked for, and everybody before anybody asks; how much was."""
        scans = self._scans()
        plain = Asking(self.currency, None, HORIZON_DAYS, ANNUAL_DISCOUNT)
        await scans.get(self._everybody(plain), self._day(None))
        return await scans.refresh(self._subject_named)

    def _scans(self) -> Scans:
        return Scans(self.db, self.clock, self.zone, self.freshness, self.locks)

    def _subject(self, asking: Asking) -> Subject:
        return Subject(asking.name, _HEARD, partial(self._count, asking), also=partial(self._made_by, asking))

    def _everybody(self, asking: Asking) -> Subject:
        return Subject(asking.living, _HEARD, partial(self._count_living, asking), also=partial(self._made_by, asking))

    def _lived(self, currency: str | None) -> Subject:
        return Subject(
            Asking.of_past(currency),
            (ORDERS_GROUP, IDENTITY_GROUP),
            partial(self._count_past, currency),
            is_walked=True,
        )

    def _subject_named(self, name: str) -> Subject | None:
        kind, _, currency = name.partition("|")
        if kind == PAST:
            return self._lived(currency or None)
        if kind == LIVING:
            return self._everybody(Asking(currency or None, None, HORIZON_DAYS, ANNUAL_DISCOUNT))
        asking = Asking.named(name)
        return None if asking is None else self._subject(asking)

    async def _made_by(self, asking: Asking, tx: ReadTx) -> str:
        return f"{self.margin} {await repository.newest_id(tx, asking.currency)}"

    async def _count(self, asking: Asking, tx: ReadTx, day: int) -> dict[str, Any]:
        asked, segment = Question(day, asking.horizon_days, asking.annual_discount), asking.segment
        if segment is None and day == calendar.day_number(self.today()):
            # Asked for of a day that was to come, and has.
            return await self._count_living(asking, tx, day)
        bases = (await repository.bases(tx, day, None if segment is None else [segment])).get(segment, {})
        counted, stored = await self._whom(tx, asking, day, crowds_of(bases))
        if stored is None or counted.reasons or counted.currency not in bases:
            return counted.document()
        of = self.valued_parts if segment is not None else self.valued
        found = await asyncio.to_thread(of, {segment: bases[counted.currency]}, stored.fit, asked)
        return counted._replace(found=found[segment]).document()

    async def _count_past(self, currency: str | None, tx: ReadTx, day: int) -> dict[str, Any]:
        bases = (await repository.bases(tx, day)).get(None, {})
        asking = Asking(currency, None, HORIZON_DAYS, ANNUAL_DISCOUNT)
        counted, stored = await self._whom(tx, asking, day, crowds_of(bases))
        if stored is None or counted.reasons or counted.currency not in bases:
            return counted.document()
        living = await asyncio.to_thread(Living.of, bases[counted.currency], *models_of(stored.fit), day)
        return counted._replace(living=living).document()

    async def _count_living(self, asking: Asking, tx: ReadTx, day: int) -> dict[str, Any]:
        counted, stored = await self._whom(tx, asking, day, await repository.crowds(tx, day))
        if stored is None or counted.reasons or counted.currency is None:
            return counted.document()
        base = await repository.base(tx, counted.currency, day)
        living = await asyncio.to_thread(Living.of, base, *models_of(stored.fit), day)
        # The plain question with it: nearly all ask that one.
        plain = self._of_living(living, stored.fit, Question(day, HORIZON_DAYS, ANNUAL_DISCOUNT))
        return counted._replace(living=living, found=plain).document()

    async def _whom(self, tx: ReadTx, asking: Asking, day: int, crowds: list[Crowd]) -> tuple[Counted, Stored | None]:
        """Who is asked about, and by which fit; not yet what they are worth."""
        code = asking.currency or main_of(crowds)
        stored = None if code is None else await repository.newest(tx, code, day)
        return whom(code, crowds, stored, day, is_part=asking.segment is not None), stored

    def _of_living(self, living: Living, fit: Fitted, asked: Question) -> Valued:
        buying, _ = models_of(fit)
        found = living.worth(buying, asked, float(self.margin))
        return Valued(found, *fit.spread(fit.error or 0.0, found.purchases))

    def valued(self, bases: Mapping[_K, Base], fit: Fitted, asked: Question) -> dict[_K, Valued]:
        """What the customers of each base are worth by a fit that is served, all of the fit's currency.

        They are taken to be as sure as the whole is.
        """
        whole, group, buying, spending = _parts(bases, fit)
        found = worths(whole, group, len(bases), buying, spending, asked, float(self.margin))
        return {
            name: Valued(each, *fit.spread(fit.error or 0.0, each.purchases))
            for name, each in zip(bases, found, strict=True)
        }

    def valued_parts(self, bases: Mapping[_K, Base], fit: Fitted, asked: Question) -> dict[_K, Valued]:
        """The same of parts of the firm, each with the standard error that is its own."""
        found = self.valued(bases, fit, asked)
        if (covariances := fit.covariances) is None:
            return found
        whole, group, buying, spending = _parts(bases, fit)
        errors = uncertainty(whole, group, len(bases), buying, spending, covariances, asked)
        return {
            name: Valued(each.worth, *fit.spread(float(error), each.worth.purchases))
            for (name, each), error in zip(found.items(), errors, strict=True)
        }

    async def customer(
        self,
        customer: UUID,
        *,
        as_of: date | None = None,
        horizon_days: int = 365,
        annual_discount: float = 0.1,
    ) -> One:
        """What one person will probably do within the horizon, by what they had bought up to a day.

        Raises:
            UnknownCustomer: no order of theirs is known.
            InTheFuture: the day has not come yet.
        """
        asked = Question(self._day(as_of), horizon_days, annual_discount)
        measured = await self.freshness.ends()
        async with self.db.read() as tx:
            staleness = await self.freshness.staleness(tx, measured)
            root, keys = await members.find(tx, customer)
            audit.saw((root,))
            changes = Changes(self.zone)
            for order in await facts.orders_of(tx, keys):
                changes.replace(None, order)
            if not changes.money and not changes.purchases:
                raise UnknownCustomer
            bought = {
                bucket: each
                for bucket, each in together(list(changes.purchases.values()) or [{}]).items()
                if bucket[0] <= asked.day
            }
            history = history_of(bought) if bought else None
            code = None if history is None or history[0].currency == SEVERAL else history[0].currency
            stored = None if code is None else await repository.newest(tx, code, asked.day)
        fit = None if stored is None else stored.fit
        reasons: tuple[Reason, ...] = ()
        found = None
        if history is None:
            reasons = ("no_purchase_yet",)
        elif code is None:
            reasons = ("several_currencies",)
        elif fit is None or (buying := fit.buying) is None or (spending := fit.spend) is None:
            reasons = ("no_fit_yet",) if fit is None else fit.reasons
        else:
            margin, seed = float(self.margin), root.int % 2**32
            found = predicted(*history, buying, spending, asked, margin=margin, widths=fit.widths, seed=seed)
        return One(asked, calendar.to_date(asked.day), code, root, keys, staleness, stored, reasons, found)

    async def models(self, currency: str | None = None, as_of: date | None = None) -> Stored:
        """The newest fit of a currency, or that of a day; without one, of the firm's, or of that with most customers.

        Raises:
            NoFit: there is none, and why.
            InTheFuture: the day has not come yet.
        """
        day = self._day(as_of)
        async with self.db.read() as tx:
            crowds = await repository.crowds(tx, day)
            code = currency or self.currency or main_of(crowds)
            stored = None if code is None else await repository.newest(tx, code, day)
        if stored is None:
            crowd = next((each for each in crowds if each.currency == code), None)
            raise NoFit(code, _reasons(crowd, None, day, is_part=False))
        return stored

    def today(self) -> date:
        """The firm's day."""
        return self.clock.now().astimezone(self.zone).date()

    def _day(self, as_of: date | None) -> int:
        today = self.today()
        if as_of is not None and as_of > today:
            raise InTheFuture(as_of, today)
        return calendar.day_number(as_of or today)


def whom(code: str | None, crowds: list[Crowd], stored: Stored | None, day: int, *, is_part: bool) -> Counted:
    """Who is asked about, and why nothing can be said of them, if so; not yet what they are worth."""
    crowd = next((each for each in crowds if each.currency == code), None)
    several = repository.several(crowds)
    reasons = _reasons(crowd, stored, day, is_part=is_part)
    if several and (crowd is None or "too_few_customers" in reasons):
        reasons = (*reasons, "several_currencies")
    customers = 0 if crowd is None else crowd.customers
    return Counted(code, customers, several, id_of(stored), reasons, None)


def _parts(bases: Mapping[_K, Base], fit: Fitted) -> tuple[Base, Ints, Buying, gamma_gamma.Parameters]:
    """All rows together, which base each is of, and the models."""
    group = np.repeat(np.arange(len(bases)), [len(each.repeats) for each in bases.values()])
    return Base.joined(list(bases.values())), group, *models_of(fit)


def models_of(fit: Fitted) -> tuple[Buying, gamma_gamma.Parameters]:
    """The models of buying and of spending that are served."""
    if (buying := fit.buying) is None or (spending := fit.spend) is None:
        raise LookupError("a fit that is served has both models")
    return buying, spending


def crowds_of(bases: Mapping[str, Base]) -> list[Crowd]:
    """The customers of each currency, the most first."""
    found = [crowd_of(currency, base) for currency, base in bases.items()]
    return sorted(found, key=lambda each: (-each.customers, each.currency))


def main_of(crowds: list[Crowd]) -> str | None:
    """The currency of most customers, of those who bought in one."""
    return next((each.currency for each in crowds if each.currency != SEVERAL), None)


def _reasons(crowd: Crowd | None, stored: Stored | None, day: int, *, is_part: bool) -> tuple[Reason, ...]:
    """Why nothing can be said; of a part of the firm however small, where it can be of the whole."""
    if crowd is None:
        return ("no_purchase_yet",) if is_part else ("too_few_customers",)
    if not is_part and (few := missing(crowd.customers, crowd.repeaters, day - crowd.first_day)):
        return few
    return ("no_fit_yet",) if stored is None else stored.fit.reasons
