"""Judges a rule on a basket, a customer and a moment, and says of each part why it does not hold."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from services.loyalty.vouchers.domain import rule as rules
from services.loyalty.vouchers.domain.basket import Basket
from services.loyalty.vouchers.domain.facts import Facts
from services.loyalty.vouchers.domain.rule import Range, Rule


class Situation(NamedTuple):
    """What a rule is judged on; `now` is aware, days and hours are those of `zone`."""

    basket: Basket
    facts: Facts
    now: datetime
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of one part of a rule: `code` names the condition, `needed` and `found` say why it holds or not."""

    pointer: str
    code: str
    holds: bool
    needed: Any = None
    found: Any = None
    parts: "tuple[Verdict, ...]" = ()

    def failures(self) -> "list[Verdict]":
        """The conditions that are to blame: the leaves of the parts that should have held and did not."""
        if self.holds:
            return []
        if self.code in ("and", "or"):
            return [each for part in self.parts if not part.holds for each in part.failures()]
        return [self]

    def document(self) -> dict[str, Any]:
        """The JSON form."""
        said: dict[str, Any] = {"pointer": self.pointer, "code": self.code, "holds": self.holds}
        if self.needed is not None:
            said["needed"] = self.needed
        if self.found is not None:
            said["found"] = self.found
        if self.parts:
            said["parts"] = [part.document() for part in self.parts]
        return said


def judge(rule: Rule, situation: Situation, pointer: str = "") -> Verdict:
    """Judge every part of a rule: all of them, so that whoever asks sees everything that is missing."""
    if isinstance(rule, rules.Not):
        part = judge(rule.part, situation, f"{pointer}/not")
        return Verdict(pointer, "not", not part.holds, parts=(part,))
    if isinstance(rule, rules.And | rules.Or):
        head = "and" if isinstance(rule, rules.And) else "or"
        parts = tuple(judge(part, situation, f"{pointer}/{head}/{n}") for n, part in enumerate(rule.parts))
        holds = all(p.holds for p in parts) if head == "and" else any(p.holds for p in parts)
        return Verdict(pointer, head, holds, parts=parts)
    code, holds, needed, found = _LEAVES[type(rule)](rule, situation)
    return Verdict(pointer, code, holds, needed, found)


_Said = tuple[str, bool, Any, Any]


def _span(within: Range) -> dict[str, int]:
    bounds = {"gte": within.low, "lte": within.high}
    return {name: bound for name, bound in bounds.items() if bound is not None}


def _segment(rule: rules.InSegment, at: Situation) -> _Said:
    # Which segments somebody is in is nobody's business who does not know it yet: only what was asked is said.
    return "segment", not rule.segments.isdisjoint(at.facts.segments), sorted(rule.segments), None


def _tier(rule: rules.InTier, at: Situation) -> _Said:
    tier = at.facts.tiers.get(rule.track)
    return "tier", tier in rule.tiers, sorted(rule.tiers), tier


def _rank(rule: rules.HasRank, at: Situation) -> _Said:
    rank = at.facts.ranks.get(rule.track, 0)
    return "rank", rule.rank.holds(rank), _span(rule.rank), rank


def _known(rule: rules.Known, at: Situation) -> _Said:
    is_known = at.facts.person is not None
    return "known", is_known == rule.is_known, rule.is_known, is_known


def _first_order(rule: rules.FirstOrder, at: Situation) -> _Said:
    orders = at.facts.orders
    return "first_order", orders is not None and (orders == 0) == rule.is_first, rule.is_first, orders


def _orders(rule: rules.Orders, at: Situation) -> _Said:
    orders = at.facts.orders
    return "orders", orders is not None and rule.wanted.holds(orders), _span(rule.wanted), orders


def _amount(rule: rules.Amount, at: Situation) -> _Said:
    amount = sum(line.total_minor for line in at.basket.lines if rule.lines.matches(line))
    holds = at.basket.currency == rule.currency and rule.minor.holds(amount)
    needed = {**_span(rule.minor), "currency": rule.currency}
    return "amount", holds, needed, {"minor": amount, "currency": at.basket.currency}


def _units(rule: rules.Units, at: Situation) -> _Said:
    count = sum(line.quantity for line in at.basket.lines if rule.lines.matches(line))
    return "units", rule.wanted.holds(count), _span(rule.wanted), count


def _lines(rule: rules.Lines, at: Situation) -> _Said:
    count = sum(rule.lines.matches(line) for line in at.basket.lines)
    return "lines", rule.wanted.holds(count), _span(rule.wanted), count


def _weekday(rule: rules.OnWeekday, at: Situation) -> _Said:
    day = at.now.astimezone(at.zone).weekday()
    return "weekday", day in rule.days, [_DAYS[each] for each in sorted(rule.days)], _DAYS[day]


def _hours(rule: rules.AtHours, at: Situation) -> _Said:
    now = at.now.astimezone(at.zone).time()
    holds = rule.start <= now < rule.end if rule.start < rule.end else now >= rule.start or now < rule.end
    return "hours", holds, {"from": f"{rule.start:%H:%M}", "to": f"{rule.end:%H:%M}"}, f"{now:%H:%M}"


def _dates(rule: rules.OnDates, at: Situation) -> _Said:
    today = at.now.astimezone(at.zone).date()
    holds = (rule.first is None or today >= rule.first) and (rule.last is None or today <= rule.last)
    ends = {"from": rule.first, "to": rule.last}
    return "dates", holds, {name: day.isoformat() for name, day in ends.items() if day is not None}, today.isoformat()


def _channel(rule: rules.InChannel, at: Situation) -> _Said:
    return "channel", at.basket.channel in rule.channels, sorted(rule.channels), at.basket.channel


def _metadata(rule: rules.HasMetadata, at: Situation) -> _Said:
    if rule.name not in at.basket.metadata:
        return "metadata", False, {"name": rule.name, "in": list(rule.values)}, None
    value = at.basket.metadata[rule.name]
    # 1 is not true here.
    holds = not rule.values or any(type(each) is type(value) and each == value for each in rule.values)
    return "metadata", holds, {"name": rule.name, "in": list(rule.values)}, value


def _metadata_range(rule: rules.MetadataRange, at: Situation) -> _Said:
    value = at.basket.metadata.get(rule.name)
    return "metadata", type(value) is int and rule.range.holds(value), {"name": rule.name, **_span(rule.range)}, value


_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_LEAVES: Mapping[type, Callable[[Any, Situation], _Said]] = {
    rules.InSegment: _segment,
    rules.InTier: _tier,
    rules.HasRank: _rank,
    rules.Known: _known,
    rules.FirstOrder: _first_order,
    rules.Orders: _orders,
    rules.Amount: _amount,
    rules.Units: _units,
    rules.Lines: _lines,
    rules.OnWeekday: _weekday,
    rules.AtHours: _hours,
    rules.OnDates: _dates,
    rules.InChannel: _channel,
    rules.HasMetadata: _metadata,
    rules.MetadataRange: _metadata_range,
}
