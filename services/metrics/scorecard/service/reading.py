"""The card as it is shown: all figures in one snapshot, from sums."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from uuid import UUID
from zoneinfo import ZoneInfo

from services.metrics.alarms.repository.raised import RaisedAlarm, raised_alarms
from services.metrics.domain import calendar
from services.metrics.domain.totals import Totals, main_currency
from services.metrics.errors import InTheFuture
from services.metrics.figures import repository as figures
from services.metrics.freshness.service import Freshness
from services.metrics.satisfaction.domain.query import METRICS, Days
from services.metrics.satisfaction.repository import own
from services.metrics.satisfaction.repository import reading as places
from services.metrics.scorecard.domain import explaining
from services.metrics.scorecard.domain.card import KINDS, Card, Explained, Group, Line, Target
from services.metrics.scorecard.domain.drafts import Draft, Maker, lines
from services.metrics.scorecard.domain.engaged import engaged
from services.metrics.scorecard.domain.explaining import Leaving, Trade
from services.metrics.scorecard.domain.kept import LATEST_DAYS, KeptFigure, kept_draft
from services.metrics.scorecard.domain.opinions import AFTER, BEFORE, Opinions
from services.metrics.scorecard.repository import reading, targets
from services.metrics.scorecard.service.gaps import gap_drafts
from services.metrics.scorecard.service.subscribed import subscribed
from services.metrics.scorecard.service.worth import HORIZON_DAYS, worth_of
from services.metrics.value.service.valuing import Value
from shared.clock import Clock
from shared.db.engine import Database, ReadTx

# Of more segments than this nobody reads a page.
MAX_SEGMENTS = 60
DIMENSIONS = ("all", "segment", "touchpoint")
Drafts = list[tuple[str, str, Draft]]
EVERYBODY = ""


@dataclass(frozen=True, slots=True)
class ScoreCard:
    """Reads the card; each use case sees one moment. `currency` and `margin` (a decimal string) are the firm's."""

    db: Database
    clock: Clock
    zone: ZoneInfo
    currency: str | None
    margin: str
    freshness: Freshness
    value: Value

    async def card(
        self, *, days: int = 90, as_of: date | None = None, currency: str | None = None
    ) -> tuple[Card, Sequence[RaisedAlarm]]:
        """Everything on the page: the `days` up to a day, beside as many before them; and the alarms that stand now.

        Raises:
            InTheFuture: the day has not come yet.
        """
        now = self.clock.now()
        today = calendar.day_of(now, self.zone)
        day = today if as_of is None else calendar.day_number(as_of)
        if day > today:
            raise InTheFuture(calendar.to_date(day), calendar.to_date(today))
        periods = {AFTER: Days(day - days + 1, day), BEFORE: Days(day - 2 * days + 1, day - days)}
        measured = await self.freshness.ends()
        worth = await self._worth(currency) if day == today else None
        async with self.db.read() as tx:
            staleness = await self.freshness.staleness(tx, measured)
            end, before = (calendar.to_date(each.last) for each in periods.values())
            make = Maker(end, before, self.zone.key, staleness, days)
            money, explained = await self._money(tx, make, periods, currency or self.currency)
            code = money[0][2].now.currency
            opinions = await self._opinions(tx, periods)
            sums = engaged(await reading.engagement(tx, periods, days))
            drafts = money + opinions.drafts(make) + await gap_drafts(tx, make, self.zone, day) + sums.drafts(make)
            drafts += await self._kept(tx, make, periods, worth)
            subscriptions = await subscribed(tx, make, periods, code)
            aims = await targets.standing(tx)
            personas = await places.personas(tx)
            alarms = await raised_alarms(tx)
        explained += [*subscriptions.explained, *opinions.explained(), sums.explained()]
        everybody, groups, is_cut = _sorted(drafts + subscriptions.drafts, aims, personas)
        card = Card(
            calendar.to_date(day),
            now,
            periods[AFTER],
            periods[BEFORE],
            days,
            self.zone.key,
            staleness,
            code,
            everybody,
            groups,
            is_cut,
            _most_first(explained),
        )
        return card, alarms

    async def _money(
        self, tx: ReadTx, make: Maker, periods: Mapping[str, Days], currency: str | None
    ) -> tuple[Drafts, list[Explained]]:
        """Revenue, what customers brought so far, and who has lapsed; and why each changed."""
        ends = [each.last for each in periods.values()]
        totals = [await figures.totals(tx, day) for day in ends]
        people = [await figures.people(tx, day, [make.days]) for day in ends]
        back = await reading.won_back(tx, ends[0], make.days)
        code = main_currency(totals[0], currency)
        rows = await figures.money_by_day(tx, periods[BEFORE].first, periods[AFTER].last)
        trades = [
            _trade(rows, period, code, each.active[make.days])
            for period, each in zip(periods.values(), people, strict=True)
        ]
        earned = [_net(each, code) * Fraction(self.margin) for each in totals]
        worth = [(net, each.customers) for net, each in zip(earned, people, strict=True)]
        left = [Leaving(each.customers, each.customers - each.active[make.days]) for each in people]
        drafts = [
            (
                EVERYBODY,
                "revenue",
                make.money("period_revenue", (trades[0].minor, None), (trades[1].minor, None), code),
            ),
            (
                EVERYBODY,
                "lapse_rate",
                make.share(
                    "lapse_rate",
                    (left[0].lapsed, left[0].customers),
                    (left[1].lapsed, left[1].customers),
                    cautions=("same_people",),
                    window_days=make.days,
                ),
            ),
            (EVERYBODY, "historical_clv", make.money("historical_clv", worth[0], worth[1], code, margin=self.margin)),
        ]
        explained = [
            explaining.revenue(trades[1], trades[0], code),
            explaining.lapse(left[1], left[0], back),
            explaining.clv(worth[1], worth[0], code),
        ]
        return drafts, explained

    async def _opinions(self, tx: ReadTx, periods: Mapping[str, Days]) -> Opinions:
        asked = await reading.asked(tx, METRICS)
        items = {item.id: item for found in asked.values() for item in found}
        answers = await reading.answers(tx, list(items), DIMENSIONS, periods) if items else []
        return Opinions.of(asked, answers, await own.formulas(tx))

    async def _worth(self, currency: str | None) -> KeptFigure:
        """What everybody will probably bring, as of now; the clock keeps it for comparisons of later days."""
        total = await self.value.total(horizon_days=HORIZON_DAYS, currency=currency)
        counted = self.clock.now() - timedelta(seconds=total.staleness_seconds or 0)
        return worth_of(total, self.margin, counted)

    async def _kept(self, tx: ReadTx, make: Maker, periods: Mapping[str, Days], worth: KeptFigure | None) -> Drafts:
        """Figures that the clock computed, of everybody and of segments; `worth` of everybody is of now."""
        ends = [each.last for each in periods.values()]
        found = await reading.kept(tx, ends)
        now, before = (
            {(each.figure, each.segment): each for each in found[day] if each.day > day - LATEST_DAYS} for day in ends
        )
        drafts: Drafts = []
        wanted = {
            f"lapse_rate:{make.days}": "lapse_rate",
            "predicted_clv": "predicted_clv",
            f"earned_growth_rate:{make.days}": "earned_growth_rate",
            f"revenue:{make.days}": "revenue",
            "mrr": "mrr",
        }
        definitions = {"revenue": "period_revenue"}
        for name, key in wanted.items():
            segments = {segment for figure, segment in now if figure == name}
            # Who has lapsed of everybody, and what everybody pays, is read live.
            everybody = () if key in ("lapse_rate", "revenue", "mrr") else (EVERYBODY,)
            for segment in (*everybody, *sorted(segments - {EVERYBODY})):
                latest = worth if key == "predicted_clv" and segment == EVERYBODY else None
                pair = latest or _kept(now, name, segment), _kept(before, name, segment)
                drafts.append((segment, key, kept_draft(definitions.get(key, key), make, *pair)))
        return drafts


