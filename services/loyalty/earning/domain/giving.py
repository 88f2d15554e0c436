"""What one fact earns: matching rules, groups, exact amounts, multipliers, caps. Nothing here knows of other facts
but the caps, which remember what was given before."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from datetime import date
from math import lcm
from typing import NamedTuple
from uuid import UUID

from services.loyalty.earning.domain.amounts import NONE, ONE, Ratio, rounded, shares
from services.loyalty.earning.domain.book import Live
from services.loyalty.earning.domain.facts import Fact, price_of, total
from services.loyalty.earning.domain.rule import (
    Cap,
    Fixed,
    Multiplier,
    PerAmount,
    PerUnit,
    Rounding,
    TierMultiplier,
)
from services.loyalty.programs.domain.terms import MAX_POINTS, EarningCap, Terms


class Given(NamedTuple):
    """What a rule gives for a fact: `points` of `uncapped`; `exact` is what was rounded."""

    live: Live
    points: int
    uncapped: int
    exact: Ratio


class Refused(NamedTuple):
    """A rule that gives nothing for a fact, and why in one word."""

    live: Live
    reason: str


@dataclass(slots=True)
class Caps:
    """What each capped rule, and all rules into a capped wallet, have given a person in the periods that are running;
    facts come in the order of time."""

    used: dict[tuple[UUID | str, str], tuple[Hashable, int, int]] = field(default_factory=dict)

    def left(self, of: UUID | str, caps: Sequence[Cap | EarningCap], day: date, points: int) -> int:
        """How many of the points the rule may give, or a wallet of this name take; and note them."""
        allowed = points
        for cap in caps:
            allowed = self._allowed(of, cap, day, points, allowed)
        if allowed:
            self.note(of, caps, day, allowed)
        return allowed

    def note(self, of: UUID | str, caps: Sequence[Cap | EarningCap], day: date, points: int, times: int = 1) -> None:
        """So many points were given; below zero: given back, as if they had never been."""
        for per in {cap.per for cap in caps if cap.per != "transaction"}:
            period = _period(per, day)
            before = self.used.get((of, per))
            given, often = before[1:] if before is not None and before[0] == period else (0, 0)
            self.used[of, per] = period, given + points, often + times

    def _allowed(self, of: UUID | str, cap: Cap | EarningCap, day: date, points: int, allowed: int) -> int:
        given, times = 0, 0
        before = self.used.get((of, cap.per))
        if before is not None and before[0] == _period(cap.per, day):
            given, times = before[1:]
        if type(cap) is Cap and cap.times is not None:
            return allowed if times < cap.times else 0
        room = max(0, (cap.points or 0) - given)
        if cap.over == "reject":
            return allowed if points <= room else 0
        return min(allowed, room)


def _period(per: str, day: date) -> Hashable:
    match per:
        case "day":
            return day
        case "week":
            return day.isocalendar()[:2]
        case "month":
            return day.year, day.month
        case "year":
            return day.year
        case _:
            return None


def give(
    fact: Fact, rules: Sequence[Live], terms: Terms, caps: Caps, refused: list[Refused] | None = None
) -> list[Given]:
    """What the rules give for a fact, in their order. Points of 0 are no gift, but are told in `refused`."""
    matching = _matching(fact, rules, terms, refused)
    base = [_base(fact, live, terms, caps) for live in matching if not live.is_multiplier]
    extra: list[Given] = []
    multipliers = [live for live in matching if live.is_multiplier]
    if multipliers:
        extra = _extra(fact, base, multipliers, terms, caps)
    given = []
    for each in _within(fact, [*base, *extra], terms, caps):
        if each.points:
            given.append(each)
        elif refused is not None:
            refused.append(Refused(each.live, "capped" if each.uncapped else "rounds_to_nothing"))
    return given


def _within(fact: Fact, given: list[Given], terms: Terms, caps: Caps) -> list[Given]:
    """As much of it as the wallets take: what is too much is cut from the rules that come last."""
    for name in {each.live.wallet for each in given}:
        wallet = terms.wallets[name]
        if not wallet.caps or not (whole := sum(each.points for each in given if each.live.wallet == name)):
            continue
        left = caps.left(name, wallet.caps, fact.day, whole)
        for place, each in enumerate(given):
            if each.live.wallet == name:
                points = min(left, each.points)
                left -= points
                if points < each.points:
                    given[place] = each._replace(points=points)
                    # What the wallet did not take counts for no cap of the rule.
                    caps.note(each.live.rule_id, each.live.caps, fact.day, points - each.points, -(not points))
    return given


def _matching(fact: Fact, rules: Sequence[Live], terms: Terms, refused: list[Refused] | None) -> list[Live]:
    matching: list[Live] = []
    groups: set[str] = set()
    for live in rules:
        # A wallet may have come later than the rule that names it.
        reason = _closed(live, terms) or live.refusal(fact, terms)
        if reason is None and (group := live.group) is not None:
            reason = f"group:{group}" if group in groups else None
            groups.add(group)
        if reason is None:
            matching.append(live)
        elif refused is not None:
            refused.append(Refused(live, reason))
    return matching


def _closed(live: Live, terms: Terms) -> str | None:
    wallet = terms.wallets.get(live.wallet)
    if wallet is None:
        return "wallet"
    return "wallet_closed" if wallet.is_closed else None


def _base(fact: Fact, live: Live, terms: Terms, caps: Caps) -> Given:
    exact = exactly(fact, live)
    uncapped = min(MAX_POINTS, rounded(exact, _rounding(live, terms)))
    points = caps.left(live.rule_id, live.caps, fact.day, uncapped) if live.caps and uncapped else uncapped
    return Given(live, points, uncapped, exact)


def exactly(fact: Fact, live: Live) -> Ratio:
    """What a rule that gives by itself is worth for a fact, before rounding."""
    effect, order = live.effect, fact.order
    # Not isinstance, which models make slow, and which is asked here for every order and rule.
    if type(effect) is Fixed:
        return Ratio(effect.points)
    if order is None:
        return NONE
    if type(effect) is PerUnit:
        return fact.counting(live.wanted).units.times(effect.points, 1)
    if type(effect) is PerAmount:
        over, under = total(order) if effect.of == "total" else fact.counting(live.wanted).minor
        return Ratio(over * live.worth.over, under * live.worth.under)
    raise TypeError("a multiplier gives nothing by itself")


def _rounding(live: Live, terms: Terms) -> Rounding:
    effect = live.effect
    if (type(effect) is PerAmount or type(effect) is PerUnit) and effect.rounding is not None:
        return effect.rounding
    wallet = terms.wallets.get(live.wallet)
    return wallet.rounding if wallet else "floor"


def _extra(fact: Fact, base: Sequence[Given], multipliers: Sequence[Live], terms: Terms, caps: Caps) -> list[Given]:
    """What multipliers add: base and extra are rounded together, and the extra is shared among them exactly."""
    # What adds nothing gets no share.
    adding = [(place, each, more) for place, each in enumerate(multipliers) if (more := _more(fact, each)).over]
    sums = [0] * len(multipliers)
    for given in base if adding else ():
        wallet = given.live.wallet
        ours = [each for each in adding if each[1].wallet == wallet]
        if not ours:
            continue
        # What a cap cut is not multiplied.
        over, under = given.exact if given.points == given.uncapped else (given.points, 1)
        parts: list[tuple[int, int]] = []
        for _, live, (over_more, under_more) in ours:
            share, all_of_it = _share(fact, given.live, live) if live.wanted is not None else ONE
            parts.append((over_more * share, under_more * all_of_it))
        common = lcm(*[each for _, each in parts])
        weights = [each * (common // parted) for each, parted in parts]
        whole = rounded(Ratio(over * (common + sum(weights)), under * common), _rounding(given.live, terms))
        extra = max(0, whole - given.points)
        if len(ours) == 1:
            sums[ours[0][0]] += extra if weights[0] else 0
            continue
        for (place, _, _), points in zip(ours, shares(extra, weights), strict=True):
            sums[place] += points
    found = []
    for live, points in zip(multipliers, sums, strict=True):
        uncapped = min(MAX_POINTS, points)
        left = caps.left(live.rule_id, live.caps, fact.day, uncapped) if live.caps and uncapped else uncapped
        found.append(Given(live, left, uncapped, Ratio(uncapped)))
    return found


def _more(fact: Fact, live: Live) -> Ratio:
    """What a multiplier adds to each point."""
    effect = live.effect
    if type(effect) is Multiplier:
        return live.worth
    if type(effect) is TierMultiplier:
        return fact.multipliers.get(effect.track, NONE)
    raise TypeError("no multiplier")


def _share(fact: Fact, base: Live, multiplier: Live) -> Ratio:
    """The share of what `base` gives that stands on the lines the multiplier names."""
    order, effect, named = fact.order, base.effect, multiplier.wanted
    if order is None or order.lines is None or named is None or type(effect) is Fixed:
        return NONE
    by_units, wanted, ours, whole = type(effect) is PerUnit, base.wanted, 0, 0
    for line in order.lines:
        if wanted is None or wanted.takes(line):
            weight = line.quantity if by_units else price_of(line)
            whole += weight
            if named.takes(line):
                ours += weight
    return Ratio(ours, whole) if whole else NONE


def by_line(fact: Fact, given: Given) -> list[int] | None:
    """The points a rule gave, line by line, adding up to them; None where they stand on no lines."""
    order, effect = fact.order, given.live.rule.effect
    if order is None or not order.lines or not isinstance(effect, PerAmount | PerUnit):
        return None
    wanted = given.live.wanted
    weigh = (lambda line: line.quantity) if isinstance(effect, PerUnit) else price_of
    weights = [weigh(line) if wanted is None or wanted.takes(line) else 0 for line in order.lines]
    return shares(given.points, weights) if sum(weights) else None
