"""What contradicts itself in a rule: each with its place, and a sentence that mends it."""

from collections.abc import Iterator
from datetime import date, timedelta

from services.loyalty.earning.domain.rule import (
    WEEKDAYS,
    Cap,
    Conditions,
    Fixed,
    Multiplier,
    OnOrder,
    OnSegment,
    PerAmount,
    PerUnit,
    Rule,
    Segments,
    Tiers,
)
from services.loyalty.earning.errors import Problem
from shared.money import EXPONENTS

MAX_DEPTH = 3
MAX_PARTS = 30


def problems(rule: Rule) -> list[Problem]:
    """All that is wrong with a rule by itself; what it names is looked up elsewhere."""
    return [
        *_tree(rule.conditions),
        *_trigger(rule),
        *_effect(rule),
        *_caps(rule),
        *_campaign(rule),
        *_life(rule),
    ]


def _tree(said: Conditions) -> Iterator[Problem]:
    """What is wrong with conditions, and with those in them."""
    parts = list(said.tree())
    if len(parts) > MAX_PARTS:
        message = f"There are {len(parts)} conditions in one another; {MAX_PARTS} are the most."
        yield Problem("/conditions", "too_many", message)
    for at, part in parts:
        if at.count("/") > 1 + 2 * MAX_DEPTH:
            yield Problem(at, "too_deep", f"Conditions lie {MAX_DEPTH} deep in one another at most.")
            return
        if part is not said and part == Conditions():
            yield Problem(at, "empty", "It always holds; name something in it, or leave it out.")
        yield from (each._replace(pointer=at + each.pointer.removeprefix("/conditions")) for each in _conditions(part))


def _conditions(said: Conditions) -> Iterator[Problem]:
    for name, choice in (("segments", said.segments), ("tiers", said.tiers)):
        if choice is not None:
            yield from _choice(name, choice)
    yield from _lines(said)
    for name in ("sources", "coupons", "weekdays", "hours", "dates", "any_of", "none_of"):
        if getattr(said, name) == ():
            yield _empty(name, "Nothing is in an empty list; name some, or leave it out.")
    yield from _numbers(said)
    yield from _first(said)
    yield from _days(said)


def _choice(name: str, choice: Segments | Tiers) -> Iterator[Problem]:
    if both := set(map(str, choice.any_of)) & set(map(str, choice.none_of)):
        yield _contradiction(name, f"{min(both)} is both asked for and ruled out; leave one.")
    if not choice.any_of and not choice.none_of:
        yield _empty(name, "Name some in any_of or none_of, or leave it out.")


