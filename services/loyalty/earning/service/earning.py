"""Use cases of earning: facts come, and what they earn is settled with the ledger.

What somebody has earned is a function of the facts known of them: it is worked out anew for whoever a fact is about,
and the difference is posted. So a fact that comes late, twice, or out of order leads to the same balances. Where no
rule asks for anything but the fact itself, only that fact is worked out.

Locks, always in this order: who is whom, the rules, orders, persons, wallets.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from uuid import UUID

from services.loyalty.achievements import repository as achievements
from services.loyalty.audience import repository as known
from services.loyalty.audience import service as audience
from services.loyalty.audience.domain import KnownOrder, KnownTouchpoint, Move
from services.loyalty.audience.service import Change
from services.loyalty.earning.domain import settling
from services.loyalty.earning.domain.book import SEGMENT
from services.loyalty.earning.domain.facts import ORDER
from services.loyalty.earning.domain.history import Award, AwardKey, FactKey, History, Rules, Settled, Stored, outcome
from services.loyalty.earning.repository import awards as awards_rows
from services.loyalty.earning.repository import rules as rule_rows
from services.loyalty.earning.repository.awards import Earned
from services.loyalty.earning.service.histories import histories, moves_of, rules_of
from services.loyalty.points.service import Points, Target
from services.loyalty.programs.service import Programs
from services.loyalty.tiers import repository as tier_rows
from services.loyalty.tiers.domain.track import Anniversary
from services.loyalty.tiers.domain.walk import MAX_AMOUNT
from services.loyalty.tiers.service import standings
from services.loyalty.tiers.service.standings import Cause
from shared.clock import Clock
from shared.db import segment_moves
from shared.db.engine import Database, WriteTx
from shared.events.catalogue.profiles import CustomerCreated, SegmentEntered, SegmentLeft
from shared.events.catalogue.surveys import SurveyAnswered, nobody
from shared.events.catalogue.touchpoints import TouchpointRecorded
from shared.events.envelope import Event
from shared.events.orders import OrderFact
from shared.identity import mapping, members
from shared.identity.person import Member

CHUNK = 200
Due = dict[FactKey, dict[UUID, Award]]
NOTHING: Mapping[UUID, Stored] = {}


@dataclass(frozen=True, slots=True)
class Earning:
    """Facts in, points out."""

    db: Database
    clock: Clock
    points: Points
    programs: Programs

    async def record_orders(self, tx: WriteTx, events: Sequence[Event[OrderFact]]) -> None:
        """Fold facts about orders, and settle what they change."""
        rules = await self._open(tx)
        changes = await audience.record_orders(tx, events)
        if not changes:
            return
        if rules.book.watches(*ORDER):
            await achievements.queue(tx, {key for change in changes for key in change.customers})
        if rules.needs_history:
            await self._settle(tx, _since(changes), rules, fresh=_fresh(changes))
        elif rules.book.begins is not None:
            await self._settle_alone(tx, changes, rules)

    async def record_touchpoints(self, tx: WriteTx, events: Sequence[Event[TouchpointRecorded]]) -> None:
        """Settle touchpoints that a rule asks for; all others are passed over."""
        rules = await self._open(tx)
        if not rules.book.is_asked and not rules.metrics:
            return
        facts = [
            KnownTouchpoint(
                "touchpoint",
                str(event.id),
                event.subject,
                event.data.name,
                event.time,
                event.data.source,
                _order_id(event.data),
                event.recorded,
                _amounts(event.data, rules.metrics.get(event.data.name, frozenset())),
            )
            for event in events
            if rules.asks("touchpoint", event.data.name)
        ]
        await self._record(tx, facts, rules)

    async def record_answers(self, tx: WriteTx, events: Sequence[Event[SurveyAnswered]]) -> None:
        """Settle answers that a rule asks for: a response earns once, when a person has completed it.

        What turns out to count no more, such as a machine's, gives its points back. Nobody is given anything for an
        answer that is nobody's.
        """
        rules = await self._open(tx)
        latest = {event.data.response_id: event for event in sorted(events, key=lambda each: each.data.revision)}
        gone = [str(key) for key, event in latest.items() if event.data.state == "withdrawn"]
        facts = [
            KnownTouchpoint(
                "survey",
                str(key),
                event.subject,
                str(event.data.survey_id),
                event.time,
                event.data.channel,
                told_at=event.recorded,
            )
            for key, event in latest.items()
            if _earns(event) and rules.asks("survey", str(event.data.survey_id))
        ]
        fallen = set(await known.forget_touchpoints(tx, "survey", gone)) if gone else set()
        if fallen and any(kind == "survey" for kind, _ in rules.book.watched):
            await achievements.queue(tx, fallen)
        await self._settle(tx, fallen, rules)
        await self._record(tx, facts, rules)

    async def record_moves(self, tx: WriteTx, events: Sequence[Event[SegmentEntered] | Event[SegmentLeft]]) -> None:
        """Note who entered and left segments; what they did since is settled again where a rule asks for it."""
        rules = await self._open(tx)
        moved = await segment_moves.record(tx, events)
        await achievements.queue(tx, {key for key, segment in moved if rules.book.watches(SEGMENT, str(segment))})
        await self._settle(tx, {key for key, segment in moved if segment in rules.book.segments}, rules)

    async def record_created(self, tx: WriteTx, events: Sequence[Event[CustomerCreated]]) -> None:
        """Note when somebody was seen first; in an anniversary track their years begin then."""
        rules = await self._open(tx)
        await audience.record_created(tx, events)
        if any(isinstance(each.track.window, Anniversary) for track in rules.tracks.values() for each in track):
            await self._settle(tx, {event.subject for event in events}, rules)

    async def record(self, tx: WriteTx, facts: Sequence[KnownTouchpoint]) -> int:
        """The door for other rooms: referrals, birthdays, answers to surveys; each once for its kind and id.

        Only what a rule asks for by now is kept; how many that were new. Lock no person before.
        """
        rules = await self._open(tx)
        return await self._record(tx, [each for each in facts if rules.asks(each.kind, each.name)], rules)

    async def regroup(self, tx: WriteTx, moved: Mapping[UUID, tuple[UUID, UUID]]) -> None:
        """Settle again for everybody whose keys changed: limits, first orders and tiers are those of whole persons."""
        if not moved:
            return
        rules = await self._open(tx)
        roots = {root for each in moved.values() for root in each}
        if rules.book.watched:
            await achievements.queue(tx, roots)
        is_unmerge = any(root == raw for raw, (_, root) in moved.items())
        await self._settle(tx, roots, rules, cause="unmerged" if is_unmerge else "merged")

    async def look_again(self, tx: WriteTx, customers: Collection[UUID], *, cause: Cause = "rules") -> None:
        """Settle again for these persons by all rules."""
        await self._settle(tx, customers, await self._open(tx), cause=cause)

    async def look_again_at_queued(self) -> int:
        """Settle again for some of those who wait for it; how many."""
        async with self.db.write() as tx:
            rules = await self._open(tx)
            waiting = await rule_rows.take(tx, CHUNK)
            await self._settle(tx, waiting, rules, cause="rules")
            return len(waiting)

    async def look_again_at_moved(self) -> int:
        """Settle again for some of those whose balance changed by which a track goes; how many."""
        async with self.db.write() as tx:
            rules = await self._open(tx)
            moved = await tier_rows.take_moved(tx, CHUNK)
            await self._settle(tx, moved, rules)
            return len(moved)

    async def review_tiers(self) -> int:
        """Look at those whose tier time has come to its end; how many."""
        async with self.db.write() as tx:
            rules = await self._open(tx)
            due = await tier_rows.due(tx, self.clock.now(), CHUNK)
            await self._settle(tx, due, rules)
            return len(due)

    async def _open(self, tx: WriteTx) -> Rules:
        await mapping.hold(tx)
        await rule_rows.hold(tx)
        return await rules_of(tx, self.programs)

    async def _record(self, tx: WriteTx, facts: Sequence[KnownTouchpoint], rules: Rules) -> int:
        new = await known.add_touchpoints(tx, facts)
        await achievements.queue(tx, {each.customer for each in new if rules.book.watches(each.kind, each.name)})
        await self._settle(tx, {each.customer for each in new if rules.earns(each.kind, each.name)}, rules)
        return len(new)

    async def _settle(
        self,
        tx: WriteTx,
        customers: Collection[UUID] | Mapping[UUID, datetime],
        rules: Rules,
        *,
        cause: Cause = "fact",
        fresh: Mapping[str, KnownOrder | None] = MappingProxyType({}),
    ) -> None:
        """Work out all that the persons of these keys have earned, and which tiers they hold; post what differs.

        Of those of whom a moment is said nothing changed before it: what they earned until then stands.
        """
        if not customers:
            return
        owners = await members.lock_many(tx, customers)
        persons = set(owners.values())
        since: dict[Member, datetime] = {}
        if isinstance(customers, Mapping):
            for key, at in customers.items():
                since[owners[key]] = min(at, since.get(owners[key], at))
        now = self.clock.now()
        read = await histories(
            tx, persons, rules, fresh, since=min(since.values()) if since.keys() >= persons else None
        )
        keys = [key for member in persons for key in member.keys]
        stored = await awards_rows.of_customers(tx, keys)
        due: Due = {}
        walked = {}
        before = stored if since else {}
        if since:
            stored = _later(stored, {key: at for member, at in since.items() for key in member.keys})
        for member, history in read.items():
            settled = Settled(since[member], before) if member in since else None
            found = outcome(history, rules, until=history.until(now), settled=settled)
            due |= found.earned
            walked[member.root] = found.standings
        await self._post(tx, stored, due)
        gone = {key for key in customers if key not in walked}
        await standings.save(tx, walked, gone, now=now, cause=cause)
        if rules.book.watches_tiers:
            await achievements.queue(tx, walked)

    async def _settle_alone(self, tx: WriteTx, changes: Sequence[Change], rules: Rules) -> None:
        """Work out what changed orders earn, each by itself."""
        now = self.clock.now()
        owners: Mapping[UUID, Member] = {}
        moves: Mapping[UUID, list[Move]] = {}
        said: Mapping[str, list[KnownTouchpoint]] = {}
        if rules.book.segments or rules.book.waits:
            # Who enters a segment, or is told that an order came, meanwhile, waits here.
            owners = await members.lock_many(tx, {key for change in changes for key in change.customers})
            moves = await moves_of(tx, {key for member in owners.values() for key in member.keys}, rules)
        if rules.book.waits:
            said = await known.touchpoints_on(tx, [change.after.order_id for change in changes if change.after])
        due: Due = {}
        for change in changes:
            if (order := change.after) is None:
                continue
            member = owners.get(order.customer)
            own = {key: moves[key] for key in member.keys if key in moves} if member else {}
            history = History((order,), said.get(order.order_id, []), own)
            due |= outcome(history, rules, until=history.until(now)).earned
        before = [f"order:{change.before.order_id}" for change in changes if change.before is not None]
        await self._post(tx, await awards_rows.of_sources(tx, before) if before else {}, due)

    async def _post(self, tx: WriteTx, stored: Earned, due: Due) -> None:
        """Store awards and settle with the ledger what differs from what was settled before."""
        asked: list[Target] = []
        changed: dict[AwardKey, Stored] = {}
        gone: list[AwardKey] = []
        waited: list[tuple[AwardKey, Stored, Stored]] = []
        for key, awards in due.items():
            rows = {rule: Stored.of(award) for rule, award in awards.items()}
            before = stored.get(key, NOTHING)
            if rows == before:
                continue
            asked += settling.targets(key, before, rows, awards)
            changed |= {(*key, rule): row for rule, row in rows.items() if before.get(rule) != row}
            if before:
                gone += [(*key, rule) for rule in before if rule not in rows]
                waited += [((*key, rule), before[rule], row) for rule, row in rows.items() if rule in before]
        for key, before in stored.items():
            if key not in due:
                asked += settling.targets(key, before, {}, {})
                gone += [(*key, rule) for rule in before]
        asked.sort(key=lambda each: (each.occurred_at, each.source))
        if asked:
            await self.points.settle_many(tx, asked)
        await awards_rows.put(tx, changed)
        await awards_rows.delete(tx, gone)
        await self._activate(tx, waited)

    async def _activate(self, tx: WriteTx, pairs: Iterable[tuple[AwardKey, Stored, Stored]]) -> None:
        """Let points count that waited for a word, now that it came."""
        now = self.clock.now()
        for (customer, fact, rule), before, after in pairs:
            if before.active_at and after.active_at and after.active_at <= now < before.active_at:
                source = settling.source_of(fact, settling.lane_of(rule, after))
                await self.points.activate(tx, customer, after.wallet, source, after.active_at)


def _since(changes: Sequence[Change]) -> dict[UUID, datetime]:
    """From when on something is otherwise for each person key."""
    since: dict[UUID, datetime] = {}
    for change in changes:
        at = min(each.placed_at for each in change if each is not None)
        for key in change.customers:
            since[key] = min(at, since.get(key, at))
    return since


def _fresh(changes: Sequence[Change]) -> dict[str, KnownOrder | None]:
    """Orders as they are now, by their ids."""
    return {each.order_id: change.after for change in changes if (each := change.after or change.before) is not None}


def _later(stored: Earned, since: Mapping[UUID, datetime]) -> Earned:
    """The awards for facts that are no earlier than what changed for their person."""
    return {key: rows for key, rows in stored.items() if next(iter(rows.values())).occurred_at >= since[key[0]]}


def _earns(event: Event[SurveyAnswered]) -> bool:
    data = event.data
    is_somebodys = not (data.is_anonymous or data.is_imported) and event.subject != nobody(data.response_id)
    return is_somebodys and data.state == "complete" and data.verification == "confirmed"


def _order_id(data: TouchpointRecorded) -> str | None:
    named = data.properties.get("order_id")
    return str(named) if isinstance(named, str | int) and not isinstance(named, bool) else None


def _amounts(data: TouchpointRecorded, asked: Collection[str]) -> dict[str, str]:
    """The numbers among the properties that tracks ask for; what is none, or beyond all measure, is passed over."""
    found = {}
    for name in asked:
        value = data.properties.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= MAX_AMOUNT:
            found[name] = str(Decimal(str(value)))
    return found
