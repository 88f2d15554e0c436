"""Use case: the value of customers so far, of whatever they paid in, brought into one currency."""

from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction

from services.metrics.domain import calendar
from services.metrics.domain.figure import Frame
from services.metrics.domain.totals import main_currency
from services.metrics.errors import InTheFuture
from services.metrics.figures import repository as facts
from services.metrics.ledger.service import IDENTITY_GROUP, ORDERS_GROUP
from services.metrics.retention.service.scanning import Scans, Subject
from services.metrics.satisfaction.repository.reading import personas
from services.metrics.satisfaction.service.taking import GROUP as SEGMENTS_GROUP
from services.metrics.subscriptions.domain.exchange import Exchange
from services.metrics.subscriptions.repository import own
from services.metrics.value.domain.by_segment import Brought, SegmentBrought, SoFarBySegment, parts
from services.metrics.value.domain.so_far import SoFar
from services.metrics.value.domain.so_far import parts as converted_parts
from services.metrics.value.repository import by_segment as repository
from services.metrics.value.service.valuing import Value

_FIRST_DAY = -(2**31)
SEGMENTS_SUBJECT = Subject("brought_by_segment", (ORDERS_GROUP, IDENTITY_GROUP, SEGMENTS_GROUP), repository.brought)


@dataclass(frozen=True, slots=True)
class ValueSoFar:
    """Answers what customers have brought. What they will bring is `Value`'s to say."""

    value: Value

    async def by_segment(self, *, currency: str | None = None) -> SoFarBySegment:
        """The same in one currency, of each segment that there is now, as of today; persons, not keys."""
        day = calendar.day_number(self.value.today())
        measured = await self.value.freshness.ends()
        async with self.value.db.read() as tx:
            staleness = await self.value.freshness.staleness(tx, measured)
            totals = await facts.totals(tx, day)
            people = await facts.customers(tx, day)
            described = await personas(tx)
        code = main_currency(totals, currency or self.value.currency)
        frame = Frame(calendar.to_date(day), self.value.zone.key, staleness)
        margin = self.value.margin
        net = sum(each.net_minor for each in totals if each.currency == code)
        counted = await self._scans().offered(SEGMENTS_SUBJECT, day, people)
        answer = SoFarBySegment(frame, frame, code, margin, Brought(people, net), None, None, None, None)
        if counted is None or code is None:
            return answer
        found = parts(counted.document, code)
        segments = [
            SegmentBrought(part, sorted(name for name, of in described.items() if of == part), brought)
            for part, brought in sorted(found.items())
            if part not in (repository.ALL, repository.NONE, repository.OVERLAP)
        ]
        whole, none, overlap = (
            found.get(part, Brought()) for part in (repository.ALL, repository.NONE, repository.OVERLAP)
        )
        at = replace(frame, staleness_seconds=counted.staleness_seconds)
        return replace(answer, counted=at, whole=whole, segments=segments, none=none, overlap=overlap)

    async def refresh(self) -> int:
        """Count anew what is being asked for; how much was."""
        return await self._scans().refresh(lambda name: SEGMENTS_SUBJECT if name == SEGMENTS_SUBJECT.name else None)

    def _scans(self) -> Scans:
        of = self.value
        return Scans(of.db, of.clock, of.zone, of.freshness, of.locks)

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
        found = [] if code is None else converted_parts(rows, Exchange(rates, code))
        whole = [each.into_minor for each in found if each.into_minor is not None]
        figure = None
        if code is not None and len(whole) == len(found):
            margin = self.value.margin
            minor = sum(whole, Fraction(0)) * Fraction(margin)
            figure = frame.mean("historical_clv_converted", minor, people, code, margin=margin)
        return SoFar(frame, code, found, figure)