def _kept(found: Mapping[tuple[str, str], reading.Kept], name: str, segment: str) -> KeptFigure | None:
    kept = found.get((name, segment))
    return None if kept is None else KeptFigure.of(kept.document)


def _trade(rows: Sequence[tuple[int, str, int, int, int]], period: Days, currency: str | None, buyers: int) -> Trade:
    own_rows = [row for row in rows if row[1] == currency and period.first <= row[0] <= period.last]
    return Trade(buyers, sum(row[2] for row in own_rows), sum(row[3] for row in own_rows))


def _net(totals: Sequence[Totals], currency: str | None) -> int:
    return sum(each.net_minor for each in totals if each.currency == currency)


def _sorted(
    drafts: Drafts, aims: Mapping[tuple[str, str], Target], personas: Mapping[str, str]
) -> tuple[list[Line], list[Group], bool]:
    """The lines of everybody, and those of each segment: personas first; in the order of the card."""
    order = {key: number for number, key in enumerate(KINDS)}
    by_segment: defaultdict[str, list[Line]] = defaultdict(list)
    for segment, line in lines(sorted(drafts, key=lambda each: (each[0], order[each[1]])), aims):
        by_segment[segment].append(line)
    described = {segment: sorted(name for name, of in personas.items() if of == segment) for segment in by_segment}
    others = sorted((not described[each], each) for each in by_segment if each != EVERYBODY)
    groups = [Group(UUID(each), described[each], by_segment[each]) for _, each in others[:MAX_SEGMENTS]]
    return by_segment[EVERYBODY], groups, len(others) > MAX_SEGMENTS


def _most_first(explained: Sequence[Explained]) -> list[Explained]:
    """What changed most, relative to what it was, first; then what cannot be said."""

    def size(each: Explained) -> tuple[bool, Fraction]:
        change = each.change
        if change is None or each.before is None:
            return True, Fraction(0)
        return False, -abs(change) / (abs(each.before) or 1)

    return sorted(explained, key=size)
