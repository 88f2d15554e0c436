"""Use cases of predicted value: fit in the background, answer from the newest fit."""

import asyncio
from dataclasses import dataclass, field
from datetime import date
from time import monotonic
from uuid import UUID
from zoneinfo import ZoneInfo

from services.metrics.domain import calendar
from services.metrics.domain.changes import Changes
from services.metrics.domain.purchases import SEVERAL, history_of, together
from services.metrics.errors import InTheFuture, NoFit, UnknownCustomer
from services.metrics.figures import repository as facts
from services.metrics.freshness.service import Freshness
from services.metrics.value.domain.answers import One, Stored, Total
from services.metrics.value.domain.fitted import Fitted, Reason
from services.metrics.value.domain.fitting import HORIZON_DAYS, cuts, fitted, missing
from services.metrics.value.domain.one import predicted
from services.metrics.value.domain.worth import Question, Worth, worth
from services.metrics.value.repository import sums as repository
from services.metrics.value.repository.sums import Crowd
from shared.clock import Clock
from shared.db.engine import Database, ReadTx
from shared.identity import mapping
from shared.ids import uuid7
from shared.observability.logging import logger
from shared.rights import audit

log = logger(__name__)

# A fit is made anew each day, and when so much of what it was fitted to has moved.
MOVED = 0.01
# A back-test looks at everybody: once a day, and when this much has.
TRIED_MOVED = 0.2
# What everybody is worth is computed at most this often for one question.
_KEEP_SECONDS = 10.0
_MOST_KEPT = 64
# What everybody was worth, by fit and question, and when that was computed.
Worths = dict[tuple[UUID, Question], tuple[float, Worth]]


