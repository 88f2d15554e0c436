"""All that one person did, walked through in the order of time: what each fact earns, and which tiers it leads to.

The outcome is a function of facts, rules, terms, tracks and `until`: whatever order they were learnt in, it is the
same. A person is the union over their keys; each award belongs to the key its fact came from.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from heapq import merge
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from services.loyalty.audience.domain import KnownOrder, KnownTouchpoint, Move
from services.loyalty.earning.domain.amounts import Ratio, ratio_of
from services.loyalty.earning.domain.book import Live, Rulebook
from services.loyalty.earning.domain.facts import Fact, of_order, of_touchpoint
from services.loyalty.earning.domain.giving import Caps, Given, Refused, give
from services.loyalty.earning.domain.rule import Life, Wait
from services.loyalty.points.domain.requests import NEVER, WAITING
from services.loyalty.programs.domain.calendar import add_days, add_months, day_end, day_start, local_day
from services.loyalty.programs.domain.terms import MAIN, Terms, Timeline
from services.loyalty.tiers.domain.balance import BalanceWalk, Change, is_by_balance
from services.loyalty.tiers.domain.grants import Grant, Standing
from services.loyalty.tiers.domain.track import ByBalance, ByMetric
from services.loyalty.tiers.domain.walk import Earned, Version, Walk

# (person key, source): one fact, however often it comes.
FactKey = tuple[UUID, str]
# (person key, source, rule): one award.
AwardKey = tuple[UUID, str, UUID]


class Award(NamedTuple):
    """What a fact earns under a rule. `active_at` and `expires_at` None: as the terms of the wallet say."""

    rule_version: int
    rule_name: str
    wallet: str
    occurred_at: datetime
    points: int
    uncapped: int
    active_at: datetime | None
    expires_at: datetime | None
    kind: str
    reference: str | None


class Stored(NamedTuple):
    """An award as it was settled."""

    rule_version: int
    wallet: str
    occurred_at: datetime
    points: int
    uncapped: int
    active_at: datetime | None
    expires_at: datetime | None

    @classmethod
    def of(cls, award: Award) -> "Stored":
        """What is stored of an award."""
        # All but its rule's name, in the same order: tuples are cut many times as fast as their fields are read.
        return cls(award[0], *award[2:8])


class Settled(NamedTuple):
    """Of facts before a moment it is known what they earn: as long as nothing that came since is of a time before."""

    before: datetime
    awards: Mapping[FactKey, Mapping[UUID, Stored]]


@dataclass(frozen=True, slots=True)
class History:
    """What is known of one person, under all their keys. `moves` are in the order of time for each key.

    `balances` is how what they can spend changed, in the order of time, of wallets that tiers go by.
    """

    orders: Sequence[KnownOrder] = ()
    touchpoints: Sequence[KnownTouchpoint] = ()
    moves: Mapping[UUID, Sequence[Move]] = field(default_factory=dict)
    seen_at: datetime | None = None
    grants: Sequence[Grant] = ()
    balances: Sequence[Change] = ()

    def until(self, now: datetime) -> datetime:
        """Now, or the last fact where another machine's clock is a little ahead of ours: it must not go missing."""
        latest = now
        for order in self.orders:
            latest = max(latest, order.placed_at)
        for touchpoint in self.touchpoints:
            latest = max(latest, touchpoint.at)
        for own in self.moves.values():
            latest = max(latest, own[-1].at if own else now)
        return latest


