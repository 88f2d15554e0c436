"""Reads a rule from JSON, or says everything that is wrong with it: where (JSON Pointer), a code, and a sentence.

    {"and": [{"trait": "city", "in": ["Huế", "Đà Nẵng"]}, {"computed": "net_minor", "currency": "VND", "gte": 5000000}]}
    {"event": "Product Viewed", "count": {"gte": 3}, "within_days": 7}
    {"and": [{"computed": "orders", "gte": 1}, {"not": {"computed": "days_since_last_order", "lt": 90}}]}

Combine    {"and": [rule, …]}, {"or": [rule, …]}, {"not": rule}
Traits     {"trait": name, …} with eq, ne, in, exists, contains, starts_with, and gt, gte, lt, lte with a number, a date
           or a time
Computed   {"computed": "orders", …}, {"computed": "net_minor" | "gross_minor" | "refunds_minor", "currency": code, …},
           {"computed": "days_since_last_order", …}, {"computed": "first_order_at" | "last_order_at", …}
Events     {"event": name}, {"event": name, "count": {…}, "within_days": n}, {"event": name, "days_since_last": {…}}
Others     {"identified": true}, {"list": id of a static segment}

Of several comparisons in one condition all must hold: {"trait": "age", "gte": 18, "lt": 30}.
"""

import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, cast, get_args
from uuid import UUID

from services.profiles.domain.traits import MAX_NAME_LENGTH
from services.profiles.segments.domain.rule import (
    And,
    DaysSince,
    EventCount,
    Identified,
    InList,
    Moment,
    MomentName,
    Not,
    Op,
    Or,
    OrderMoment,
    OrderTotal,
    Rule,
    Scalar,
    TotalName,
    TraitCompares,
    TraitExists,
    TraitIs,
    TraitText,
)
from services.profiles.segments.errors import BadRule, Problem
from shared.money import EXPONENTS

MAX_DEPTH = 10
MAX_CONDITIONS = 50
MAX_VALUES = 200
MAX_TEXT = 1_000
MAX_DAYS = 3_650
MAX_PROBLEMS = 20

_ORDERED: tuple[Op, ...] = ("gt", "gte", "lt", "lte")
_NUMERIC: tuple[Op, ...] = ("eq", "ne", *_ORDERED)
_HEADS = ("and", "or", "not", "trait", "computed", "event", "identified", "list")
_TIME = re.compile(
    r"\d{4}-\d\d-\d\d([Tt ]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,6})?)?([Zz]|[+-](0\d|1[0-4]):[0-5]\d))?", re.ASCII
)
# Stands for a part that is wrong: something is refused in any case.
_WRONG = Or(())


def parse(document: Any) -> Rule:
    """The rule that a JSON document says.

    Raises:
        BadRule: it says none; with up to `MAX_PROBLEMS` reasons.
    """
    reader = _Reader()
    rule = reader.rule(document, "", 1)
    if reader.conditions > MAX_CONDITIONS:
        reader.wrong("", "too_many_conditions", f"A rule has at most {MAX_CONDITIONS} conditions.")
    if reader.problems:
        raise BadRule(reader.problems[:MAX_PROBLEMS])
    return rule