def _numbers(said: Conditions) -> Iterator[Problem]:
    amount, number = said.amount, said.order_number
    if amount is not None and amount.currency not in EXPONENTS:
        yield Problem("/conditions/amount/currency", "unknown_currency", "It is not an ISO 4217 code such as VND.")
    if amount is not None and _is_between(amount.at_least_minor, amount.at_most_minor):
        yield _contradiction("amount", "at_least_minor is more than at_most_minor; swap them.")
    if number is not None and _is_between(number.at_least, number.at_most):
        yield _contradiction("order_number", "at_least is more than at_most; swap them.")
    elif number is not None and number.every is not None and number.at_most is not None:
        first = -(-(number.at_least or 1) // number.every) * number.every
        if first > number.at_most:
            yield _contradiction("order_number/every", f"No multiple of {number.every} lies between the bounds.")


def _lines(said: Conditions) -> Iterator[Problem]:
    lines = said.lines
    if lines is None:
        return
    for name in ("categories", "products", "skus"):
        if both := set(getattr(lines, name)) & set(getattr(lines, f"except_{name}")):
            yield _contradiction(f"lines/{name}", f"{min(both)!r} is both named and excepted; leave one.")
    if lines == type(lines)():
        yield _empty("lines", "Name categories, products or SKUs, or leave it out.")


def _is_between(least: int | None, most: int | None) -> bool:
    return least is not None and most is not None and least > most


def _first(said: Conditions) -> Iterator[Problem]:
    number = said.order_number
    if said.first_order is None or number is None:
        return
    if said.first_order and ((number.at_least or 1) > 1 or number.every):
        yield _contradiction("first_order", "The first order is number 1; leave order_number out.")
    if not said.first_order and number.at_most == 1:
        yield _contradiction("first_order", "Order number 1 is the first; say first_order true, or leave it out.")


def _days(said: Conditions) -> Iterator[Problem]:
    for place, hours in enumerate(said.hours or ()):
        if hours.from_ == hours.until:
            yield _contradiction(f"hours/{place}", "The window is empty; for the whole day leave hours out.")
        if hours.from_.tzinfo or hours.until.tzinfo:
            yield _contradiction(f"hours/{place}", "Local times have no offset: write 09:00.")
    for place, dates in enumerate(said.dates or ()):
        if dates.from_ > dates.until:
            yield _contradiction(f"dates/{place}", "It ends before it begins; swap the days.")


def _holds_weekday(said: Conditions, first: date, last: date) -> bool:
    days = range(min((last - first).days, 6) + 1)
    return any(WEEKDAYS[(first + timedelta(each)).weekday()] in (said.weekdays or ()) for each in days)


def _trigger(rule: Rule) -> Iterator[Problem]:
    if isinstance(rule.trigger, OnOrder):
        return
    segments = rule.conditions.segments
    if isinstance(rule.trigger, OnSegment) and segments is not None and rule.trigger.segment in segments.none_of:
        yield _contradiction("segments/none_of", "Who enters a segment is in it; leave it out.")
    for at, part in rule.conditions.tree():
        for name in ("lines", "amount", "first_order", "order_number", "coupons"):
            if getattr(part, name) is not None:
                message = f"A {rule.trigger.on} has no {name}; only orders have."
                yield Problem(f"{at}/{name}", "contradiction", message)
    if isinstance(rule.effect, PerAmount | PerUnit):
        yield Problem("/effect/kind", "contradiction", f"A {rule.trigger.on} has no amount; give fixed points.")
    if rule.pending is not None and rule.pending.until is not None:
        yield Problem("/pending/until", "contradiction", "Only the points of an order wait for a word on that order.")


def _effect(rule: Rule) -> Iterator[Problem]:
    effect, amount = rule.effect, rule.conditions.amount
    if isinstance(effect, PerAmount):
        if effect.currency not in EXPONENTS:
            yield Problem("/effect/currency", "unknown_currency", "It is not an ISO 4217 code such as VND.")
        if amount is not None and amount.currency != effect.currency:
            yield _contradiction(
                "amount/currency", f"The effect counts {effect.currency}; no order is in two currencies."
            )
        if effect.of == "total" and rule.conditions.lines is not None:
            yield Problem("/effect/of", "contradiction", "The total is of all lines; with lines, say goods.")
    if isinstance(effect, Multiplier) and effect.factor <= 1:
        yield Problem("/effect/factor", "contradiction", "A multiplier is more than 1; this one would give nothing.")
    if rule.is_multiplier and rule.conditions.lines is not None and not isinstance(effect, Multiplier):
        yield _contradiction("lines", "A tier's multiplier is of all lines; leave lines out.")
    if isinstance(effect, PerAmount) and effect.of == "goods" and amount is not None and amount.at_most_minor == 0:
        yield _contradiction("amount/at_most_minor", "For nothing paid nothing is given; say more, or fixed points.")


def _caps(rule: Rule) -> Iterator[Problem]:
    seen: set[tuple[str, bool]] = set()
    for place, cap in enumerate(rule.caps):
        at = f"/caps/{place}"
        if (cap.points is None) == (cap.times is None):
            yield Problem(at, "contradiction", "A cap is in points or in times: give one of them.")
            continue
        if cap.times is not None and cap.per == "transaction":
            yield Problem(at, "contradiction", "A transaction comes once; cap its points instead.")
        if cap.times is not None and cap.over == "reject":
            yield Problem(f"{at}/over", "contradiction", "Times cannot be given in part; leave over out.")
        if (cap.per, cap.points is None) in seen:
            yield Problem(at, "contradiction", f"There is another cap per {cap.per}; leave one.")
        seen.add((cap.per, cap.points is None))
        if isinstance(rule.effect, Fixed) and _gives_nothing(cap, rule.effect.points):
            yield Problem(at, "contradiction", f"The rule gives {rule.effect.points} at once: it would never give any.")


def _gives_nothing(cap: Cap, points: int) -> bool:
    return cap.over == "reject" and cap.points is not None and cap.points < points


def _campaign(rule: Rule) -> Iterator[Problem]:
    first, last = rule.from_, rule.until
    if first is not None and last is not None and first > last:
        yield Problem("/until", "contradiction", "The campaign ends before it begins; swap the days.")
        return
    dates = rule.conditions.dates
    if dates and not any(
        (last is None or each.from_ <= last) and (first is None or each.until >= first) for each in dates
    ):
        yield _contradiction("dates", "None of the dates lies within the campaign.")
        return
    # The days that are left: those of the campaign, or of each of the dates as far as it lies in it.
    spans = [(each.from_, each.until) for each in dates or ()] or [(first or date.min, last or date.max)]
    within = [(max(a, first or a), min(b, last or b)) for a, b in spans]
    left = [(a, b) for a, b in within if a <= b]
    if rule.conditions.weekdays and left and not any(_holds_weekday(rule.conditions, a, b) for a, b in left):
        said = "None of the dates" if dates else "No day of the campaign"
        yield _contradiction("weekdays", f"{said} falls on one of the weekdays.")


def _life(rule: Rule) -> Iterator[Problem]:
    life, wait = rule.expiry, rule.pending
    if wait is not None and wait.days is None and wait.on is None and wait.until is None:
        yield Problem(
            "/pending", "contradiction", "Say after how many days, from which day, or until which touchpoint."
        )
    if wait is not None and wait.days is not None and wait.on is not None:
        yield Problem("/pending", "contradiction", "Say days or a day, not both.")
    if life is None:
        return
    if sum(each is not None for each in (life.days, life.months, life.on, life.never or None)) != 1:
        yield Problem("/expiry", "contradiction", "Say one of days, months, on and never.")
    if wait is not None and wait.days is not None and life.days is not None and life.days <= wait.days:
        yield Problem("/expiry/days", "contradiction", "The points would end before they begin to count.")
    if wait is not None and wait.on is not None and life.on is not None and life.on < wait.on:
        yield Problem("/expiry/on", "contradiction", "The points would end before they begin to count.")
    if life.on is not None and rule.from_ is not None and life.on < rule.from_:
        yield Problem("/expiry/on", "contradiction", "The points would end before the campaign begins.")


def _contradiction(place: str, message: str) -> Problem:
    return Problem(f"/conditions/{place}", "contradiction", message)


def _empty(place: str, message: str) -> Problem:
    return Problem(f"/conditions/{place}", "empty", message)
