"""What customers reach: worked out from the facts, and settled with the ledger and the vouchers."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from services.loyalty.achievements import repository as rows
from services.loyalty.achievements.domain.goal import Reward
from services.loyalty.achievements.domain.walk import Counts, Reach, Zones, facts, reached
from services.loyalty.achievements.errors import ProgramRests
from services.loyalty.achievements.repository import Award, Defined
from services.loyalty.audience import repository as audience
from services.loyalty.audience.domain import KnownOrder, KnownTouchpoint, Move
from services.loyalty.earning.domain.history import outcome
from services.loyalty.earning.service.histories import histories, rules_of
from services.loyalty.points.errors import WalletClosed
from services.loyalty.points.service import Points, Target
from services.loyalty.programs.domain.terms import Timeline
from services.loyalty.programs.service import Programs
from services.loyalty.tiers.domain.grants import Standing
from services.loyalty.vouchers.service import Assign, Assignments
from services.loyalty.vouchers.service.gifts import settle_gift
from shared.clock import Clock
from shared.db.engine import Database, ReadTx, WriteTx
from shared.errors import AppError
from shared.events.catalogue.loyalty import AchievementLost, AchievementMoved, AchievementReached
from shared.events.envelope import Event, EventData
from shared.identity import members
from shared.identity.person import Member
from shared.ids import derived_id
from shared.observability.logging import logger

log = logger(__name__)

TAKE = 200
# A reward that could not be given, or taken back, is tried again after this time.
RETRY = timedelta(hours=1)
# The problem of what was lost after its voucher had been used: over only if that redemption is rolled back.
USED = "loyalty.reward_used"
RETRY_USED = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Known:
    """The facts of one person; where they stood in segments and tiers, as far as achievements ask for it."""

    orders: Sequence[KnownOrder] = ()
    others: Sequence[KnownTouchpoint] = ()
    moves: Mapping[UUID, Sequence[Move]] = field(default_factory=dict)
    standings: Mapping[str, Standing] = field(default_factory=dict)

    def segments(self, at: datetime) -> set[UUID]:
        """The segments the person was in at a moment: those one of their keys was in."""
        inside: set[UUID] = set()
        for moves in self.moves.values():
            inside |= {
                each for each, is_in in {m.segment_id: m.is_entered for m in moves if m.at <= at}.items() if is_in
            }
        return inside

    def level(self, track: str, at: datetime) -> str | None:
        """The level the person held before what happened at a moment."""
        return self.standings[track].held_before(at) if track in self.standings else None


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
        known = await known_of(tx, persons, defined, self.programs, self.clock.now())
        stored = await rows.awards_of(tx, [key for member in persons for key in member.keys])
        changed: list[tuple[Award, Award | None]] = []
        for member in sorted(persons):
            own = [each for each in stored if each.customer in member.keys]
            changed += self._changes(known[member], own, defined, timeline)
        by_id = {each.id: each for each in defined}
        # What is archived gives nothing any more; what is to be taken back of it still is.
        owed = [each for each in stored if each.is_due(self.clock.now()) and each.achievement_id not in by_id]
        changed += [(each._replace(problem=None, retry_at=None), each) for each in owed if each.state == "lost"]
        await self._give(tx, changed, by_id | await rows.by_ids(tx, {each.achievement_id for each in owed}))

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
            (old._replace(state="lost", problem=None, retry_at=None), old)
            for old in before
            if old.customer != holder and (old.state == "reached" or old.is_due(now))
        ]
        if reach is None or holder is None:
            return changed
        old = next((each for each in before if each.customer == holder), None)
        award = Award(
            key[0], holder, key[1], key[2], "reached", reach.at, reach.source, 0 if old is None else old.version
        )
        if (
            old is None
            or old.state == "lost"
            or (old.reached_at, old.source) != (reach.at, reach.source)
            or old.is_due(now)
        ):
            changed.append((award, old))
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
            retry = None if problem is None else self.clock.now() + (RETRY_USED if problem == USED else RETRY)
            now_held = award._replace(problem=problem, retry_at=retry)
            if before is None or now_held.told != before.told:
                now_held = now_held._replace(version=award.version + 1)
                tx.emit(_told(now_held, before, achievement, self.clock.now()))
            kept.append(now_held)
        await rows.put_awards(tx, kept)

    async def _rewards(self, tx: WriteTx, award: Award, achievement: Defined) -> str | None:
        """Give all that it brings, or take back what can be; the code of what stands in the way.

        Either all is given or nothing; but what can be taken back does not wait for what cannot be now.
        """
        rewards = list(enumerate(achievement.terms.rewards))
        steps = [rewards] if award.state == "reached" else [[each] for each in rewards]
        problems = [await self._together(tx, award, achievement, step) for step in steps]
        found = [each for each in problems if each is not None]
        return min(found, key=lambda each: each == USED, default=None)

    async def _together(
        self, tx: WriteTx, award: Award, achievement: Defined, rewards: Sequence[tuple[int, Reward]]
    ) -> str | None:
        told = len(tx.emitted)
        is_used = False
        try:
            async with tx.connection.begin_nested():
                for place, reward in rewards:
                    is_used |= await self._reward(tx, award, achievement, place, reward)
        except AppError as refusal:
            del tx.emitted[told:]
            log.warning("achievement_not_rewarded", achievement=str(award.achievement_id), code=refusal.code)
            return refusal.code
        return USED if is_used and award.state == "lost" else None

    async def _reward(self, tx: WriteTx, award: Award, achievement: Defined, place: int, reward: Reward) -> bool:
        """Settle one reward; whether it is a voucher that has been used."""
        source = f"achievement:{award.achievement_id}:{award.period}:{award.number}:{place}"
        is_due = award.state == "reached"
        if is_due:
            await self._is_open(tx, achievement, reward)
        if reward.campaign is not None:
            # Of a voucher the key is one for all people: it must say whose it is.
            gift = Assign(reward.campaign, award.customer, f"{source}:{award.customer}", by="achievements")
            return await settle_gift(tx, self.assignments, gift, is_due=is_due)
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
        return False

    async def _is_open(self, tx: WriteTx, achievement: Defined, reward: Reward) -> None:
        """Refuse what is paused now.

        Raises:
            ProgramRests, WalletClosed: it is tried again.
        """
        terms = await self.programs.current(tx, self.clock.now())
        if not terms.is_running(achievement.terms.program):
            raise ProgramRests(achievement.terms.program)
        if reward.points is not None and terms.wallet(reward.wallet).is_closed:
            raise WalletClosed(reward.wallet)


def counts_of(each: Defined, known: Known, timeline: Timeline) -> Counts:
    """Whether what a person does at a moment counts: the programme goes on, and they are who is asked for."""
    program, who = each.terms.program, each.terms.who
    track = who.tiers.track if who and who.tiers else None

    def counts(at: datetime) -> bool:
        if not timeline.at(at).is_running(program):
            return False
        return who is None or who.takes(known.segments(at), known.level(track, at) if track else None)

    return counts


def reaches(each: Defined, known: Known, timeline: Timeline) -> list[Reach]:
    """Each time a person has reached an achievement."""
    counts = counts_of(each, known, timeline)
    found = facts(each.terms, each.span, known.orders, known.others, zones_of(each, timeline), counts)
    return reached(each.terms, found)


def zones_of(each: Defined, timeline: Timeline) -> Zones:
    """The days by which an achievement is counted: those of its programme."""
    return lambda at: timeline.at(at).zone_in(each.terms.program)


async def known_of(
    tx: ReadTx, persons: Iterable[Member], defined: Iterable[Defined], programs: Programs, now: datetime
) -> dict[Member, Known]:
    """The facts of persons, over all their keys, as far as achievements count them."""
    persons, defined = list(persons), list(defined)
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
    who = [each.terms.who for each in defined if each.terms.who is not None]
    segments = {one for each in who if each.segments for one in (*each.segments.any_of, *each.segments.none_of)}
    moves = await audience.moves_of(tx, owner, segments) if segments else {}
    standings = await _standings(tx, persons, programs, now) if any(each.tiers for each in who) else {}
    return {
        member: Known(
            orders[member],
            others[member],
            {key: moves[key] for key in member.keys if key in moves},
            standings.get(member, {}),
        )
        for member in persons
    }


async def _standings(
    tx: ReadTx, persons: Iterable[Member], programs: Programs, now: datetime
) -> dict[Member, Mapping[str, Standing]]:
    """Where persons stood in tiers all the way."""
    rules = await rules_of(tx, programs)
    read = await histories(tx, persons, rules)
    return {member: outcome(each, rules, until=each.until(now)).standings for member, each in read.items()}


def _holder(reach: Reach, before: Sequence[Award]) -> UUID:
    holding = [each.customer for each in before if each.state == "reached"]
    return reach.customer if reach.customer in holding or not holding else min(holding)


def _told(award: Award, before: Award | None, achievement: Defined, now: datetime) -> Event[EventData]:
    key = derived_id("achievement", *(str(each) for each in award[:4]), str(award.version))
    said = {
        "achievement_id": award.achievement_id,
        "achievement": achievement.name,
        "badge": achievement.terms.badge,
        "period": award.period,
        "number": award.number,
        "version": award.version,
        "reached_at": award.reached_at,
        "source": award.source,
        "problem": award.problem,
    }
    if award.state == "lost":
        return Event(key, award.customer, now, now, AchievementLost(**said))
    if before is not None and before.state == "reached":
        return Event(key, award.customer, now, now, AchievementMoved(**said))
    return Event(key, award.customer, award.reached_at, now, AchievementReached(**said))
