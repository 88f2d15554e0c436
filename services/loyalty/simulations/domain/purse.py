"""The points of one person under one programme, from their first to the end of a period: by the rules of the ledger."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from heapq import merge
from uuid import UUID

from services.loyalty.earning.domain import settling as lanes
from services.loyalty.earning.domain.history import Outcome, Stored
from services.loyalty.points.domain import moves, settling
from services.loyalty.points.domain.ledger import Book, Cause, Draw, Posting
from services.loyalty.points.domain.moves import OVER_LIMIT, Incoming
from services.loyalty.points.domain.requests import Target
from services.loyalty.points.domain.settling import Source
from services.loyalty.programs.domain.calendar import local_day
from services.loyalty.programs.domain.terms import MAX_POINTS, Timeline
from services.loyalty.simulations.domain.facts import CameBack, CameIn, Happened, Kept, WasActivated, WentOut
from services.loyalty.simulations.domain.months import Months
from services.loyalty.tiers.domain.balance import Change

# (measure, month, wallet) → points. Over the months of a wallet: opening + issued + other_in + returned - spent -
# other_out - expired - over_limit = outstanding.
Flows = Counter[tuple[str, date, str]]
_NOTHING = Source(0, 0)


@dataclass(slots=True)
class _Numbered(Book):
    """A book whose ids count on: the same history makes the same book."""

    made: int = 0

    def new_id(self) -> UUID:
        self.made += 1
        return UUID(int=self.made)


@dataclass(slots=True)
class Purse:
    """A person of some keys, and what became of their points so far."""

    keys: Sequence[UUID]
    timeline: Timeline
    months: Months
    book: Book
    flows: Flows = field(default_factory=Counter)
    # How what can be spent changed, for tiers that go by it.
    changes: list[Change] = field(default_factory=list)
    _spent: defaultdict[tuple[str, str], list[Draw]] = field(default_factory=lambda: defaultdict(list))
    _spent_at: dict[tuple[str, str], datetime] = field(default_factory=dict)

    @classmethod
    def of(cls, keys: Sequence[UUID], timeline: Timeline, months: Months, kept: Kept) -> "Purse":
        """An empty one."""
        purse = cls(keys, timeline, months, _Numbered(months.starts[0]))
        for person, name, at in sorted(kept.opened):
            purse.book.wallet(person, name, at)
        return purse

    def live(self, targets: Iterable[Target], happened: Iterable[Happened]) -> dict[str, int]:
        """Let everything happen until the period is over; what is there then, by wallet."""
        earned = sorted(targets, key=lambda each: (each.occurred_at, each.source, each.person))
        others = sorted(happened, key=lambda each: each.at)
        steps = merge(
            ((each.occurred_at, 0, each) for each in earned),
            ((each.at, 1, each) for each in others),
            key=lambda each: each[:2],
        )
        marks = [*self.months.starts, self.months.until]
        place = 0
        for at, _, step in steps:
            if at >= self.months.until:
                break
            while marks[place] <= at:
                self._mark(place, marks[place])
                place += 1
            self._do(at, step)
        for number in range(place, len(marks)):
            self._mark(number, marks[number])
        return self._outstanding()

    def _mark(self, place: int, at: datetime) -> None:
        """A month is over, and the next begins."""
        self.book.now = at
        for wallet in self.book.wallets.values():
            moves.catch_up(self.book, wallet)
        self._count()
        for name, points in self._outstanding().items():
            if place == 0:
                self.flows["opening", self.months.names[0], name] += points
            else:
                self.flows["outstanding", self.months.names[place - 1], name] += points

    def _outstanding(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for wallet in self.book.wallets.values():
            found[wallet.name] = found.get(wallet.name, 0) + wallet.available + wallet.pending
        return found

    def _do(self, at: datetime, step: Target | Happened) -> None:
        self.book.now = at
        for each in self.book.of(self.keys, step.wallet):
            moves.catch_up(self.book, each)
        match step:
            case Target():
                self._earn(step)
            case CameIn():
                self._come_in(step)
            case WentOut():
                self._go_out(step)
            case CameBack():
                self._come_back(step)
            case WasActivated():
                self._activate(step)
        self._count()

    def _earn(self, target: Target) -> None:
        terms = self.timeline.at(target.occurred_at)
        wallet = self.book.wallet(target.person, target.wallet, target.occurred_at)
        family = self.book.of(self.keys, target.wallet)
        settling.settle_one(self.book, wallet, target, _NOTHING, terms, None, family)
        self._was_active(target.wallet, target.occurred_at)

    def _come_in(self, said: CameIn) -> None:
        wallet = self.book.wallet(said.person, said.wallet, said.at)
        terms = self.timeline.at(said.at)
        end = terms.end(said.wallet, said.at, wallet.opened_at) if said.is_by_terms else said.end
        incoming = Incoming(
            points=said.points,
            kind=said.kind,
            source=said.source,
            earned_at=said.at,
            active_at=said.active_at,
            end=end,
            expires_at=said.expires_at,
            slides=said.is_by_terms and end is not None and terms.wallet(said.wallet).expiry.mode == "inactivity",
        )
        moves.credit(self.book, wallet, incoming, Cause("other_in", said.at), kind="granted")

    def _go_out(self, said: WentOut) -> None:
        """As much as was taken then, as far as it is there."""
        wallets = self.book.of(self.keys, said.wallet)
        points = min(said.points, max(0, moves.spendable(wallets)))
        if said.kind == "spent" and points:
            points = min(points, self._room(said.wallet, said.at))
        if said.kind == "spent" and said.points > points:
            self._note("unmet", said.at, said.wallet, said.points - points)
        if not points:
            return
        order = self.timeline.at(said.at).wallet(said.wallet).draws
        kind = said.kind if said.kind == "spent" else "adjusted"
        before = len(self.book.postings)
        moves.take(self.book, wallets, points, order, Cause(said.kind, said.at), kind=kind, account=kind)
        if said.kind == "spent":
            drawn = [draw for posting in self.book.postings[before:] for draw in posting.draws]
            self._spent[said.wallet, said.operation] += drawn
            self._spent_at.setdefault((said.wallet, said.operation), said.at)
            self._was_active(said.wallet, said.at)

    def _room(self, wallet: str, at: datetime) -> int:
        """What the terms let them still spend, by what stands of what they spent."""
        terms = self.timeline.at(at)
        room, zone = MAX_POINTS, terms.zone_of(wallet)
        for cap in terms.wallet(wallet).spending:
            first = cap.since(local_day(at, zone))
            spent = sum(
                draw.points
                for key, since in self._spent_at.items()
                if key[0] == wallet and (first is None or local_day(since, zone) >= first)
                for draw in self._spent[key]
            )
            room = min(room, max(0, cap.points - (0 if cap.per == "transaction" else spent)))
        return room

    def _come_back(self, said: CameBack) -> None:
        """As much as came back then, as far as it was spent here."""
        terms = self.timeline.at(said.at)
        spent = self._spent[said.wallet, said.operation]
        wallets = {each.id: each for each in self.book.of(self.keys, said.wallet)}
        for wallet_id, draws in moves.latest(spent, said.points):
            moves.grant_grace(
                self.book, [each.lot for each in draws], settling.grace(terms, said.wallet, self.book.now)
            )
            moves.give_back(self.book, wallets[wallet_id], draws, Cause("given_back", said.at))
            for draw in draws:
                _take_off(spent, draw)

    def _activate(self, said: WasActivated) -> None:
        for wallet in self.book.of(self.keys, said.wallet):
            lots = [each for each in wallet.lots.values() if each.source == said.source]
            moves.activate(self.book, wallet, lots, Cause("activated", said.at))

    def _was_active(self, name: str, at: datetime) -> None:
        terms = self.timeline.at(at)
        if terms.wallet(name).expiry.mode != "inactivity" or (end := terms.end(name, at, at)) is None:
            return
        for each in self.book.of(self.keys, name):
            moves.prolong(self.book, each, end, Cause("activity", at))

    def _note(self, measure: str, at: datetime, wallet: str, points: int) -> None:
        month = self.months.of_end(at) if measure == "expired" else self.months.of_fact(at)
        if month is not None and points:
            self.flows[measure, month, wallet] += points

    def _count(self) -> None:
        """Add up what was posted since; of what was posted nothing is asked again but what was spent."""
        for posting in self.book.postings:
            self._weigh(posting)
            if (measure := _measure(posting)) is not None:
                change = posting.transaction.deltas
                points = abs(change.available + change.pending - change.debt)
                self._note(measure, posting.transaction.cause.occurred_at, posting.wallet, points)
        self.book.postings.clear()
        self.book.allocations.clear()

    def _weigh(self, posting: Posting) -> None:
        change = posting.transaction.deltas
        if points := change.available - change.debt:
            self.changes.append(Change(posting.transaction.cause.occurred_at, posting.wallet, points))


def _measure(posting: Posting) -> str | None:
    match posting.transaction.kind:
        case "earned":
            return "issued"
        case "granted":
            return "other_in"
        case "adjusted":
            return "other_out"
        case "given_back":
            return "returned"
        case "expired":
            return "over_limit" if posting.transaction.cause.reason == OVER_LIMIT else "expired"
        case "spent":
            return "spent"
    return None


def _take_off(spent: list[Draw], back: Draw) -> None:
    place = next(at for at, each in enumerate(spent) if each.lot is back.lot and each.points >= back.points)
    spent[place] = spent[place]._replace(points=spent[place].points - back.points)
    if not spent[place].points:
        del spent[place]


def targets(outcome: Outcome) -> list[Target]:
    """What facts earn, as the ledger is told of it."""
    found: list[Target] = []
    for key, awards in outcome.earned.items():
        rows = {rule: Stored.of(award) for rule, award in awards.items()}
        found += [each for each in lanes.targets(key, {}, rows, awards) if each.points]
    return found
