"""Ask without effect: what a rule would have given, what a basket would earn, why somebody has the points they have."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_HALF_EVEN
from uuid import UUID

from services.loyalty.audience import repository as audience
from services.loyalty.earning.domain.book import Rulebook, RuleVersion
from services.loyalty.earning.domain.history import Considered, Rules, outcome
from services.loyalty.earning.errors import BadQuote, BadRule, FactUnknown
from services.loyalty.earning.repository import awards, rules
from services.loyalty.earning.repository.awards import Listed, Place
from services.loyalty.earning.schemas.explaining import (
    QUOTED,
    CostOut,
    PreviewIn,
    PreviewOut,
    QuoteIn,
    SampleOut,
    WhyOut,
)
from services.loyalty.earning.service.histories import histories, rules_of
from services.loyalty.earning.service.rules import rule_problems
from services.loyalty.programs.service import Programs
from shared.clock import Clock
from shared.db.engine import Database, ReadTx
from shared.identity import members
from shared.ids import uuid7

__all__ = ["Place", "Simulation"]

MAX_PERSONS = 5_000
CHUNK = 500
LARGEST = 20


@dataclass(frozen=True, slots=True)
class Simulation:
    """Nothing here writes."""

    db: Database
    clock: Clock
    programs: Programs

    async def preview(self, body: PreviewIn) -> PreviewOut:
        """What a rule would have given in a time that is over: to whom, how much, at what cost.

        Raises:
            BadRule: it contradicts itself, another rule, or names what is not there.
        """
        until = min(body.until or self.clock.now(), self.clock.now())
        rule_id = body.replaces or uuid7()
        version = RuleVersion(rule_id, 1, "preview", "active", body.rule, body.from_, until, "preview")
        async with self.db.read() as tx:
            others = await rules.others(tx, rule_id)
            if found := await rule_problems(tx, self.programs, body.rule, others, at=body.from_):
                raise BadRule(found)
            now = await rules_of(tx, self.programs)
            then = replace(now, book=await rules.book(tx, besides=body.replaces, more=(version,)))
            tally = _Tally()
            place: UUID | None = None
            while len(tally.looked_at) < MAX_PERSONS:
                segments = then.book.entries
                keys = await audience.customers_since(tx, body.from_, until, segments, after=place, limit=CHUNK)
                await self._try(tx, keys, now, then, version, until, tally)
                if len(keys) < CHUNK:
                    return tally.told(body, is_complete=True)
                place = keys[-1]
        return tally.told(body, is_complete=False)

    async def _try(
        self,
        tx: ReadTx,
        keys: Sequence[UUID],
        now: Rules,
        then: Rules,
        version: RuleVersion,
        until: datetime,
        tally: "_Tally",
    ) -> None:
        persons = set((await members.find_many(tx, keys)).values())
        persons = {each for each in persons if each.root not in tally.looked_at}
        # What either book asks is read for both.
        wider = replace(now, book=_wider(now, then))
        for member, history in (await histories(tx, persons, wider)).items():
            before = outcome(history, now, until=until).awards
            after = outcome(history, then, until=until).awards
            given = [
                award.points
                for (_, _, rule_id), award in after.items()
                if rule_id == version.rule_id and award.occurred_at >= version.effective_from
            ]
            tally.looked_at.add(member.root)
            tally.difference += sum(each.points for each in after.values()) - sum(
                each.points for each in before.values()
            )
            if given:
                tally.given[member.root] = given

    async def quote(self, body: QuoteIn, customer: UUID) -> WhyOut:
        """What a basket would earn, were it ordered.

        Raises:
            BadQuote: it is in no currency there is.
        """
        if not body.is_known_currency:
            raise BadQuote(body.currency)
        now = self.clock.now()
        order = body.order(customer, now)
        async with self.db.read() as tx:
            rules_now = await rules_of(tx, self.programs)
            member = await members.find(tx, customer)
            history = (await histories(tx, [member], rules_now))[member]
        longer = replace(history, orders=[*history.orders, order])
        found = outcome(longer, rules_now, until=max(now, order.placed_at), explain=True)
        return WhyOut.of(_of(found.considered, f"order:{QUOTED}"))

    async def why(self, order_id: str) -> WhyOut:
        """Why an order earned what it earned, worked out anew by all that is known now.

        Raises:
            FactUnknown: no such order was placed.
        """
        async with self.db.read() as tx:
            order = await audience.order_of(tx, order_id)
            if order is None:
                raise FactUnknown
            rules_now = await rules_of(tx, self.programs)
            member = await members.find(tx, order.customer)
            history = (await histories(tx, [member], rules_now))[member]
        return WhyOut.of(
            _of(outcome(history, rules_now, until=self.clock.now(), explain=True).considered, f"order:{order_id}")
        )

    async def awards(self, customer: UUID, *, before: Place | None, limit: int) -> list[Listed]:
        """What a person has earned for what, the latest fact first; one more than `limit` if there is more."""
        async with self.db.read() as tx:
            member = await members.find(tx, customer)
            return await awards.listed(tx, member.keys, before=before, limit=limit + 1)


def _of(considered: Sequence[Considered], source: str) -> Considered:
    found = next((each for each in considered if each.fact.source == source), None)
    if found is None:
        raise FactUnknown
    return found


def _wider(now: Rules, then: Rules) -> Rulebook:
    return Rulebook((*now.book.versions, *then.book.versions))


class _Tally:
    """What has been found so far."""

    def __init__(self) -> None:
        self.looked_at: set[UUID] = set()
        self.given: dict[UUID, list[int]] = defaultdict(list)
        self.difference = 0

    def told(self, body: PreviewIn, *, is_complete: bool) -> PreviewOut:
        """As it is answered."""
        points = sum(sum(each) for each in self.given.values())
        largest = sorted(self.given.items(), key=lambda item: (-sum(item[1]), item[0]))[:LARGEST]
        cost = None
        if body.value is not None:
            minor = int((body.value.minor_per_point * points).to_integral_value(ROUND_HALF_EVEN))
            cost = CostOut(minor=minor, currency=body.value.currency)
        return PreviewOut(
            persons_looked_at=len(self.looked_at),
            is_complete=is_complete,
            persons_earning=len(self.given),
            facts_earning=sum(map(len, self.given.values())),
            points=points,
            difference=self.difference,
            largest=[SampleOut(customer=root, points=sum(each), facts=len(each)) for root, each in largest],
            cost=cost,
        )
