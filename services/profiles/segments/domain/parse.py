"""Reads a rule from JSON, or says everything that is wrong with it: where (JSON Pointer), a code, and a sentence.

    {"and": [{"trait": "city", "in": ["Huế", "Đà Nẵng"]}, {"computed": "net_minor", "currency": "VND", "gte": 5000000}]}
    {"event": "Product Viewed", "count": {"gte": 3}, "within_days": 7}
    {"and": [{"computed": "orders", "gte": 1}, {"not": {"computed": "days_since_last_order", "lt": 90}}]}

Combine    {"and": [rule, …]}, {"or": [rule, …]}, {"not": rule}
Traits     {"trait": name, …} with eq, ne, in, exists, contains, starts_with, and gt, gte, lt, lte with a number, a date
           or a time
Computed   {"computed": "orders", …}, {"computed": "net_minor" | "gross_minor" | "refunds_minor", "currency": code, …},
           {"computed": "days_since_last_order", …}, {"computed": "first_order_at" | "last_order_at", …}
           {"computed": "points", "wallet": name, …}, {"computed": "tier", "track": name, …} with eq, ne, in, exists,
           {"computed": "tier_rank", "track": name, …}, {"computed": "nps", …}: what was said last, from 0 to 10,
           {"computed": "nps_band", …} with eq, ne, in, exists: detractor (0 to 6), passive (7, 8), promoter (9, 10),
           {"computed": "days_since_last_nps", …}, {"computed": "open_case", "eq": true},
           {"computed": "churn_risk_band" | "clv_band", …} with eq, ne, in, exists: low, medium, high, as metrics told
Scores     {"rfm": "recency" | "frequency" | "monetary", …}: 1 to 5 on the firm's scale (/v1/rfm-scale)
Events     {"event": name}, {"event": name, "count": {…}, "within_days": n}, {"event": name, "days_since_last": {…}}
Sequences  {"sequence": [name, name, …], "within_hours": n}: one after the other, the last at most so long after the
           first (or `within_minutes`, `within_days`); with "without": [name, …] none of these in between, with
           "days_since_last": {…} the last such sequence so long ago. Of each event's name under a key, the latest 20
           of a day are looked at.
Consent    {"consent": "granted" | "withdrawn" | "expired" | "none", "purpose": name, "channel": name}
Others     {"identified": true}, {"list": id of a static segment}, {"segment": id of any segment},
           {"persona": key}: who belongs to the segment of a persona that is in use

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
    ConsentIs,
    ConsentState,
    DaysSince,
    DaysSinceNps,
    EventCount,
    Followed,
    HasOpenCase,
    Identified,
    InList,
    InSegment,
    Moment,
    MomentName,
    Not,
    NpsIs,
    OfPersona,
    Op,
    Or,
    OrderMoment,
    OrderTotal,
    OutlookBand,
    OutlookIs,
    OutlookName,
    Points,
    Rule,
    Scalar,
    Score,
    Scored,
    TierExists,
    TierIs,
    TierRank,
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
MAX_STEPS = 5
MAX_KEY = 60

_ORDERED: tuple[Op, ...] = ("gt", "gte", "lt", "lte")
_NUMERIC: tuple[Op, ...] = ("eq", "ne", *_ORDERED)
_HEADS = (
    *("and", "or", "not", "trait", "computed", "rfm", "event", "sequence", "consent", "identified", "list"),
    *("segment", "persona"),
)
_MINUTES = {"within_minutes": 1, "within_hours": 60, "within_days": 24 * 60}
# Lowest and highest score.
_BANDS = {"detractor": (0, 6), "passive": (7, 8), "promoter": (9, 10)}
_TOLD = (
    "points",
    "tier",
    "tier_rank",
    "nps",
    "nps_band",
    "days_since_last_nps",
    "open_case",
    "churn_risk_band",
    "clv_band",
)
_PERSONA = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*", re.ASCII)
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
        if name in _TOLD:
            return self._told(name, document, path)
        known = ", ".join((*get_args(TotalName), "days_since_last_order", *get_args(MomentName), *_TOLD))
        self.wrong(f"{path}/computed", "unknown_computed", f"Computed traits are {known}.")
        return _WRONG

    def _told(self, name: str, document: Mapping[str, Any], path: str) -> Rule:
        match name:
            case "points":
                return self._points(document, path)
            case "nps":
                ops = self._ops(document, path, _NUMERIC, "computed")
                return _all([NpsIs(cast(Op, op), self._whole(v, f"{path}/{op}")) for op, v in ops.items()])
            case "churn_risk_band" | "clv_band":
                ops = self._ops(document, path, ("eq", "ne", "in", "exists"), "computed")
                which: OutlookName = "clv" if name == "clv_band" else "churn_risk"
                return _all([self._outlook(which, op, value, f"{path}/{op}") for op, value in ops.items()])
            case "nps_band":
                ops = self._ops(document, path, ("eq", "ne", "in", "exists"), "computed")
                return _all([self._band_test(op, value, f"{path}/{op}") for op, value in ops.items()])
            case "days_since_last_nps":
                ops = self._ops(document, path, _ORDERED, "computed")
                return _all([DaysSinceNps(cast(Op, op), self._days(v, f"{path}/{op}")) for op, v in ops.items()])
            case "open_case":
                ops = self._ops(document, path, ("eq",), "computed")
                is_open = self._truth(ops.get("eq", True), f"{path}/eq")
                return HasOpenCase() if is_open else Not(HasOpenCase())
        return self._tier(document, path, is_rank=name == "tier_rank")

    def _band_test(self, op: str, value: Any, path: str) -> Rule:
        said = NpsIs("gte", 0)
        if op == "exists":
            return said if self._truth(value, path) else Not(said)
        names = self._names(value if op == "in" else [value], path, 1, len(_BANDS))
        if unknown := [name for name in names if name not in _BANDS]:
            self.wrong(path, "unknown_band", f"{unknown[0]!r} is none of {', '.join(_BANDS)}.")
            return _WRONG
        among = Or(tuple(And((NpsIs("gte", low), NpsIs("lte", high))) for low, high in map(_BANDS.__getitem__, names)))
        return And((said, Not(among))) if op == "ne" else among

    def _outlook(self, which: OutlookName, op: str, value: Any, path: str) -> Rule:
        bands = get_args(OutlookBand)
        told = OutlookIs(which, bands)
        if op == "exists":
            return told if self._truth(value, path) else Not(told)
        names = self._names(value if op == "in" else [value], path, 1, len(bands))
        if unknown := [name for name in names if name not in bands]:
            self.wrong(path, "unknown_band", f"{unknown[0]!r} is none of {', '.join(bands)}.")
            return _WRONG
        among = OutlookIs(which, tuple(names))
        return And((told, Not(among))) if op == "ne" else among

    def _points(self, document: Mapping[str, Any], path: str) -> Rule:
        wallet = self._name(document.get("wallet"), f"{path}/wallet")
        ops = self._ops(document, path, _NUMERIC, "computed", "wallet")
        return _all([Points(wallet, cast(Op, op), self._whole(v, f"{path}/{op}")) for op, v in ops.items()])

    def _tier(self, document: Mapping[str, Any], path: str, *, is_rank: bool) -> Rule:
        track = self._name(document.get("track"), f"{path}/track")
        if is_rank:
            ops = self._ops(document, path, _NUMERIC, "computed", "track")
            return _all([TierRank(track, cast(Op, op), self._whole(v, f"{path}/{op}")) for op, v in ops.items()])
        ops = self._ops(document, path, ("eq", "ne", "in", "exists"), "computed", "track")
        return _all([self._tier_test(track, op, value, f"{path}/{op}") for op, value in ops.items()])

    def _tier_test(self, track: str, op: str, value: Any, path: str) -> Rule:
        if op == "exists":
            return TierExists(track) if self._truth(value, path) else Not(TierExists(track))
        return TierIs(track, self._names(value if op == "in" else [value], path, 1, MAX_VALUES), is_one=op != "ne")

    def _rfm(self, document: Mapping[str, Any], path: str) -> Rule:
        score = document["rfm"]
        if score not in get_args(Score):
            self.wrong(f"{path}/rfm", "unknown_score", f"Scores are {', '.join(get_args(Score))}.")
            return _WRONG
        ops = self._ops(document, path, _NUMERIC, "rfm")
        if any(not _is_whole(value) or not 1 <= value <= 5 for value in ops.values()):
            self.wrong(path, "not_a_score", "Give a score from 1 to 5.")
            return _WRONG
        return _all([Scored(score, cast(Op, op), value) for op, value in ops.items()])

    def _sequence(self, document: Mapping[str, Any], path: str) -> Rule:
        self._only(document, path, "sequence", *_MINUTES, "without", "days_since_last")
        steps = self._names(document["sequence"], f"{path}/sequence", 2, MAX_STEPS)
        without = self._names(document.get("without", []), f"{path}/without", 0, MAX_STEPS)
        units = [unit for unit in _MINUTES if unit in document]
        minutes = document[units[0]] * _MINUTES[units[0]] if len(units) == 1 and _is_whole(document[units[0]]) else 0
        if not 1 <= minutes <= MAX_DAYS * 24 * 60:
            self.wrong(path, "not_a_duration", f"Give one of {', '.join(_MINUTES)}: 1 minute to {MAX_DAYS} days.")
        if "days_since_last" not in document:
            return Followed(steps, minutes, without)
        ops = self._object(document["days_since_last"], f"{path}/days_since_last", _ORDERED)
        since = {op: self._days(value, f"{path}/days_since_last/{op}") for op, value in ops.items()}
        return _all([Followed(steps, minutes, without, cast(Op, op), days) for op, days in since.items()])

    def _consent(self, document: Mapping[str, Any], path: str) -> Rule:
        self._only(document, path, "consent", "purpose", "channel")
        state = document["consent"]
        if state not in get_args(ConsentState):
            self.wrong(f"{path}/consent", "unknown_state", f"A consent is one of {', '.join(get_args(ConsentState))}.")
            return _WRONG
        purpose, channel = (self._name(document.get(each), f"{path}/{each}") for each in ("purpose", "channel"))
        return ConsentIs(purpose, channel, state)

    def _persona(self, document: Mapping[str, Any], path: str) -> Rule:
        self._only(document, path, "persona")
        key = document["persona"]
        if isinstance(key, str) and len(key) <= MAX_KEY and _PERSONA.fullmatch(key):
            return OfPersona(key)
        self.wrong(f"{path}/persona", "not_a_key", "Give the key of a persona, such as busy-mother-lan.")
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
        id_ = self._id(document["list"], f"{path}/list", "Give the id of a static segment.")
        return _WRONG if id_ is None else InList(id_)

    def _segment(self, document: Mapping[str, Any], path: str) -> Rule:
        self._only(document, path, "segment")
        id_ = self._id(document["segment"], f"{path}/segment", "Give the id of a segment.")
        return _WRONG if id_ is None else InSegment(id_)

    def _id(self, value: Any, path: str, mend: str) -> UUID | None:
        try:
            return UUID(value)
        except (ValueError, TypeError, AttributeError):
            self.wrong(path, "not_an_id", mend)
            return None

    def _since(self, event: str | None, op: str, value: Any, path: str) -> Rule:
        return DaysSince(event, cast(Op, op), self._days(value, path))

    def _days(self, value: Any, path: str) -> int:
        if _is_whole(value) and 0 <= value <= MAX_DAYS:
            return int(value)
        self.wrong(path, "not_days", f"Give a whole number of days from 0 to {MAX_DAYS}.")
        return 0

    def _names(self, value: Any, path: str, least: int, most: int) -> tuple[str, ...]:
        if isinstance(value, list) and least <= len(value) <= most:
            return tuple(self._name(each, f"{path}/{number}") for number, each in enumerate(value))
        self.wrong(path, "not_a_list", f"Give a list of {least} to {most} names.")
        return ()

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