@dataclass(frozen=True, slots=True)
class Rules:
    """By what a history is judged."""

    book: Rulebook
    timeline: Timeline
    tracks: Mapping[str, Sequence[Version]] = field(default_factory=dict)
    metrics: Mapping[str, frozenset[str]] = field(init=False)

    def __post_init__(self) -> None:
        """Which touchpoints tracks measure, and the numbers of them that they add up."""
        found: defaultdict[str, set[str]] = defaultdict(set)
        for versions in self.tracks.values():
            for each in versions:
                if isinstance(measure := each.track.measure, ByMetric):
                    found[measure.name] |= {measure.property} if measure.property else set()
        object.__setattr__(self, "metrics", {name: frozenset(of) for name, of in found.items()})

    @property
    def balances(self) -> frozenset[str]:
        """The wallets whose balance tracks go by."""
        measures = (each.track.measure for versions in self.tracks.values() for each in versions)
        return frozenset(measure.wallet for measure in measures if isinstance(measure, ByBalance))

    @property
    def needs_history(self) -> bool:
        """Whether what a fact earns hangs on other facts of the person."""
        return self.book.needs_history or bool(self.tracks) or self.timeline.has_caps

    @property
    def hears_touchpoints(self) -> bool:
        """Whether histories have anything but orders in them."""
        return self.book.hears_touchpoints or bool(self.metrics)

    def earns(self, kind: str, name: str) -> bool:
        """Whether a fact of this kind and name may change what somebody has earned, or which tier they hold."""
        return self.book.asks(kind, name) or (kind == "touchpoint" and name in self.metrics)

    def asks(self, kind: str, name: str) -> bool:
        """Whether a fact of this kind and name is to be kept."""
        return self.earns(kind, name) or self.book.watches(kind, name)


@dataclass(frozen=True, slots=True)
class Considered:
    """One fact with what each rule said of it, for those who ask why."""

    fact: Fact
    terms: Terms
    given: Sequence[Given]
    refused: Sequence[Refused]


@dataclass(slots=True)
class Outcome:
    """What a history comes to: what facts earn under which rules, and how far each track was walked.

    A fact that earns nothing is not among those that earn.
    """

    earned: dict[FactKey, dict[UUID, Award]]
    standings: dict[str, Standing]
    considered: list[Considered]

    @property
    def awards(self) -> dict[AwardKey, Award]:
        """The awards one by one."""
        return {(*fact, rule): award for fact, own in self.earned.items() for rule, award in own.items()}


def outcome(
    history: History, rules: Rules, *, until: datetime, explain: bool = False, settled: Settled | None = None
) -> Outcome:
    """Walk through a history until a moment; `explain` keeps what each rule said of each fact.

    What is `settled` is taken as it is, and is not among what is earned.
    """
    found = Outcome({}, _standings(history, rules, until), [])
    caps, segments = Caps(), _Segments(history.moves)
    said = _said(history.touchpoints, rules.book.waits)
    birthdays: set[int] = set()
    number = 0
    for each in _in_time(history, segments.entries(rules.book.entries), until):
        at = each.at if isinstance(each, KnownTouchpoint) else each.placed_at
        terms = rules.timeline.at(at)
        if isinstance(each, KnownOrder):
            number += 1
            if each.net_minor <= 0 < each.total_minor:
                # All of it went back.
                continue
        elif each.kind == "birthday":
            year = local_day(at, terms.time_zone).year
            if year in birthdays:
                continue
            birthdays.add(year)
        if settled is not None and at < settled.before:
            _count(found, each, settled.awards, rules, terms, caps)
            continue
        fact = _fact(each, local_day(at, terms.time_zone), number)
        if said:
            fact.said = said.get(each.order_id or "", {})
        _place(fact, segments, found.standings)
        refused: list[Refused] | None = [] if explain else None
        given = _give(fact, rules.book.at(at, fact.trigger), terms, caps, refused)
        _note(found, fact, terms, given)
        if explain:
            found.considered.append(Considered(fact, terms, given, refused or ()))
    for standing in found.standings.values():
        standing.walk.advance(until)
    return found


def _fact(each: KnownOrder | KnownTouchpoint, day: date, number: int) -> Fact:
    return of_order(each, day, number) if isinstance(each, KnownOrder) else of_touchpoint(each, day)