class _Reader:
    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.conditions = 0

    def wrong(self, path: str, code: str, message: str) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(Problem(path, code, message))

    def rule(self, document: Any, path: str, depth: int) -> Rule:
        if not isinstance(document, dict):
            self.wrong(path, "not_an_object", 'A rule is an object such as {"trait": "city", "eq": "Huế"}.')
            return _WRONG
        heads = [head for head in _HEADS if head in document]
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
            return Not(self.rule(inner, f"{path}/not", depth + 1))
        if not isinstance(inner, list) or not 1 <= len(inner) <= MAX_CONDITIONS:
            self.wrong(f"{path}/{head}", "not_a_list", f"Give a list of 1 to {MAX_CONDITIONS} rules.")
            return _WRONG
        parts = tuple(self.rule(part, f"{path}/{head}/{number}", depth + 1) for number, part in enumerate(inner))
        return And(parts) if head == "and" else Or(parts)

    def _trait(self, document: Mapping[str, Any], path: str) -> Rule:
        name = self._name(document["trait"], f"{path}/trait")
        ops = self._ops(document, path, ("eq", "ne", "in", "exists", "contains", "starts_with", *_ORDERED), "trait")
        return _all([self._trait_test(name, op, value, f"{path}/{op}") for op, value in ops.items()])

    def _trait_test(self, name: str, op: str, value: Any, path: str) -> Rule:
        if op in ("eq", "ne", "contains"):
            scalar = self._scalar(value, path)
            if op == "contains":
                return TraitText(name, "contains", scalar)
            return TraitIs(name, (scalar,), is_one=op == "eq")
        if op == "in":
            if not isinstance(value, list) or not 1 <= len(value) <= MAX_VALUES:
                self.wrong(path, "not_a_list", f"Give a list of 1 to {MAX_VALUES} values.")
                return _WRONG
            return TraitIs(name, tuple(self._scalar(each, f"{path}/{number}") for number, each in enumerate(value)))
        if op == "exists":
            there = TraitExists(name)
            return there if self._truth(value, path) else Not(there)
        if op == "starts_with":
            if not isinstance(value, str):
                self.wrong(path, "not_a_text", "Give a text.")
                return _WRONG
            return TraitText(name, "starts_with", self._scalar(value, path))
        if _is_number(value):
            return TraitCompares(name, cast(Op, op), value)
        return TraitCompares(name, cast(Op, op), self._moment(value, path))

    def _computed(self, document: Mapping[str, Any], path: str) -> Rule:
        name = document["computed"]
        if name in get_args(TotalName):
            is_money = name != "orders"
            ops = self._ops(document, path, _NUMERIC, "computed", *(["currency"] if is_money else []))
            currency = self._currency(document, path) if is_money else None
            return _all(
                [OrderTotal(name, currency, cast(Op, op), self._whole(v, f"{path}/{op}")) for op, v in ops.items()]
            )
        if name == "days_since_last_order":
            ops = self._ops(document, path, _ORDERED, "computed")
            return _all([self._since(None, op, value, f"{path}/{op}") for op, value in ops.items()])
        if name in get_args(MomentName):
            ops = self._ops(document, path, _ORDERED, "computed")
            return _all([OrderMoment(name, cast(Op, op), self._moment(v, f"{path}/{op}")) for op, v in ops.items()])
        known = ", ".join((*get_args(TotalName), "days_since_last_order", *get_args(MomentName)))
        self.wrong(f"{path}/computed", "unknown_computed", f"Computed traits are {known}.")
        return _WRONG

    def _event(self, document: Mapping[str, Any], path: str) -> Rule:
        event = self._name(document["event"], f"{path}/event")
        if "days_since_last" in document:
            self._only(document, path, "event", "days_since_last")
            ops = self._object(document["days_since_last"], f"{path}/days_since_last", _ORDERED)
            return _all([self._since(event, op, value, f"{path}/days_since_last/{op}") for op, value in ops.items()])
        self._only(document, path, "event", "count", "within_days")
        within = document.get("within_days")
        if within is not None and not (_is_whole(within) and 1 <= within <= MAX_DAYS):
            self.wrong(f"{path}/within_days", "not_days", f"Give a whole number of days from 1 to {MAX_DAYS}.")
        ops = self._object(document.get("count", {"gte": 1}), f"{path}/count", _NUMERIC)
        return _all(
            [EventCount(event, within, cast(Op, op), self._whole(v, f"{path}/count/{op}")) for op, v in ops.items()]
        )

    def _identified(self, document: Mapping[str, Any], path: str) -> Rule:
        self._only(document, path, "identified")
        return Identified() if self._truth(document["identified"], f"{path}/identified") else Not(Identified())

    def _list(self, document: Mapping[str, Any], path: str) -> Rule:
        self._only(document, path, "list")
        try:
            return InList(UUID(document["list"]))
        except (ValueError, TypeError, AttributeError):
            self.wrong(f"{path}/list", "not_an_id", "Give the id of a static segment.")
            return _WRONG

    def _since(self, event: str | None, op: str, value: Any, path: str) -> Rule:
        if not _is_whole(value) or not 0 <= value <= MAX_DAYS:
            self.wrong(path, "not_days", f"Give a whole number of days from 0 to {MAX_DAYS}.")
            return _WRONG
        return DaysSince(event, cast(Op, op), value)

    def _only(self, document: Mapping[str, Any], path: str, *fields: str) -> None:
        for field in document:
            if field not in fields:
                self.wrong(path, "unknown_field", f"This condition has no other fields than {', '.join(fields)}.")
                return

    def _ops(self, document: Mapping[str, Any], path: str, ops: tuple[str, ...], *fields: str) -> dict[str, Any]:
        """The comparisons beside these fields."""
        return self._object({name: value for name, value in document.items() if name not in fields}, path, ops)

    def _object(self, document: Any, path: str, ops: tuple[str, ...]) -> dict[str, Any]:
        if not isinstance(document, dict) or not document:
            self.wrong(path, "no_comparison", f"Compare with one of {', '.join(ops)}.")
            return {}
        if any(op not in ops for op in document):
            self.wrong(path, "unknown_comparison", f"Comparisons here are {', '.join(ops)}.")
        return {op: value for op, value in document.items() if op in ops}

    def _name(self, value: Any, path: str) -> str:
        if isinstance(value, str) and 0 < len(name := _composed(value).strip()) <= MAX_NAME_LENGTH:
            return name
        self.wrong(path, "not_a_name", f"A name has 1 to {MAX_NAME_LENGTH} characters.")
        return ""

    def _scalar(self, value: Any, path: str) -> Scalar:
        if isinstance(value, str) and len(value) <= MAX_TEXT:
            return _composed(value)
        if isinstance(value, bool) or _is_number(value):
            return cast(Scalar, value)
        self.wrong(path, "not_a_value", f"Give a text of at most {MAX_TEXT} characters, a number, true or false.")
        return ""

    def _truth(self, value: Any, path: str) -> bool:
        if isinstance(value, bool):
            return value
        self.wrong(path, "not_a_truth", "Give true or false.")
        return True

    def _whole(self, value: Any, path: str) -> int:
        if _is_whole(value):
            return int(value)
        self.wrong(path, "not_a_whole_number", "Give a whole number of at most 64 bits; money is in minor units.")
        return 0

    def _currency(self, document: Mapping[str, Any], path: str) -> str:
        code = document.get("currency")
        if isinstance(code, str) and code in EXPONENTS:
            return code
        self.wrong(f"{path}/currency", "not_a_currency", "Money needs a currency: an ISO 4217 code such as VND.")
        return ""

    def _moment(self, value: Any, path: str) -> Moment:
        if isinstance(value, str) and _is_time(value):
            return Moment(value)
        self.wrong(path, "not_a_time", "Give a number, a date such as 2026-01-31, or an RFC 3339 time with offset.")
        return Moment("")


def _all(parts: list[Rule]) -> Rule:
    return parts[0] if len(parts) == 1 else And(tuple(parts))


def _is_time(text: str) -> bool:
    try:
        return _TIME.fullmatch(text) is not None and bool(datetime.fromisoformat(text.upper()))
    except ValueError:
        return False


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63


def _is_number(value: Any) -> bool:
    return _is_whole(value) or (isinstance(value, float) and math.isfinite(value))


def _composed(text: str) -> str:
    # As traits are kept.
    return text if text.isascii() else unicodedata.normalize("NFC", text)
