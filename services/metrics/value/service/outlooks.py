"""Use cases of customers' outlook: look at whoever bought or has been silent, and tell when a band has changed."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from services.metrics.domain import calendar
from services.metrics.domain.models import gamma_gamma
from services.metrics.domain.purchases import SEVERAL, History, Purchases, history_of, together
from services.metrics.ledger import repository as ledger
from services.metrics.value.domain.fitted import Fitted
from services.metrics.value.domain.outlook import HORIZON_DAYS, Outlook, risk_band, value_band
from services.metrics.value.domain.people import People
from services.metrics.value.repository import outlooks, sums
from services.metrics.value.repository.outlooks import Known
from services.metrics.value.service.valuing import Value
from shared.db.engine import WriteTx
from shared.events.catalogue.metrics import ChurnRiskChanged, ClvBandChanged
from shared.events.envelope import Event, EventData
from shared.identity import mapping, members
from shared.ids import uuid7

AT_ONCE = 1_000
PASSES = 20
# Whoever was not heard of is looked at again within so many days, spread evenly over them.
LOOK_AGAIN_DAYS = 7
NEVER = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Outlooks:
    """Tells churn risk and value of single customers, as bands."""

    value: Value

    @staticmethod
    async def note(tx: WriteTx, keys: Collection[UUID]) -> None:
        """The purchases of these person keys changed, or whose they are."""
        if keys:
            await outlooks.enqueue(tx, keys)

    @staticmethod
    async def forbid(tx: WriteTx, keys: Collection[UUID], *, is_forbidden: bool) -> None:
        """Foretell nothing of whoever has one of these keys, or do so again; what was told of them is taken back."""
        await (outlooks.refuse if is_forbidden else outlooks.allow)(tx, keys)
        await outlooks.enqueue(tx, keys)

    async def look(self) -> int:
        """Look at all who wait and at all who are due, as many as one turn may take; how many were told of."""
        day = calendar.day_number(self.value.today())
        told = 0
        for _ in range(PASSES):
            async with self.value.db.write() as tx:
                fits = await sums.served(tx)
                if not fits:
                    return told
                waiting = await outlooks.take(tx, AT_ONCE)
                overdue = await outlooks.due(tx, day, AT_ONCE - len(waiting)) if len(waiting) < AT_ONCE else []
                if not waiting and not overdue:
                    return told
                told += await self._tell(tx, {*waiting, *overdue}, fits, day)
        return told

    async def _tell(self, tx: WriteTx, keys: Collection[UUID], fits: Mapping[str, Fitted], day: int) -> int:
        await mapping.hold(tx)
        whose = await members.find_many(tx, keys)
        families = dict(whose.values())
        persons = {*keys, *families}
        everybody = {raw for raws in families.values() for raw in raws}
        refused = await outlooks.refused(tx, everybody)
        bought = await ledger.activity(tx, everybody)
        histories = {
            root: history_of(whole)
            for root, raws in families.items()
            if refused.isdisjoint(raws)
            and (whole := _until(together([bought[raw] for raw in raws if raw in bought] or [{}]), day))
        }
        known = await outlooks.known(tx, persons)
        found = self._outlooks(histories, known, fits, day)
        events: list[EventData] = []
        kept: list[tuple[Known, int]] = []
        for person, outlook in sorted(found.items()):
            before = known.get(person)
            changes = list(_changes(before, outlook))
            version = (0 if before is None else before.version) + bool(changes)
            kept.append((Known(person, outlook.risk, outlook.value, version), day + 1 + person.int % LOOK_AGAIN_DAYS))
            events += [self._emit(tx, person, each) for each in changes]
        for person in sorted(known.keys() - found.keys()):
            before = known[person]
            farewells = list(_farewell(before))
            # The version stays, for whoever comes back later.
            kept.append((Known(person, None, None, before.version + bool(farewells)), NEVER))
            events += [self._emit(tx, person, each) for each in farewells]
        await outlooks.put(tx, kept)
        return len(events)

    def _emit(self, tx: WriteTx, person: UUID, data: EventData) -> EventData:
        now = self.value.clock.now()
        tx.emit(Event(uuid7(), person, now, now, data))
        return data

    def _outlooks(
        self,
        histories: Mapping[UUID, tuple[History, int]],
        known: Mapping[UUID, Known],
        fits: Mapping[str, Fitted],
        day: int,
    ) -> dict[UUID, Outlook]:
        """Of those whose purchases are in one currency that has a fit."""
        by_currency: defaultdict[str, list[UUID]] = defaultdict(list)
        for person, (history, _) in histories.items():
            if history.currency != SEVERAL and history.currency in fits:
                by_currency[history.currency].append(person)
        found: dict[UUID, Outlook] = {}
        for currency, persons in by_currency.items():
            risks, values = _evaluated([histories[person] for person in persons], fits[currency], day)
            mean = fits[currency].mean_minor or 0.0
            for person, risk, value in zip(persons, risks, values, strict=True):
                was = known.get(person)
                found[person] = Outlook(
                    risk_band(risk, was and was.risk),
                    round(100 * risk),
                    value_band(value, mean, was and was.value),
                    round(value * float(self.value.margin)),
                    currency,
                )
        return found


def _until(purchases: Purchases, day: int) -> Purchases:
    return {bucket: bought for bucket, bought in purchases.items() if bucket[0] <= day}


def _evaluated(histories: Sequence[tuple[History, int]], fit: Fitted, day: int) -> tuple[list[float], list[float]]:
    """Risk and value before the margin of each, a year ahead and not discounted."""
    buying, spending = fit.buying, fit.spend
    if buying is None or spending is None:
        raise LookupError("a fit that is served has both models")
    people = People.of(histories, day)
    x, recency, age, _ = people
    risks = buying.silent(x, recency, age, HORIZON_DAYS)
    ahead = buying.purchases(x, age, HORIZON_DAYS)
    spend = gamma_gamma.expected(spending, x, people.means)
    return risks.tolist(), (ahead * buying.alive(x, recency, age) * spend).tolist()


def _changes(before: Known | None, now: Outlook) -> Iterable[EventData]:
    version = (0 if before is None else before.version) + 1
    if before is None or before.risk != now.risk:
        previous = None if before is None else before.risk
        yield ChurnRiskChanged(
            band=now.risk, previous=previous, percent=now.risk_percent, horizon_days=HORIZON_DAYS, version=version
        )
    if before is None or before.value != now.value:
        yield ClvBandChanged(
            band=now.value,
            previous=None if before is None else before.value,
            value_minor=now.value_minor,
            currency=now.currency,
            horizon_days=HORIZON_DAYS,
            version=version,
        )


def _farewell(before: Known) -> Iterable[EventData]:
    version = before.version + 1
    if before.risk is not None:
        yield ChurnRiskChanged(band=None, previous=before.risk, percent=0, horizon_days=HORIZON_DAYS, version=version)
    if before.value is not None:
        yield ClvBandChanged(
            band=None, previous=before.value, value_minor=0, currency=None, horizon_days=HORIZON_DAYS, version=version
        )