@dataclass(frozen=True, slots=True)
class Value:
    """Answers what is still to come. `currency` and `margin` (a decimal string) are the firm's."""

    db: Database
    clock: Clock
    zone: ZoneInfo
    currency: str | None
    margin: str
    freshness: Freshness
    kept: Worths = field(default_factory=dict)

    async def refit(self) -> int:
        """Fit each currency anew whose customers have moved, or whose fit is of another day; how many were."""
        day = calendar.day_number(self.today())
        async with self.db.read() as tx:
            found = [crowd for crowd in await repository.crowds(tx, day) if crowd.currency != SEVERAL]
        done = 0
        for crowd in found:
            if not missing(crowd.customers, crowd.repeaters, day - crowd.first_day):
                done += await self._refit(crowd, day)
        return done

    async def _refit(self, crowd: Crowd, day: int) -> bool:
        async with self.db.read() as tx:
            earlier = await repository.newest(tx, crowd.currency)
            if earlier is not None and earlier.fit.day == day and not _has_moved(earlier.fit.mark, crowd.mark, MOVED):
                return False
            base = await repository.base(tx, crowd.currency, day)
            spends = await repository.spends(tx, crowd.currency)
            rounds = None
            if earlier is None or _needs_trial(earlier.fit, crowd.mark, day):
                rounds = {
                    cut: (
                        await repository.outcomes(tx, crowd.currency, cut - HORIZON_DAYS, HORIZON_DAYS),
                        await repository.outcomes(tx, crowd.currency, cut, HORIZON_DAYS),
                    )
                    for cut in cuts(day, crowd.first_day)
                }
        fit = await asyncio.to_thread(
            fitted,
            base,
            spends,
            rounds,
            currency=crowd.currency,
            day=day,
            mark=crowd.mark,
            earlier=None if earlier is None else earlier.fit,
        )
        async with self.db.write() as tx:
            await repository.add(tx, uuid7(), self.clock.now(), fit)
        log.info("models_fitted", currency=crowd.currency, chosen=fit.chosen, reasons=list(fit.reasons))
        return True

    async def total(
        self, *, horizon_days: int = 365, annual_discount: float = 0.1, currency: str | None = None
    ) -> Total:
        """What all customers together will probably bring within the horizon, as of today."""
        today = self.today()
        asked = Question(calendar.day_number(today), horizon_days, annual_discount)
        measured = await self.freshness.ends()
        async with self.db.read() as tx:
            staleness = await self.freshness.staleness(tx, measured)
            crowds = await repository.crowds(tx, asked.day)
            code = currency or self.currency or next((c.currency for c in crowds if c.currency != SEVERAL), None)
            crowd = next((each for each in crowds if each.currency == code), None)
            stored = None if code is None else await repository.newest(tx, code)
            reasons = _reasons(crowd, stored, asked.day)
            found, age = None, 0.0
            if stored is not None and not reasons:
                found, age = await self._worth(tx, stored, asked)
        return Total(
            asked,
            today,
            code,
            0 if crowd is None else crowd.customers,
            repository.several(crowds),
            None if staleness is None else staleness + age,
            stored,
            reasons,
            found,
        )

    async def _worth(self, tx: ReadTx, stored: Stored, asked: Question) -> tuple[Worth, float]:
        """What everybody is worth, and how many seconds ago that was so."""
        now, key = monotonic(), (stored.id, asked)
        if (kept := self.kept.get(key)) is not None and now - kept[0] < _KEEP_SECONDS:
            return kept[1], now - kept[0]
        buying, spending = stored.fit.buying, stored.fit.spend
        if buying is None or spending is None:
            raise LookupError("a fit that is served has both models")
        base = await repository.base(tx, stored.fit.currency, asked.day)
        found = await asyncio.to_thread(worth, base, buying, spending, asked, float(self.margin))
        if len(self.kept) >= _MOST_KEPT:
            self.kept.clear()
        self.kept[key] = (now, found)
        return found, 0.0

    async def customer(
        self,
        customer: UUID,
        *,
        as_of: date | None = None,
        horizon_days: int = 365,
        annual_discount: float = 0.1,
    ) -> One:
        """What one person will probably do within the horizon, by what was known of their purchases up to a day.

        Raises:
            UnknownCustomer: no order of theirs is known.
            InTheFuture: the day has not come yet.
        """
        today = self.today()
        if as_of is not None and as_of > today:
            raise InTheFuture(as_of, today)
        asked = Question(calendar.day_number(as_of or today), horizon_days, annual_discount)
        measured = await self.freshness.ends()
        async with self.db.read() as tx:
            staleness = await self.freshness.staleness(tx, measured)
            root = (await mapping.roots(tx, [customer]))[customer]
            audit.saw((root,))
            keys = (await mapping.members(tx, [root]))[root]
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
            history, again = history_of(bought) if bought else (None, 0)
            stored = None
            if history is not None and history.currency != SEVERAL:
                stored = await repository.newest(tx, history.currency)
        reasons: tuple[Reason, ...] = ()
        found = None
        if history is None:
            reasons = ("no_fit_yet",)
        elif history.currency == SEVERAL:
            reasons = ("several_currencies",)
        elif stored is None or (buying := stored.fit.buying) is None or (spending := stored.fit.spend) is None:
            reasons = ("no_fit_yet",) if stored is None else stored.fit.reasons
        else:
            found = predicted(history, again, buying, spending, asked, float(self.margin), root.int % 2**32)
        code = None if history is None or history.currency == SEVERAL else history.currency
        return One(asked, as_of or today, code, root, keys, staleness, stored, reasons, found)

    async def models(self, currency: str | None = None) -> Stored:
        """The newest fit of a currency; without one, of the firm's, or of that with the most customers.

        Raises:
            NoFit: there is none, and why.
        """
        day = calendar.day_number(self.today())
        async with self.db.read() as tx:
            crowds = await repository.crowds(tx, day)
            code = currency or self.currency or next((c.currency for c in crowds if c.currency != SEVERAL), None)
            stored = None if code is None else await repository.newest(tx, code)
        if stored is None:
            raise NoFit(code, _reasons(next((each for each in crowds if each.currency == code), None), None, day))
        return stored

    @staticmethod
    def day_of(stored: Stored) -> date:
        """The day whose end a fit speaks of."""
        return calendar.to_date(stored.fit.day)

    def today(self) -> date:
        """The firm's day."""
        return self.clock.now().astimezone(self.zone).date()


def _needs_trial(fit: Fitted, mark: tuple[int, int, int], day: int) -> bool:
    return fit.day != day or fit.trial is None or _has_moved(fit.trial.mark, mark, TRIED_MOVED)


def _has_moved(old: tuple[int, int, int], new: tuple[int, int, int], share: float) -> bool:
    return any(abs(after - before) > share * abs(before) for before, after in zip(old, new, strict=True))


def _reasons(crowd: Crowd | None, stored: Stored | None, day: int) -> tuple[Reason, ...]:
    if crowd is None:
        return ("too_few_customers",)
    if few := missing(crowd.customers, crowd.repeaters, day - crowd.first_day):
        return few
    return ("no_fit_yet",) if stored is None else stored.fit.reasons
