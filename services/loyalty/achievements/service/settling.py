"""What customers reach: worked out from the facts, and settled with the ledger and the vouchers."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from services.loyalty.achievements import repository as rows
from services.loyalty.achievements.domain.goal import Reward
from services.loyalty.achievements.domain.walk import Reach, Zones, facts, reached
from services.loyalty.achievements.repository import Award, Defined
from services.loyalty.audience import repository as audience
from services.loyalty.audience.domain import KnownOrder, KnownTouchpoint
from services.loyalty.points.service import Points, Target
from services.loyalty.programs.domain.terms import Timeline
from services.loyalty.programs.service import Programs
from services.loyalty.vouchers.service import Assign, Assignments
from services.loyalty.vouchers.service.gifts import settle_gift
from shared.clock import Clock
from shared.db.engine import Database, ReadTx, WriteTx
from shared.errors import AppError
from shared.events.catalogue.loyalty import AchievementLost, AchievementReached
from shared.events.envelope import Event
from shared.identity import members
from shared.identity.person import Member
from shared.ids import derived_id
from shared.observability.logging import logger

log = logger(__name__)

TAKE = 200
# A reward that could not be given is tried again after this time.
RETRY = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Known:
    """The facts of one person."""

    orders: Sequence[KnownOrder] = ()
    others: Sequence[KnownTouchpoint] = ()


@dataclass(frozen=True, slots=True)
class AchievementSettling:
    """Achievements, from what is known to what is given."""

    db: Database
    clock: Clock
    points: Points
    programs: Programs
    assignments: Assignments

    async def run(self) -> int:
        """Look at some of those whose facts changed, and of whom a reward is due again; how many."""
        async with self.db.write() as tx:
            waiting = await rows.take(tx, TAKE)
            await self.settle(tx, waiting)
        async with self.db.write() as tx:
            due = await rows.due(tx, self.clock.now(), TAKE)
            await self.settle(tx, due)
        return len(waiting) + len(due)

    async def settle(self, tx: WriteTx, customers: Collection[UUID]) -> None:
        """Bring what these persons hold to what their facts come to."""
        if not customers:
            return
        persons = set((await members.lock_many(tx, customers)).values())
        defined, timeline = await rows.running(tx), await self.programs.timeline(tx)
        known = await known_of(tx, persons, defined)
        stored = await rows.awards_of(tx, [key for member in persons for key in member.keys])
        changed: list[tuple[Award, Award | None]] = []
        for member in sorted(persons):
            own = [each for each in stored if each.customer in member.keys]
            changed += self._changes(known[member], own, defined, timeline)
        await self._give(tx, changed, {each.id: each for each in defined})

    def _changes(
        self, known: Known, stored: Sequence[Award], defined: Iterable[Defined], timeline: Timeline
    ) -> list[tuple[Award, Award | None]]:
        """What of one person is other than it is stored: as it shall be, and as it was."""
        changed: list[tuple[Award, Award | None]] = []
        before: defaultdict[tuple[UUID, str, int], list[Award]] = defaultdict(list)
        for award in stored:
            before[award.key].append(award)
        for each in defined:
            due = {(each.id, reach.period, reach.number): reach for reach in reaches(each, known, timeline)}
            for key in sorted({*due, *(key for key in before if key[0] == each.id)}):
                changed += self._change(key, due.get(key), before.get(key, []))
        return changed

    def _change(
        self, key: tuple[UUID, str, int], reach: Reach | None, before: Sequence[Award]
    ) -> list[tuple[Award, Award | None]]:
        """One time of an achievement: who among the keys of a person shall hold it, and who shall not."""
        now = self.clock.now()
        # Who holds it goes on holding it, as long as anybody does: nothing is taken from one key to give it to another.
        holder = None if reach is None else _holder(reach, before)
        changed: list[tuple[Award, Award | None]] = [
            (old._replace(state="lost", version=old.version + 1, problem=None, retry_at=None), old)
            for old in before
            if old.customer != holder and old.state == "reached"
        ]
        if reach is None or holder is None:
            return changed
        old = next((each for each in before if each.customer == holder), None)
        award = Award(key[0], holder, key[1], key[2], "reached", reach.at, reach.source, 1)
        if old is None:
            changed.append((award, None))
        elif old.state == "lost":
            changed.append((award._replace(version=old.version + 1), old))
        elif (old.reached_at, old.source) != (reach.at, reach.source) or (old.retry_at and old.retry_at <= now):
            changed.append((award._replace(version=old.version), old))
        return changed

    async def _give(
        self, tx: WriteTx, changed: Sequence[tuple[Award, Award | None]], defined: Mapping[UUID, Defined]
    ) -> None:
        """Settle the rewards of what changed, store it, and tell of it."""
        kept: list[Award] = []
        # What is taken back first: the same points are not owed for a moment.
        for award, before in sorted(changed, key=lambda each: (each[0].state, each[0].reached_at, each[0][:4])):
            achievement = defined[award.achievement_id]
            needs = before is None or before.state != award.state or before.problem is not None
            problem = await self._rewards(tx, award, achievement) if needs else None
            retry = None if problem is None else self.clock.now() + RETRY
            kept.append(award._replace(problem=problem, retry_at=retry))
            if before is None or before.state != award.state:
                tx.emit(_told(award, achievement, self.clock.now()))
        await rows.put_awards(tx, kept)

    async def _rewards(self, tx: WriteTx, award: Award, achievement: Defined) -> str | None:
        """Give all that it brings, or take all of it back; the code of the refusal where that cannot be now."""
        told = len(tx.emitted)
        try:
            async with tx.connection.begin_nested():
                for place, reward in enumerate(achievement.terms.rewards):
                    await self._reward(tx, award, achievement, place, reward)
        except AppError as refusal:
            del tx.emitted[told:]
            log.warning("achievement_not_rewarded", achievement=str(award.achievement_id), code=refusal.code)
            return refusal.code
        return None

    async def _reward(self, tx: WriteTx, award: Award, achievement: Defined, place: int, reward: Reward) -> None:
        source = f"achievement:{award.achievement_id}:{award.period}:{award.number}:{place}"
        is_due = award.state == "reached"
        if reward.campaign is not None:
            # Of a voucher the key is one for all people: it must say whose it is.
            gift = Assign(reward.campaign, award.customer, f"{source}:{award.customer}", by="achievements")
            await settle_gift(tx, self.assignments, gift, is_due=is_due)
            return
        points = reward.points or 0
        target = Target(
            award.customer,
            reward.wallet,
            source,
            points if is_due else 0,
            award.reached_at,
            reason="achievement",
            reference=achievement.name,
        )
        await self.points.settle(tx, target)


def reaches(each: Defined, known: Known, timeline: Timeline) -> list[Reach]:
    """Each time a person has reached an achievement."""
    found = facts(each.terms, each.span, known.orders, known.others, zones_of(each, timeline))
    return reached(each.terms, found)


def zones_of(each: Defined, timeline: Timeline) -> Zones:
    """The days by which an achievement is counted: those of its programme."""
    return lambda at: timeline.at(at).zone_in(each.terms.program)


async def known_of(tx: ReadTx, persons: Iterable[Member], defined: Iterable[Defined]) -> dict[Member, Known]:
    """The facts of persons, over all their keys, as far as achievements count them."""
    persons = list(persons)
    owner = {key: member for member in persons for key in member.keys}
    kinds = {each.terms.trigger[0] for each in defined}
    orders: defaultdict[Member, list[KnownOrder]] = defaultdict(list)
    others: defaultdict[Member, list[KnownTouchpoint]] = defaultdict(list)
    if "order" in kinds:
        for order in await audience.orders_of(tx, owner):
            orders[owner[order.customer]].append(order)
    if kinds - {"order"}:
        for each in await audience.touchpoints_of(tx, owner):
            others[owner[each.customer]].append(each)
    return {member: Known(orders[member], others[member]) for member in persons}


def _holder(reach: Reach, before: Sequence[Award]) -> UUID:
    holding = [each.customer for each in before if each.state == "reached"]
    return reach.customer if reach.customer in holding or not holding else min(holding)


def _told(award: Award, achievement: Defined, now: datetime) -> Event[AchievementReached] | Event[AchievementLost]:
    key = derived_id("achievement", *(str(each) for each in award[:4]), str(award.version))
    said = {
        "achievement_id": award.achievement_id,
        "achievement": achievement.name,
        "badge": achievement.terms.badge,
        "period": award.period,
        "number": award.number,
        "version": award.version,
    }
    if award.state == "lost":
        return Event(key, award.customer, now, now, AchievementLost(**said))
    return Event(key, award.customer, award.reached_at, now, AchievementReached(**said))
