"""What customers do who have no contract: each use case answers as of a day, today if none is said."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np

from services.metrics.domain import calendar
from services.metrics.domain.calendar import Period
from services.metrics.domain.figure import Frame
from services.metrics.domain.people import People
from services.metrics.domain.purchases import SEVERAL, together
from services.metrics.domain.tallies import MAX_NTH, MOST_COHORTS, place
from services.metrics.errors import BadRange, InTheFuture, UnknownCustomer
from services.metrics.figures import repository as figures
from services.metrics.figures.service import POINTS
from services.metrics.freshness.service import Freshness
from services.metrics.ledger import repository as ledger
from services.metrics.retention.domain import rfm as scoring
from services.metrics.retention.domain.cohorts import Rule, Seen, cohorts
from services.metrics.retention.domain.reasons import Reason
from services.metrics.retention.domain.recurring import Within, wait
from services.metrics.retention.domain.report import (
    CohortsAnswer,
    CustomerRfm,
    LifecycleAnswer,
    Members,
    RecurringAnswer,
    RfmAnswer,
    SegmentsAnswer,
    WindowAnswer,
)
from services.metrics.retention.domain.rfm import Crowd, Cuts, Group, Part, Scores
from services.metrics.retention.domain.survival import Curve, LeftOut, Waits
from services.metrics.retention.domain.windows import Asked, advise
from services.metrics.retention.repository import sums
from services.metrics.retention.service import subjects
from services.metrics.retention.service.scanning import Counted, Locks, Scans, Subject
from services.metrics.satisfaction.repository.reading import personas
from services.metrics.value.repository import outlooks
from shared.clock import Clock
from shared.db.engine import Database
from shared.identity import members
from shared.rights import audit

# Three years of days; each has six figures.
MAX_PERIODS = 1_100


@dataclass(frozen=True, slots=True)
class Retention:
    """Answers when silence is leaving, who comes back, and who customers are by what they did.

    `currency` is the firm's. `freshness` is that of purchases, `members_freshness` that of segments too.
    """

    db: Database
    clock: Clock
    zone: ZoneInfo
    currency: str | None
    freshness: Freshness
    members_freshness: Freshness
    locks: Locks

    async def window(self, asked: Asked, *, as_of: date | None = None, also: Sequence[int] = ()) -> WindowAnswer:
        """The inactivity window that the data recommend, and how often each is wrong; `also` are windows besides."""
        day = self._day(as_of)
        counted = await self._counted(subjects.SILENCES, day)
        waits = Waits.of(*_lengths(counted.document))
        customers = int(waits.going.sum())
        curve = Curve.of(waits)
        grouped = await self._offered(subjects.GROUPED_SILENCES, day, customers)
        left_out = None
        if grouped is not None:
            left_out = LeftOut.of(np.array(grouped.document, dtype=np.int64).T, len(curve.waiting))
        advice = advise(curve, customers, asked, also, left_out)
        frame, seen, then = self._frame(day, counted), {}, grouped
        if advice.horizon_days is not None:
            then = await self._offered(subjects.silent_then(advice.horizon_days), day, customers)
            if then is not None:
                seen = {each.days: _came_back(then.document, each.days) for each in advice.candidates}
        return WindowAnswer(frame, advice, customers, seen, grouped is None or then is None)

    async def lifecycle(
        self, period: Period, *, first: date | None = None, last: date | None = None, as_of: date | None = None
    ) -> LifecycleAnswer:
        """What customers did in each period from that of `first` to that of `last`, as far as it was over by `as_of`.

        Raises:
            InTheFuture: a day has not come yet.
            BadRange: `first` is after `last`, or the periods are too many.
        """
        day = self._day(as_of)
        to = min(day, self._day(last))
        if first is None:
            periods = calendar.last_periods(period, to, POINTS[period])
        elif (since := calendar.day_number(first)) > to:
            raise BadRange(f"from ({first}) is after to ({calendar.to_date(to)}).")
        else:
            found = calendar.periods_between(period, since, to, most=MAX_PERIODS)
            if found is None:
                raise BadRange(f"The range has more than {MAX_PERIODS} periods; ask for longer ones or fewer days.")
            periods = found
        measured = await self.freshness.ends()
        async with self.db.read() as tx:
            staleness = await self.freshness.staleness(tx, measured)
            did = await figures.lifecycles(tx, periods, day)
        over = min(day + 1, self._day(None))
        rows = [(each, did[each.period, each.start], each.end <= over) for each in periods]
        return LifecycleAnswer(Frame(calendar.to_date(day), self.zone.key, staleness), period, rows)

    async def cohorts(
        self, period: Period, rule: Rule, *, count: int | None = None, as_of: date | None = None
    ) -> CohortsAnswer:
        """The last `count` cohorts, from the first that has customers on; without, as many as a series has points."""
        day = self._day(as_of)
        periods = subjects.cohort_periods(period, day)[-(count or POINTS[period]) :]
        first = place(period, periods[0].start)
        counted = await self._scans().live(lambda tx, _: sums.cohorts(tx, period, first), day)
        rows = [] if counted is None else counted.document
        if counted is None:
            counted, older = await self._counted(subjects.COHORTS[period], day), MOST_COHORTS[period] - len(periods)
            rows = [(cohort - older, *seen) for cohort, *seen in counted.document if cohort >= older]
        found = cohorts(periods, [Seen(*row) for row in rows], rule, as_of=day, today=self._day(None))
        while found and not found[0].customers:
            found = found[1:]
        return CohortsAnswer(self._frame(day, counted), period, rule, found)

    async def recurring(self, *, as_of: date | None = None) -> RecurringAnswer:
        """Who orders again, and how long each next order takes."""
        day = self._day(as_of)
        first = await self._counted(subjects.SECOND_ORDERS, day)
        later = await self._counted(subjects.NEXT_ORDERS, day)
        second = Waits.of(*_lengths(first.document))
        again = int(second.ended.sum())
        waits = [
            wait(nth, Curve.of(Waits.of(*_split(row[1:] for row in later.document if row[0] == nth))))
            for nth in range(2, MAX_NTH + 1)
        ]
        return RecurringAnswer(
            self._frame(day, first),
            again + int(second.going.sum()),
            again,
            [Within(*row) for row in first.document["within"]],
            wait(1, Curve.of(second)),
            self._frame(day, later),
            waits,
        )

    async def rfm(self, *, currency: str | None = None, as_of: date | None = None) -> RfmAnswer:
        """Customers by recency, frequency and money."""
        day = self._day(as_of)
        counted = await self._counted(subjects.RFM, day)
        crowds = _crowds(counted)
        code = currency or self.currency or next((each for each in crowds if each != SEVERAL), None)
        crowd = None if code is None else crowds.get(code)
        reasons = ("no_purchase",) if crowd is None else crowd.reasons
        totals = [] if crowd is None or reasons else scoring.totals(crowd.parts)
        others = {each: of.customers for each, of in crowds.items() if each != code}
        grouped = await self._offered(subjects.RFM_GROUPS, day, sum(each.customers for each in crowds.values()))
        groups = None if grouped is None else _groups(grouped, code)
        frame = self._frame(day, counted)
        frames = frame, frame if grouped is None else self._frame(day, grouped)
        return RfmAnswer(frames[0], code, crowd, totals, others, reasons, groups, frames[1])

    async def customer_rfm(self, customer: UUID, *, as_of: date | None = None) -> CustomerRfm:
        """One customer's own scores, by the cut points of all.

        Raises:
            UnknownCustomer: no order of theirs is known.
        """
        day = self._day(as_of)
        async with self.db.read() as tx:
            root, keys = await members.find(tx, customer)
            audit.saw((root,))
            if not await figures.orders_of(tx, keys):
                raise UnknownCustomer
            is_refused = bool(await outlooks.refused(tx, keys))
            purchases = together(list((await ledger.activity(tx, keys)).values()) or [{}])
        bought = {bucket: each for bucket, each in purchases.items() if bucket[0] <= day}
        counted = await self._counted(subjects.RFM, day)
        currencies = {currency for _, currency in bought}
        code = next(iter(currencies)) if len(currencies) == 1 else None
        net = sum(each.net_minor for each in bought.values()) if code else None
        orders = sum(each.orders for each in bought.values())
        last = max((each for each, _ in bought), default=None)
        crowd = None if code is None else _crowds(counted).get(code)
        reasons: tuple[Reason, ...] = ("restricted",) if is_refused else _own_reasons(len(currencies), crowd)
        scores: Scores | None = None
        if crowd is not None and not reasons and last is not None and net is not None:
            scores = crowd.cuts.scores(last, orders, net)
        cuts = None if crowd is None or scores is None else crowd.cuts
        return CustomerRfm(self._frame(day, counted), root, keys, code, last, orders, net, scores, cuts, reasons)

    async def segments(self, window: int, *, is_patient: bool = False) -> SegmentsAnswer:
        """Who of the members that each segment has now has lapsed as of today; who is patient waits for the count."""
        day = self._day(None)
        silences = await self._counted(subjects.SILENCES, day)
        going = [(row[0], row[1]) for row in silences.document["going"]]
        everybody = _people([day - days for days, _ in going], [number for _, number in going], day, window)
        scans = replace(self._scans(), freshness=self.members_freshness)
        counted = await scans.offered(subjects.SEGMENTS, day, 0 if is_patient else everybody.customers)
        frame = self._frame(day, silences)
        if counted is None:
            return SegmentsAnswer(frame, window, everybody, None, None, frame)
        async with self.db.read() as tx:
            described = await personas(tx)
        none = _people((), (), day, window)
        found: list[Members] = []
        for segment, days, customers in counted.document:
            people = _people(days, customers, day, window)
            if segment is None:
                none = people
            else:
                names = [name for name, of in described.items() if of == segment]
                found.append(Members(UUID(segment), names, people))
        return SegmentsAnswer(frame, window, everybody, found, none, self._frame(day, counted))

    async def refresh(self) -> int:
        """Count anew what is being asked for; how much was."""
        return await self._scans().refresh(partial(subjects.subject_of, self.zone))

    def _scans(self) -> Scans:
        return Scans(self.db, self.clock, self.zone, self.freshness, self.locks)

    async def _counted(self, subject: Subject, day: int) -> Counted:
        return await self._scans().get(subject, day)

    async def _offered(self, subject: Subject, day: int, customers: int) -> Counted | None:
        return await self._scans().offered(subject, day, customers)

    def _frame(self, day: int, counted: Counted) -> Frame:
        return Frame(calendar.to_date(day), self.zone.key, counted.staleness_seconds)

    def _day(self, as_of: date | None) -> int:
        today = self.clock.now().astimezone(self.zone).date()
        if as_of is not None and as_of > today:
            raise InTheFuture(as_of, today)
        return calendar.day_number(as_of or today)


def _lengths(document: Mapping[str, Sequence[Sequence[int]]]) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    return [(row[0], row[1]) for row in document["ended"]], [(row[0], row[1]) for row in document["going"]]


def _split(rows: Iterable[Sequence[int]]) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    every = list(rows)
    return [(row[0], row[2]) for row in every if row[1]], [(row[0], row[2]) for row in every if not row[1]]


def _came_back(rows: Iterable[tuple[int, bool, int]], window: int) -> tuple[int, int]:
    """Of those silent for so long, who bought again; and all of them."""
    lapsed = [(is_back, number) for days, is_back, number in rows if days >= window]
    return sum(number for is_back, number in lapsed if is_back), sum(number for _, number in lapsed)


def _crowds(counted: Counted) -> dict[str, Crowd]:
    found: dict[str, Crowd] = {}
    for currency, customers, recency, frequency, money, groups in counted.document:
        cuts = Cuts(recency, frequency, [int(each) for each in money])
        parts = [Part(row[0], row[1], row[2], row[3], int(row[4]), row[5]) for row in groups]
        found[currency] = Crowd(currency, customers, cuts, parts)
    return found


def _groups(counted: Counted, currency: str | None) -> list[Group]:
    rows: list[list[Any]] = next((row[-1] for row in counted.document if row[0] == currency), [])
    return [Group(Scores(*row[:3]), row[3], row[4], int(row[5]), row[6]) for row in rows]


def _own_reasons(currencies: int, crowd: Crowd | None) -> tuple[Reason, ...]:
    if currencies > 1:
        return ("several_currencies",)
    return ("no_purchase",) if crowd is None else crowd.reasons


def _people(days: Sequence[int], customers: Sequence[int], day: int, window: int) -> People:
    """Customers by the day of their last purchase, as a whole; whether they bought once is not asked."""
    active = sum(number for last, number in zip(days, customers, strict=True) if last > day - window)
    return People(sum(customers), 0, {window: active})