def _count(
    found: Outcome,
    each: KnownOrder | KnownTouchpoint,
    settled: Mapping[FactKey, Mapping[UUID, Stored]],
    rules: Rules,
    terms: Terms,
    caps: Caps,
) -> None:
    """Let a fact count of which it is known what it earned: for caps, and for tiers."""
    if isinstance(each, KnownOrder):
        at, source = each.placed_at, f"order:{each.order_id}"
    else:
        at, source = each.at, f"{each.kind}:{each.id}"
    points: dict[str, int] = {}
    for rule, row in settled.get((each.customer, source), {}).items():
        live = rules.book.version(rule, row.rule_version)
        wallet = row.wallet
        if live.rule.counts_for_tiers:
            points[wallet] = points.get(wallet, 0) + row.points
        if live.caps:
            caps.note(rule, live.caps, local_day(at, terms.zone_of(wallet)), row.points)
        if limits := terms.wallets[wallet].caps:
            caps.note(wallet, limits, local_day(at, terms.zone_of(wallet)), row.points)
    for standing in found.standings.values():
        standing.walk.record(_brought(each, at, points))


def _brought(each: KnownOrder | KnownTouchpoint, at: datetime, points: Mapping[str, int]) -> Earned:
    """What a fact brings to what tiers measure."""
    if isinstance(each, KnownOrder):
        return Earned(at, tuple(points.items()), ((each.currency, each.net_minor),), 1)
    if each.kind == "touchpoint":
        return Earned(at, tuple(points.items()), name=each.name, amounts=each.amounts)
    return Earned(at, tuple(points.items()))


def _give(
    fact: Fact, lives: Sequence[Live], terms: Terms, caps: Caps, refused: list[Refused] | None
) -> Sequence[Given]:
    """What the rules of each programme give, by its own days: programmes know nothing of each other."""
    if not terms.homes:
        return give(fact, lives, terms, caps, refused)
    given: list[Given] = []
    for program in (MAIN, *sorted(terms.zones)):
        own = [each for each in lives if terms.program_of(each.wallet) == program]
        local = terms.seen_from(program)
        fact.day = local_day(fact.at, local.time_zone)
        given += give(fact, own, local, caps, refused)
    fact.day = local_day(fact.at, terms.time_zone)
    return given


def _standings(history: History, rules: Rules, until: datetime) -> dict[str, Standing]:
    if not rules.tracks:
        return {}
    first = [each.placed_at for each in history.orders] + [each.at for each in history.touchpoints]
    joined = min([*first, *([history.seen_at] if history.seen_at else [])], default=until)
    terms = rules.timeline.at(until)
    zones = {key: terms.zone_in(versions[-1].track.program) for key, versions in rules.tracks.items()}
    return {
        key: Standing(
            BalanceWalk(key, versions, zones[key], joined, changes=history.balances)
            if is_by_balance(versions)
            else Walk(key, versions, zones[key], joined),
            [each for each in history.grants if each.track == key],
        )
        for key, versions in rules.tracks.items()
    }


def _in_time(
    history: History, entries: Sequence[KnownTouchpoint], until: datetime
) -> Iterator[KnownOrder | KnownTouchpoint]:
    """Facts that were, in the order of time; the id breaks ties, orders first."""
    orders = [each for each in history.orders if not each.is_cancelled and each.placed_at <= until]
    if len(orders) > 1:
        orders.sort(key=attrgetter("placed_at", "order_id"))
    if not history.touchpoints and not entries:
        return iter(orders)
    others = sorted(
        (each for each in (*history.touchpoints, *entries) if each.at <= until), key=attrgetter("at", "kind", "id")
    )
    return merge(orders, others, key=_moment)


def _moment(each: KnownOrder | KnownTouchpoint) -> tuple[datetime, bool]:
    return (each.placed_at, False) if isinstance(each, KnownOrder) else (each.at, True)


def _said(touchpoints: Iterable[KnownTouchpoint], waits: frozenset[str]) -> dict[str, dict[str, datetime]]:
    """For each order the touchpoints that name it and are waited for, with the first time of each."""
    if not waits:
        return {}
    said: defaultdict[str, dict[str, datetime]] = defaultdict(dict)
    for each in touchpoints:
        if each.order_id is not None and each.kind == "touchpoint" and each.name in waits:
            names = said[each.order_id]
            names[each.name] = min(each.at, names.get(each.name, each.at))
    return said


