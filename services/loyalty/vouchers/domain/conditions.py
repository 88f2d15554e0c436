"""Reads a rule from JSON, or says everything that is wrong with it: where (JSON Pointer), a code, and a sentence.

    {"and": [{"amount": {"gte": 500000}, "currency": "VND"}, {"tier": ["gold", "diamond"]}]}
    {"or": [{"weekday": ["sat", "sun"]}, {"hours": {"from": "18:00", "to": "22:00"}}]}
    {"and": [{"first_order": true}, {"not": {"category": ["outlet"]}}]}

Combine    {"and": [rule, …]}, {"or": [rule, …]}, {"not": rule}
Customer   {"segment": id or [id, …]}, {"tier": name or [name, …], "track": name}, {"rank": {…}, "track": name},
           {"known": true}, {"first_order": true}, {"orders": {…}}
Basket     {"amount": {…}, "currency": code}, {"units": {…}}, {"lines": {…}}, each also with "of": selector;
           {"product": id or [id, …]}, {"sku": …}, {"category": …} (at least one line is such, "units": {…} how many)
When       {"weekday": ["mon", …]}, {"hours": {"from": "18:00", "to": "22:00"}}, {"dates": {"from": day, "to": day}},
           all in the campaign's zone; "to" of hours is not included, "to" of dates is
Where      {"channel": name or [name, …]}, {"metadata": name, "in": [value, …]} or with a range

A range is gte, gt, lte, lt, eq of whole numbers. A selector is {"products": […], "skus": […], "categories": […],
"except_products": […], "except_categories": […]}.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date, time
from typing import Any
from uuid import UUID

from services.loyalty.vouchers.domain import rule as rules
from services.loyalty.vouchers.domain.benefit import Selector
from services.loyalty.vouchers.domain.rule import Range, Rule
from services.loyalty.vouchers.errors import BadRule, Problem
from shared.money import EXPONENTS, MAX_MINOR

MAX_DEPTH = 8
MAX_CONDITIONS = 50
MAX_VALUES = 500
MAX_TEXT = 200
MAX_PROBLEMS = 20
DEFAULT_TRACK = "default"

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HEADS = (
    "and", "or", "not", "segment", "tier", "rank", "known", "first_order", "orders", "amount", "units", "lines",
    "product", "sku", "category", "weekday", "hours", "dates", "channel", "metadata",
)  # fmt: skip
# Words that are a condition of their own and also refine another one.
_REFINES = {"units": ("product", "sku", "category")}
_RANGE = ("gte", "gt", "lte", "lt", "eq")
_SELECTOR = ("products", "skus", "categories", "except_products", "except_categories")
_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
# Stands for a part that is wrong: something is refused in any case.
_WRONG = rules.Or(())


def parse(document: Any, *, currency: str | None = None) -> Rule:
    """The rule that a JSON document says; `currency` is the one that amounts must be in.

    Raises:
        BadRule: it says none, or contradicts itself; with up to `MAX_PROBLEMS` reasons.
    """
    reader = _Reader(currency)
    rule = reader.rule(document, "", 1)
    if reader.conditions > MAX_CONDITIONS:
        reader.wrong("", "too_many_conditions", f"A rule has at most {MAX_CONDITIONS} conditions.")
    if reader.problems:
        raise BadRule(reader.problems[:MAX_PROBLEMS])
    return rule


class _Reader:
    def __init__(self, currency: str | None) -> None:
        self.currency = currency
        self.problems: list[Problem] = []
        self.conditions = 0

    def wrong(self, path: str, code: str, message: str) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(Problem(path, code, message))

    def rule(self, document: Any, path: str, depth: int) -> Rule:
        if not isinstance(document, dict):
            self.wrong(path, "not_an_object", 'A rule is an object such as {"tier": "gold"}.')
            return _WRONG
        heads = [head for head in _HEADS if head in document]
        heads = [head for head in heads if not any(other in heads for other in _REFINES.get(head, ()))]
        if len(heads) != 1:
            self.wrong(path, "no_condition", f"A rule has exactly one of {', '.join(_HEADS)}.")
            return _WRONG
        if depth > MAX_DEPTH:
            self.wrong(path, "too_deep", f"Rules are nested at most {MAX_DEPTH} deep.")
            return _WRONG
        head = heads[0]
        if head in ("and", "or", "not"):
            return self._combined(head, document, path, depth)
        self.conditions += 1
        leaf: Callable[[Mapping[str, Any], str], Rule] = getattr(self, f"_{head}")
        return leaf(document, path)

    def _combined(self, head: str, document: Mapping[str, Any], path: str, depth: int) -> Rule:
        self._only(document, path, head)
        inner = document[head]
        if head == "not":
            return rules.Not(self.rule(inner, f"{path}/not", depth + 1))
        if not isinstance(inner, list) or not 1 <= len(inner) <= MAX_CONDITIONS:
            self.wrong(f"{path}/{head}", "not_a_list", f"Give a list of 1 to {MAX_CONDITIONS} rules.")
            return _WRONG
        parts = tuple(self.rule(part, f"{path}/{head}/{number}", depth + 1) for number, part in enumerate(inner))
        return rules.And(parts) if head == "and" else rules.Or(parts)

    def _segment(self, document: Mapping[str, Any], path: str) -> Rule:
        self._only(document, path, "segment")
        names = self._texts(document["segment"], f"{path}/segment")
        for name in names:
            try:
                UUID(name)
            except ValueError:
                self.wrong(f"{path}/segment", "not_a_segment", "A segment is named by its id, a UUID.")
        return rules.InSegment(frozenset(name.lower() for name in names))

    def _tier(self, document: Mapping[str, Any], path: str) -> Rule:
        self._only(document, path, "tier", "track")
        return rules.InTier(self._track(document, path), self._texts(document["tier"], f"{path}/tier"))

    def _rank(self, document: Mapping[str, Any], path: str) -> Rule:
        self._only(document, path, "rank", "track")
        return rules.HasRank(self._track(document, path), self._range(document["rank"], f"{path}/rank", most=1_000))

    def _known(self, document: Mapping[str, Any], path: str) -> Rule:
        self._only(document, path, "known")
        return rules.Known(self._truth(document["known"], f"{path}/known"))

    def _first_order(self, document: Mapping[str, Any], path: str) -> Rule:
        self._only(document, path, "first_order")
        return rules.FirstOrder(self._truth(document["first_order"], f"{path}/first_order"))

    def _orders(self, document: Mapping[str, Any], path: str) -> Rule:
        self._only(document, path, "orders")
        return rules.Orders(self._range(document["orders"], f"{path}/orders", most=10**9))

    def _amount(self, document: Mapping[str, Any], path: str) -> Rule:
        self._only(document, path, "amount", "currency", "of")
        code = document.get("currency", self.currency)
        if code not in EXPONENTS:
            self.wrong(f"{path}/currency", "unknown_currency", "Say the currency of the amount, an ISO 4217 code.")
        elif self.currency is not None and code != self.currency:
            self.wrong(f"{path}/currency", "currency_mismatch", f"The campaign is in {self.currency}.")
        within = self._range(document["amount"], f"{path}/amount", most=MAX_MINOR)
        return rules.Amount(str(code), within, self._of(document, path))

    def _units(self, document: Mapping[str, Any], path: str) -> Rule:
        self._only(document, path, "units", "of")
        return rules.Units(self._range(document["units"], f"{path}/units", most=10**9), self._of(document, path))

    def _lines(self, document: Mapping[str, Any], path: str) -> Rule:
        self._only(document, path, "lines", "of")
        return rules.Lines(self._range(document["lines"], f"{path}/lines", most=10**6), self._of(document, path))

    def _product(self, document: Mapping[str, Any], path: str) -> Rule:
        return self._such(document, path, "product", "products")

    def _sku(self, document: Mapping[str, Any], path: str) -> Rule:
        return self._such(document, path, "sku", "skus")

    def _category(self, document: Mapping[str, Any], path: str) -> Rule:
        return self._such(document, path, "category", "categories")

    def _such(self, document: Mapping[str, Any], path: str, head: str, field: str) -> Rule:
        self._only(document, path, head, "units")
        meant = Selector(**{field: self._texts(document[head], f"{path}/{head}")})
        count = self._range(document["units"], f"{path}/units", most=10**9) if "units" in document else Range(1)
        return rules.Units(count, meant)

    def _weekday(self, document: Mapping[str, Any], path: str) -> Rule:
        self._only(document, path, "weekday")
        days = self._texts(document["weekday"], f"{path}/weekday")
        if not days.issubset(WEEKDAYS):
            self.wrong(f"{path}/weekday", "not_a_weekday", f"Days of the week are {', '.join(WEEKDAYS)}.")
        return rules.OnWeekday(frozenset(WEEKDAYS.index(day) for day in days if day in WEEKDAYS))

    def _hours(self, document: Mapping[str, Any], path: str) -> Rule:
        self._only(document, path, "hours")
        value, at = document["hours"], f"{path}/hours"
        if not isinstance(value, dict) or set(value) != {"from", "to"}:
            self.wrong(at, "not_hours", 'Hours are {"from": "18:00", "to": "22:00"}.')
            return _WRONG
        if not all(isinstance(each, str) and _CLOCK.fullmatch(each) for each in value.values()):
            self.wrong(at, "not_hours", "A time of day is HH:MM, from 00:00 to 23:59.")
            return _WRONG
        start, end = time.fromisoformat(value["from"]), time.fromisoformat(value["to"])
        if start == end:
            self.wrong(at, "contradiction", "From and to are the same: leave the condition out for the whole day.")
        return rules.AtHours(start, end)

    def _dates(self, document: Mapping[str, Any], path: str) -> Rule:
        self._only(document, path, "dates")
        value, at = document["dates"], f"{path}/dates"
        if not isinstance(value, dict) or not value or not set(value) <= {"from", "to"}:
            self.wrong(at, "not_dates", 'Dates are {"from": "2026-11-20", "to": "2026-11-27"}, or one of both.')
            return _WRONG
        first, last = (self._day(value.get(end), f"{at}/{end}") for end in ("from", "to"))
        if first is not None and last is not None and first > last:
            self.wrong(at, "contradiction", "The first day is after the last one.")
        return rules.OnDates(first, last)

    def _channel(self, document: Mapping[str, Any], path: str) -> Rule:
        self._only(document, path, "channel")
        return rules.InChannel(self._texts(document["channel"], f"{path}/channel"))

    def _metadata(self, document: Mapping[str, Any], path: str) -> Rule:
        self._only(document, path, "metadata", "in", *_RANGE)
        name = document["metadata"]
        if not isinstance(name, str) or not 1 <= len(name) <= MAX_TEXT:
            self.wrong(f"{path}/metadata", "not_a_text", "Name what the shop says.")
        bounds = {op: document[op] for op in _RANGE if op in document}
        if "in" in document:
            if bounds:
                self.wrong(path, "two_comparisons", "Compare with values or with a range, not with both.")
            values = document["in"]
            is_list = isinstance(values, list) and 1 <= len(values) <= MAX_VALUES
            if not is_list or not all(isinstance(each, str | int) for each in values):
                self.wrong(f"{path}/in", "not_a_list", "Give a list of texts, whole numbers or truth values.")
                return _WRONG
            return rules.HasMetadata(str(name), tuple(values))
        if bounds:
            return rules.MetadataRange(str(name), self._range(bounds, path, least=-(10**15), most=10**15))
        return rules.HasMetadata(str(name), ())

    def _of(self, document: Mapping[str, Any], path: str) -> Selector:
        return self.selector(document["of"], f"{path}/of") if "of" in document else Selector()

    def selector(self, value: Any, path: str) -> Selector:
        if not isinstance(value, dict) or not value or not set(value) <= set(_SELECTOR):
            self.wrong(path, "not_a_selector", f"A selector has some of {', '.join(_SELECTOR)}.")
            return Selector()
        return Selector(**{name: self._texts(value[name], f"{path}/{name}") for name in value})

    def _track(self, document: Mapping[str, Any], path: str) -> str:
        track = document.get("track", DEFAULT_TRACK)
        if not isinstance(track, str) or not 1 <= len(track) <= MAX_TEXT:
            self.wrong(f"{path}/track", "not_a_text", "Name the track.")
        return str(track)

    def _range(self, value: Any, path: str, *, most: int, least: int = 0) -> Range:
        if not isinstance(value, dict) or not value or not set(value) <= set(_RANGE):
            self.wrong(path, "not_a_range", f"A range has some of {', '.join(_RANGE)}.")
            return Range()
        low: int | None = None
        high: int | None = None
        for op, bound in value.items():
            # `type`: true is no number.
            if type(bound) is not int or not least <= bound <= most:
                self.wrong(f"{path}/{op}", "not_a_whole_number", f"Give a whole number from {least} to {most}.")
                return Range()
            if op in ("gte", "gt", "eq"):
                from_here = bound + (op == "gt")
                low = from_here if low is None else max(low, from_here)
            if op in ("lte", "lt", "eq"):
                to_here = bound - (op == "lt")
                high = to_here if high is None else min(high, to_here)
        if low is not None and high is not None and low > high:
            self.wrong(path, "contradiction", "No number is in this range.")
        if least == 0 and high is not None and high < 0:
            self.wrong(path, "contradiction", "No number is in this range.")
        return Range(low, high)

    def _texts(self, value: Any, path: str) -> frozenset[str]:
        values = [value] if isinstance(value, str) else value
        if not isinstance(values, list) or not 1 <= len(values) <= MAX_VALUES:
            self.wrong(path, "not_a_list", f"Give a text, or a list of 1 to {MAX_VALUES} texts.")
            return frozenset()
        if not all(isinstance(each, str) and 1 <= len(each) <= MAX_TEXT for each in values):
            self.wrong(path, "not_a_text", f"Give texts of 1 to {MAX_TEXT} characters.")
            return frozenset()
        return frozenset(values)

    def _truth(self, value: Any, path: str) -> bool:
        if not isinstance(value, bool):
            self.wrong(path, "not_true_or_false", "Give true or false.")
        return value is True

    def _day(self, value: Any, path: str) -> date | None:
        if value is None:
            return None
        try:
            return date.fromisoformat(value if isinstance(value, str) and _DAY.fullmatch(value) else "")
        except ValueError:
            self.wrong(path, "not_a_date", "A day is written 2026-11-20.")
            return None

    def _only(self, document: Mapping[str, Any], path: str, *known: str) -> None:
        for name in sorted(set(document) - set(known)):
            self.wrong(f"{path}/{name[:MAX_TEXT]}", "unknown_word", f"This condition has only {', '.join(known)}.")
