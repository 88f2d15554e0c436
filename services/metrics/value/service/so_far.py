"""Use case: the value of customers so far, of whatever they paid in, brought into one currency."""

from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from services.metrics.domain import calendar
from services.metrics.domain.figure import Frame
from services.metrics.domain.totals import main_currency
from services.metrics.errors import InTheFuture
from services.metrics.figures import repository as facts
from services.metrics.subscriptions.domain.exchange import Exchange
from services.metrics.subscriptions.repository import own
from services.metrics.value.domain.so_far import SoFar, parts
from services.metrics.value.service.valuing import Value

_FIRST_DAY = -(2**31)


@dataclass(frozen=True, slots=True)
class ValueSoFar:
    """Answers what customers have brought. What they will bring is `Value`'s to say."""

    value: Value

    async def converted(self, *, as_of: date | None = None, currency: str | None = None) -> SoFar:
        """Net revenue times margin per customer up to a day, each amount at the rate of its own day.

        Raises:
            InTheFuture: the day has not come yet.
        """
        today = self.value.today()
        if as_of is not None and as_of > today:
            raise InTheFuture(as_of, today)
        day = calendar.day_number(as_of or today)
        measured = await self.value.freshness.ends()
        async with self.value.db.read() as tx:
            staleness = await self.value.freshness.staleness(tx, measured)
            totals = await facts.totals(tx, day)
            code = main_currency(totals, currency or self.value.currency)
            rates = [] if code is None else await own.rates(tx, code)
            money = await facts.money_by_day(tx, _FIRST_DAY, day)
            people = await facts.customers(tx, day)
        frame = Frame(calendar.to_date(day), self.value.zone.key, staleness)
        rows = [(at, of, gross - refunds) for at, of, orders, gross, refunds in money if orders or gross or refunds]
        found = [] if code is None else parts(rows, Exchange(rates, code))
        whole = [each.into_minor for each in found if each.into_minor is not None]
        figure = None
        if code is not None and len(whole) == len(found):
            margin = self.value.margin
            minor = sum(whole, Fraction(0)) * Fraction(margin)
            figure = frame.mean("historical_clv_converted", minor, people, code, margin=margin)
        return SoFar(frame, code, found, figure)