class _Segments:
    """The segments a person is in as time passes: in one while one of their keys is."""

    def __init__(self, moves: Mapping[UUID, Sequence[Move]]) -> None:
        self._moves = sorted(
            ((move.at, place, key, move) for key, own in moves.items() for place, move in enumerate(own)),
            key=lambda each: each[:3],
        )
        self._next = 0
        self._inside: set[tuple[UUID, UUID]] = set()
        self._now: frozenset[UUID] = frozenset()

    def entries(self, asked: frozenset[UUID]) -> list[KnownTouchpoint]:
        """When the person, who was in none of their keys before, entered each of these segments.

        What is told of several keys at one moment is one: who leaves as one key and enters as another, for they were
        merged, stays.
        """
        found: list[KnownTouchpoint] = []
        if not asked:
            return found
        inside: dict[UUID, dict[UUID, Move]] = {segment: {} for segment in asked}
        for at, group in groupby(self._moves, key=itemgetter(0)):
            were = {segment for segment, keys in inside.items() if keys}
            for _, _, key, move in group:
                if move.segment_id in inside and move.is_entered:
                    inside[move.segment_id].setdefault(key, move)
                elif move.segment_id in inside:
                    inside[move.segment_id].pop(key, None)
            for segment in {segment for segment, keys in inside.items() if keys} - were:
                key, move = min(inside[segment].items(), key=lambda each: each[1].event_id)
                found.append(KnownTouchpoint("segment", str(move.event_id), key, str(segment), at, "profiles"))
        return found

    def at(self, moment: datetime) -> frozenset[UUID]:
        """Those at a moment, no earlier than the last that was asked for."""
        if self._next == len(self._moves):
            return self._now
        before = self._next
        while self._next < len(self._moves) and self._moves[self._next][0] <= moment:
            _, _, key, move = self._moves[self._next]
            (self._inside.add if move.is_entered else self._inside.discard)((key, move.segment_id))
            self._next += 1
        if self._next > before:
            self._now = frozenset(segment for _, segment in self._inside)
        return self._now


def _place(fact: Fact, segments: _Segments, standings: Mapping[str, Standing]) -> None:
    """Say where the person stood when the fact came, before it counts."""
    fact.segments = segments.at(fact.at)
    for key, standing in standings.items():
        standing.walk.advance(fact.at)
        level = standing.level(fact.at)
        if level is not None:
            fact.tiers[key] = level.key
            if (factor := level.benefits.multiplier) is not None:
                over, under = ratio_of(factor)
                fact.multipliers[key] = Ratio(over - under, under)


def _note(found: Outcome, fact: Fact, terms: Terms, given: Sequence[Given]) -> None:
    points: dict[str, int] = {}
    kind = fact.trigger[0]
    if given:
        reference = fact.order.order_id if fact.order else None
        at, own = fact.at, dict[UUID, Award]()
        for live, got, uncapped, _ in given:
            rule, wallet = live.rule, live.wallet
            wait, life = rule.pending, rule.expiry
            if rule.counts_for_tiers:
                points[wallet] = points.get(wallet, 0) + got
            own[live.rule_id] = Award(
                live.version,
                live.name,
                wallet,
                at,
                got,
                uncapped,
                None if wait is None else _active_at(wait, fact, terms.zone_of(wallet)),
                None if life is None else _expires_at(life, fact, terms.zone_of(wallet)),
                kind,
                reference,
            )
        found.earned[fact.customer, fact.source] = own
    if found.standings and (told := fact.order or fact.happening) is not None:
        earned = _brought(told, fact.at, points)
        for standing in found.standings.values():
            standing.walk.record(earned)


def _active_at(wait: Wait, fact: Fact, zone: ZoneInfo) -> datetime:
    latest = WAITING
    if wait.on is not None:
        latest = max(fact.at, day_start(wait.on, zone))
    elif wait.days is not None:
        latest = day_start(add_days(local_day(fact.at, zone), wait.days), zone)
    if wait.until is None or (said_at := fact.said.get(wait.until)) is None:
        return latest
    return min(max(said_at, fact.at), latest)


def _expires_at(life: Life, fact: Fact, zone: ZoneInfo) -> datetime:
    if life.never:
        return NEVER
    day = life.on or add_days(add_months(local_day(fact.at, zone), life.months or 0), life.days or 0)
    return day_end(day, zone)
