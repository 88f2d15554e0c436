"""The rules in all their versions, ready to be asked: which hold at a moment for a kind of fact."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Literal, NamedTuple
from uuid import UUID

from services.loyalty.earning.domain.amounts import ONE, Ratio, ratio_of
from services.loyalty.earning.domain.facts import ORDER, Fact, Trigger, Wanted
from services.loyalty.earning.domain.rule import (
    WEEKDAYS,
    Amount,
    Cap,
    Conditions,
    Effect,
    Multiplier,
    OnBirthday,
    OnOrder,
    OnReferral,
    OnSegment,
    OnSurvey,
    OnTouchpoint,
    OrderNumber,
    PerAmount,
    Rule,
    TierMultiplier,
)
from services.loyalty.programs.domain.terms import Terms

State = Literal["draft", "active", "paused", "ended"]
ANY_SURVEY: Trigger = ("survey", "*")
# What is known by what the audience tells of segments, not as a fact that is kept.
SEGMENT = "segment"
TIER = "tier"

# Why a rule does not match a fact, in one word; None: this does not keep it from matching.
Test = Callable[[Fact, Terms], str | None]


class RuleVersion(NamedTuple):
    """A rule as it holds from a moment on."""

    rule_id: UUID
    version: int
    name: str
    state: State
    rule: Rule
    effective_from: datetime
    recorded_at: datetime
    recorded_by: str


@dataclass(frozen=True, slots=True, eq=False)
class Live:
    """A version of a rule, ready to be asked."""

    rule_id: UUID
    version: int
    name: str
    rule: Rule
    wanted: Wanted | None
    tests: tuple[tuple[str, Test], ...]
    is_multiplier: bool
    caps: tuple[Cap, ...]
    # Of the rule: models are slow to ask, and these are asked for every fact.
    effect: Effect
    wallet: str
    group: str | None
    # What it gives for each minor unit of money, or adds to each point; 1 where it does neither.
    worth: Ratio

    def refusal(self, fact: Fact, terms: Terms) -> str | None:
        """Which condition keeps it from matching."""
        for name, test in self.tests:
            if (reason := test(fact, terms)) is not None:
                return f"{name}:{reason}" if reason != name else name
        return None


def trigger_of(rule: Rule) -> Trigger:
    """By what the rule is found."""
    match rule.trigger:
        case OnOrder():
            return ORDER
        case OnTouchpoint(name=name):
            return "touchpoint", name
        case OnReferral(role=role):
            return "referral", role
        case OnBirthday():
            return "birthday", ""
        case OnSurvey(survey=survey):
            return "survey", survey or "*"
        case OnSegment(segment=segment):
            return SEGMENT, str(segment)


def _worth(effect: Effect) -> Ratio:
    if isinstance(effect, PerAmount):
        points, parts = ratio_of(effect.points)
        return Ratio(points, parts * effect.per_minor)
    if isinstance(effect, Multiplier):
        over, under = ratio_of(effect.factor)
        return Ratio(over - under, under)
    return ONE


@lru_cache(maxsize=4_096)
def live(rule_id: UUID, version: int, name: str, rule: Rule) -> Live:
    """A version made ready."""
    lines = rule.conditions.lines
    wanted = None if lines is None else Wanted.of(lines)
    return Live(
        rule_id,
        version,
        name,
        rule,
        wanted,
        tuple(_tests(rule, wanted)),
        rule.is_multiplier,
        rule.limits,
        rule.effect,
        rule.wallet,
        rule.group,
        _worth(rule.effect),
    )


class Rulebook:
    """All versions of all rules. Of a rule the latest that is in force at a moment holds.

    `watched` are the facts that achievements count: they are kept as well, and earn nothing by it; also the segments
    and the tier tracks that they ask for.
    """

    def __init__(self, versions: Iterable[RuleVersion], watched: frozenset[Trigger] = frozenset()) -> None:
        self.watched = watched
        self.versions = [each for each in versions if each.state != "draft"]
        self._starts = sorted({each.effective_from for each in self.versions})
        self._pages: list[Mapping[Trigger, tuple[Live, ...]]] = [self._page(start) for start in self._starts]
        active = [each for each in self.versions if each.state == "active"]
        self._lives = {(each.rule_id, each.version): live(*each[:3], each.rule) for each in active}
        rules = [each.rule for each in active]
        self.triggers = frozenset(trigger_of(rule) for rule in rules)
        self.entries = frozenset(rule.trigger.segment for rule in rules if isinstance(rule.trigger, OnSegment))
        self.segments = self.entries | {
            each
            for rule in rules
            for _, part in rule.conditions.tree()
            if (said := part.segments)
            for each in (*said.any_of, *said.none_of)
        }
        self.waits = frozenset(rule.pending.until for rule in rules if rule.pending and rule.pending.until)
        self.tracks = frozenset(track for rule in rules for track in tracks_of(rule))
        self.hears_touchpoints = bool(self.waits) or any(kind not in ("order", SEGMENT) for kind, _ in self.triggers)
        self.is_asked = self.hears_touchpoints or any(kind not in ("order", SEGMENT, TIER) for kind, _ in watched)
        self.watches_tiers = any(kind == TIER for kind, _ in watched)
        self.needs_history = any(_needs_history(rule) for rule in rules)

    def _page(self, at: datetime) -> Mapping[Trigger, tuple[Live, ...]]:
        latest: dict[UUID, RuleVersion] = {}
        for each in self.versions:
            known = latest.get(each.rule_id)
            if each.effective_from <= at and (known is None or known.version < each.version):
                latest[each.rule_id] = each
        page: defaultdict[Trigger, list[Live]] = defaultdict(list)
        for each in latest.values():
            if each.state == "active":
                page[trigger_of(each.rule)].append(live(each.rule_id, each.version, each.name, each.rule))
        return {trigger: tuple(sorted(found, key=_rank)) for trigger, found in page.items()}

    def at(self, moment: datetime, trigger: Trigger) -> Sequence[Live]:
        """The rules that hold at a moment for a kind of fact, the first in rank first."""
        place = bisect_right(self._starts, moment)
        if place == 0:
            return ()
        page = self._pages[place - 1]
        found = page.get(trigger, ())
        if trigger[0] == "survey" and (others := page.get(ANY_SURVEY)):
            return sorted((*found, *others), key=_rank)
        return found

    def version(self, rule: UUID, number: int) -> Live:
        """A rule in one of its active versions."""
        return self._lives[rule, number]

    @property
    def begins(self) -> datetime | None:
        """Before this moment nothing earns anything."""
        return self._starts[0] if self._starts else None

    def asks(self, kind: str, name: str) -> bool:
        """Whether a fact of this kind and name is of any interest."""
        return (
            (kind, name) in self.triggers
            or (kind == "survey" and ANY_SURVEY in self.triggers)
            or (kind == "birthday" and ("birthday", "") in self.triggers)
            or (kind == "touchpoint" and name in self.waits)
        )

    def watches(self, kind: str, name: str) -> bool:
        """Whether an achievement counts facts of this kind and name."""
        return (kind, name) in self.watched or (kind == "survey" and ANY_SURVEY in self.watched)


def tracks_of(rule: Rule) -> list[str]:
    """The tier tracks a rule asks for, each once."""
    said = dict.fromkeys(part.tiers.track for _, part in rule.conditions.tree() if part.tiers is not None)
    return list(said | {rule.effect.track: None} if isinstance(rule.effect, TierMultiplier) else said)


def _rank(each: Live) -> tuple[int, UUID]:
    return -each.rule.priority, each.rule_id


def _needs_history(rule: Rule) -> bool:
    """Whether what it gives for a fact hangs on other facts of the person."""
    return (
        any(cap.per != "transaction" for cap in rule.caps)
        or any(part.first_order is not None or part.order_number is not None for _, part in rule.conditions.tree())
        or isinstance(rule.trigger, OnBirthday | OnSegment)
        or bool(tracks_of(rule))
    )


def _tests(rule: Rule, wanted: Wanted | None) -> Iterable[tuple[str, Test]]:
    """The conditions as tests, the cheap ones first."""
    said, effect = rule.conditions, rule.effect
    if isinstance(effect, PerAmount):
        yield "currency", lambda fact, _: None if fact.order and fact.order.currency == effect.currency else "currency"
    if rule.from_ is not None or rule.until is not None:
        yield "campaign", lambda fact, _: _campaign(rule, fact)
    if rule.late_days is not None:
        latest = timedelta(days=rule.late_days)
        yield "late", lambda fact, _: "late" if fact.told_at is not None and fact.told_at - fact.at > latest else None
    yield from _own(said)
    if wanted is not None and not rule.is_multiplier:
        yield "lines", lambda fact, _: _lines(fact, wanted)
    yield from _rest(said, wanted)


def _own(said: Conditions) -> Iterable[tuple[str, Test]]:
    """What is asked of the fact and the person."""
    yield from _when(said)
    if (sources := said.sources) is not None:
        yield "sources", lambda fact, _: None if fact.channel in sources else "sources"
    if (coupons := said.coupons) is not None:
        yield "coupons", lambda fact, _: None if fact.order and fact.order.coupon in coupons else "coupons"
    if said.first_order is not None:
        is_first = said.first_order
        yield "first_order", lambda fact, _: None if (fact.number == 1) is is_first else "first_order"
    if (number := said.order_number) is not None:
        yield "order_number", lambda fact, _: _number(number, fact.number)
    yield from _who(said)


def _rest(said: Conditions, wanted: Wanted | None) -> Iterable[tuple[str, Test]]:
    """What is asked of the money of these lines (None: of the goods), and of what is in the conditions."""
    if (amount := said.amount) is not None:
        yield "amount", lambda fact, _: _amount(amount, fact, wanted)
    if said.any_of is not None:
        some = tuple(map(_whole, said.any_of))
        yield "any_of", lambda fact, terms: None if any(each(fact, terms) for each in some) else "any_of"
    if said.none_of is not None:
        none = tuple(map(_whole, said.none_of))
        # Which of them holds, by its place.
        yield (
            "none_of",
            lambda fact, terms: next((str(place) for place, each in enumerate(none) if each(fact, terms)), None),
        )


def _whole(said: Conditions) -> Callable[[Fact, Terms], bool]:
    """Whether all of these conditions hold."""
    wanted = None if said.lines is None else Wanted.of(said.lines)
    tests = [test for _, test in (*_own(said), *_rest(said, wanted))]
    if wanted is not None:
        tests.append(lambda fact, _: _lines(fact, wanted))
    return lambda fact, terms: all(test(fact, terms) is None for test in tests)


def _campaign(rule: Rule, fact: Fact) -> str | None:
    if rule.from_ is not None and fact.day < rule.from_:
        return "not_begun"
    return "over" if rule.until is not None and fact.day > rule.until else None


def _when(said: Conditions) -> Iterable[tuple[str, Test]]:
    if said.dates is not None:
        dates = tuple((each.from_, each.until) for each in said.dates)
        yield "dates", lambda fact, _: None if any(a <= fact.day <= b for a, b in dates) else "dates"
    if said.weekdays is not None:
        days = frozenset(WEEKDAYS.index(each) for each in said.weekdays)
        yield "weekdays", lambda fact, _: None if fact.day.weekday() in days else "weekdays"
    if said.hours is not None:
        hours = tuple((each.from_, each.until) for each in said.hours)

        def in_hours(fact: Fact, terms: Terms) -> str | None:
            now = fact.at.astimezone(terms.time_zone).time()
            for first, last in hours:
                if first <= now < last if first < last else (now >= first or now < last):
                    return None
            return "hours"

        yield "hours", in_hours


def _who(said: Conditions) -> Iterable[tuple[str, Test]]:
    if (segments := said.segments) is not None:
        some, none = frozenset(segments.any_of), frozenset(segments.none_of)

        def in_segments(fact: Fact, _: Terms) -> str | None:
            if some and not some & fact.segments:
                return "not_in_any"
            return "in_excluded" if none & fact.segments else None

        yield "segments", in_segments
    if (tiers := said.tiers) is not None:
        track, wanted, unwanted = tiers.track, frozenset(tiers.any_of), frozenset(tiers.none_of)

        def in_tiers(fact: Fact, _: Terms) -> str | None:
            held = fact.tiers.get(track)
            if wanted and held not in wanted:
                return "not_held"
            return "excluded_held" if held in unwanted else None

        yield "tiers", in_tiers


def _number(said: OrderNumber, number: int) -> str | None:
    if number < (said.at_least or 1):
        return "too_early"
    if said.at_most is not None and number > said.at_most:
        return "too_late"
    return "not_this_one" if said.every is not None and number % said.every else None


def _lines(fact: Fact, wanted: Wanted) -> str | None:
    if fact.order is None or fact.order.lines is None:
        return "unknown"
    return "none_counts" if not fact.counting(wanted).places else None


def _amount(said: Amount, fact: Fact, wanted: Wanted | None) -> str | None:
    if fact.order is None or fact.order.currency != said.currency:
        return "currency"
    over, under = fact.counting(wanted).minor
    if said.at_least_minor is not None and over < said.at_least_minor * under:
        return "too_small"
    if said.at_most_minor is not None and over > said.at_most_minor * under:
        return "too_large"
    return None
