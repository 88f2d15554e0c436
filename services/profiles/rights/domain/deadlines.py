"""Deadlines by law: a dated table, never constants in code. A later law is a new row with the day it is valid from.

Days are days of the firm's zone, the day of receipt not counted; a deadline is the end of its day. Working days are
those of `shared/holidays.py` where the law is one country's; of Europe's, which names none, every Monday to Friday.
"""

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from shared.holidays import Country, is_working_day

Kind = Literal["access", "rectification", "restriction", "objection", "erasure", "readmission"]
Jurisdiction = Literal["VN", "EU"]
Unit = Literal["working_days", "days", "months"]
What = Literal["acknowledge", "complete", "extend"]

_COUNTRIES: Mapping[Jurisdiction, Country | None] = {"VN": "VN", "EU": None}
_DECREE_356 = "Decree 356/2025/ND-CP art. 5, on Law 91/2025/QH15"
_GDPR = "Regulation (EU) 2016/679 (GDPR) art. 12(3)"
_STOP: tuple[Kind, ...] = ("restriction", "objection")
_LOOK: tuple[Kind, ...] = ("access", "rectification")
_ALL: tuple[Kind, ...] = ("access", "rectification", "restriction", "objection", "erasure", "readmission")


@dataclass(frozen=True, slots=True)
class Rule:
    """`number` `unit` for `what`, from when a request of one of `kinds` came in.

    `is_checked` False: our sources do not quote the row, so the strictest reading of them stands here; ask counsel.
    """

    id: str
    jurisdiction: Jurisdiction
    kinds: tuple[Kind, ...]
    what: What
    number: int
    unit: Unit
    source: str
    valid_from: date
    is_checked: bool = True


_VN, _EU = date(2026, 1, 1), date(2018, 5, 25)
RULES: tuple[Rule, ...] = (
    Rule("vn-356-acknowledge", "VN", _ALL, "acknowledge", 2, "working_days", _DECREE_356, _VN),
    Rule("vn-356-stop", "VN", _STOP, "complete", 15, "days", _DECREE_356, _VN),
    Rule("vn-356-stop-extend", "VN", _STOP, "extend", 15, "days", _DECREE_356, _VN),
    Rule("vn-356-look", "VN", _LOOK, "complete", 10, "days", _DECREE_356, _VN, is_checked=False),
    Rule("vn-356-look-extend", "VN", _LOOK, "extend", 10, "days", _DECREE_356, _VN, is_checked=False),
    Rule("vn-356-erase", "VN", ("erasure",), "complete", 20, "days", _DECREE_356, _VN, is_checked=False),
    Rule("vn-356-erase-extend", "VN", ("erasure",), "extend", 10, "days", _DECREE_356, _VN, is_checked=False),
    Rule("vn-356-readmit", "VN", ("readmission",), "complete", 10, "days", "our own", _VN, is_checked=False),
    Rule("vn-13-all", "VN", _ALL, "complete", 3, "days", "Decree 13/2023/ND-CP (72 hours)", date(2023, 7, 1)),
    Rule("eu-12-3", "EU", _ALL, "complete", 1, "months", _GDPR, _EU),
    Rule("eu-12-3-extend", "EU", _ALL, "extend", 2, "months", _GDPR, _EU),
)


def rule_for(jurisdiction: Jurisdiction, kind: Kind, what: What, on: date) -> Rule | None:
    """The rule that holds on a day: of those valid by then the newest; None: there is none."""
    fitting = [
        rule
        for rule in RULES
        if rule.jurisdiction == jurisdiction and kind in rule.kinds and rule.what == what and rule.valid_from <= on
    ]
    return max(fitting, key=lambda rule: rule.valid_from, default=None)


def end_of(rule: Rule, start: datetime, zone: ZoneInfo) -> datetime:
    """The last moment of a deadline that began at `start`."""
    day = start.astimezone(zone).date()
    match rule.unit:
        case "working_days":
            left = rule.number
            while left:
                day += timedelta(days=1)
                left -= is_working_day(day, _COUNTRIES[rule.jurisdiction])
        case "days":
            day += timedelta(days=rule.number)
        case "months":
            day = _months_later(day, rule.number)
    return datetime.combine(day + timedelta(days=1), time(), zone) - timedelta(seconds=1)


def _months_later(day: date, months: int) -> date:
    """The same day of a later month, or its last where it has none such (Regulation 1182/71 art. 3)."""
    years, month = divmod(day.month - 1 + months, 12)
    year = day.year + years
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
