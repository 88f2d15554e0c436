"""Compiles rules to one SQL statement: what the rules look at is gathered once per person, then each rule is a
boolean expression over that. Every value is a bound parameter.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, tzinfo
from functools import lru_cache
from typing import Any, assert_never
from uuid import UUID

import orjson

from services.profiles.segments.domain.parse import parse
from services.profiles.segments.domain.rule import (
    And,
    DaysSince,
    EventCount,
    Identified,
    InList,
    Leaf,
    Moment,
    Not,
    Op,
    Or,
    OrderMoment,
    OrderTotal,
    Rule,
    TraitCompares,
    TraitExists,
    TraitIs,
    TraitText,
    Watch,
    watch,
)

_SIGNS: Mapping[Op, str] = {"eq": "=", "ne": "<>", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
# "More than n days ago" is "before now - n days": the sign turns round.
_TURNED: Mapping[Op, str] = {"gt": "<", "gte": "<=", "lt": ">", "lte": ">="}
_SUMS = {
    "gross_minor": "total_minor",
    "refunds_minor": "refunded_minor",
    "net_minor": "total_minor - refunded_minor",
}
_NOW = "CAST(:now AS timestamptz)"
_TODAY = "CAST(:today AS date)"
_ZONE = "CAST(:zone AS text)"


@dataclass(frozen=True, slots=True)
class Asked:
    """A segment whose rule is to be answered; `rule` is JSON text, None asks whether the person is in the list."""

    id: UUID
    rule: str | None


@dataclass(frozen=True, slots=True)
class Plan:
    """Compiled rules. `person` and `feature` are common table expressions; `{source}` gives the ids to look at."""

    watch: Watch
    answers: Sequence[tuple[UUID, str]]
    feature: str
    due: str
    parameters: Mapping[str, Any]

    def tables(self, source: str) -> str:
        """The `WITH` clause that ends in the table `feature`, one row for each id of `source`."""
        return f"""
        WITH person AS MATERIALIZED (
            SELECT s.id, ARRAY(SELECT raw_id FROM identity WHERE root_id = s.id AND raw_id <> s.id) || s.id AS keys,
                   NOT EXISTS (SELECT FROM identity WHERE raw_id = s.id AND root_id <> s.id) AS is_root
            FROM ({source}) AS s
        ), feature AS MATERIALIZED ({self.feature})
        """

    def at(self, now: datetime, today: date, zone: tzinfo) -> dict[str, Any]:
        """All parameters, as of a moment and its local day."""
        return {**self.parameters, "now": now, "today": today, "zone": str(zone)}


@lru_cache(maxsize=64)
def compiled(asked: tuple[Asked, ...]) -> Plan:
    """The plan of these segments."""
    compiler = _Compiler()
    rules = [(each.id, InList(each.id) if each.rule is None else parse(orjson.loads(each.rule))) for each in asked]
    answers = [(id_, compiler.expression(rule)) for id_, rule in rules]
    looked_at = watch(rule for _, rule in rules)
    return Plan(
        looked_at,
        answers,
        compiler.feature(looked_at),
        f"LEAST({', '.join(compiler.dues)})" if compiler.dues else "CAST(NULL AS timestamptz)",
        compiler.parameters,
    )


@dataclass(slots=True)
class _Compiler:
    parameters: dict[str, Any] = field(default_factory=dict)
    dues: dict[str, None] = field(default_factory=dict)
    _names: dict[tuple[str, Any], str] = field(default_factory=dict)
    _events: dict[tuple[str, int | None], int] = field(default_factory=dict)
    _sums: dict[tuple[str, str], int] = field(default_factory=dict)

    def expression(self, rule: Rule) -> str:
        """The rule as an SQL expression that is true or false, never NULL."""
        match rule:
            case And(parts):
                return "(" + " AND ".join(map(self.expression, parts)) + ")"
            case Or(parts):
                return "(" + " OR ".join(map(self.expression, parts)) + ")"
            case Not(part):
                return f"(NOT {self.expression(part)})"
            case leaf:
                return f"COALESCE({self._leaf(leaf)}, false)"

    def _value(self, kind: str, value: Any) -> str:
        # True and 1 are equal, but not as JSON: they come here as text.
        name = self._names.setdefault((kind, value), f"p{len(self._names)}")
        self.parameters[name] = value
        return f"CAST(:{name} AS {kind})"

    def _json(self, value: Any) -> str:
        return self._value("jsonb", orjson.dumps(value).decode())

    def _moment(self, moment: Moment) -> str:
        return f"as_moment({self._value('text', moment.text)}, {_ZONE})"

    def _leaf(self, leaf: Leaf) -> str:
        match leaf:
            case TraitIs() | TraitExists() | TraitText() | TraitCompares():
                return self._trait(leaf)
            case Identified():
                return "f.identified"
            case EventCount(_, _, op, value):
                return f"f.{self._counted(leaf)} {_SIGNS[op]} {self._value('bigint', value)}"
            case DaysSince(_, op, days):
                last, ago = self._last(leaf), f"{self._value('int', days)} * INTERVAL '24 hours'"
                self._due_since(last, ago, op)
                return f"{last} {_TURNED[op]} {_NOW} - {ago}"
            case OrderTotal(total, currency, op, value):
                sum_ = "orders" if currency is None else self._summed(total, currency)
                return f"f.{sum_} {_SIGNS[op]} {self._value('bigint', value)}"
            case OrderMoment(which, op, moment):
                return f"f.{which} {_SIGNS[op]} {self._moment(moment)}"
            case InList(segment_id):
                return f"{self._value('uuid', segment_id)} = ANY(f.lists)"
            case _:
                assert_never(leaf)

    def _trait(self, leaf: TraitIs | TraitExists | TraitText | TraitCompares) -> str:
        held = f"(f.traits -> {self._value('text', leaf.name)})"
        match leaf:
            case TraitExists():
                return f"{held} IS NOT NULL"
            case TraitIs(_, (value,), is_one):
                return f"{held} {'=' if is_one else '<>'} {self._json(value)}"
            case TraitIs(_, values):
                return f"{held} IN (SELECT jsonb_array_elements({self._json(values)}))"
            case TraitText(_, "starts_with", value):
                text = self._value("text", value)
                return f"CASE WHEN jsonb_typeof({held}) = 'string' THEN starts_with({held} #>> '{{}}', {text}) END"
            case TraitText(_, _, value):
                element = f"WHEN 'array' THEN {held} @> jsonb_build_array({self._json(value)})"
                if isinstance(value, str):
                    part = f"position({self._value('text', value)} IN {held} #>> '{{}}') > 0"
                    element = f"WHEN 'string' THEN {part} {element}"
                return f"CASE jsonb_typeof({held}) {element} END"
            case TraitCompares(_, op, Moment() as moment):
                said = f"as_moment({held} #>> '{{}}', {_ZONE})"
                return f"CASE WHEN jsonb_typeof({held}) = 'string' THEN {said} {_SIGNS[op]} {self._moment(moment)} END"
            case TraitCompares(_, op, value):
                return f"CASE WHEN jsonb_typeof({held}) = 'number' THEN {held} {_SIGNS[op]} {self._json(value)} END"

    def _event(self, name: str, within_days: int | None) -> int:
        return self._events.setdefault((name, within_days), len(self._events))

    def _counted(self, leaf: EventCount) -> str:
        number = self._event(leaf.event, leaf.within_days)
        if leaf.within_days is not None:
            # The oldest day that counts leaves the window when this day begins.
            leaves = f"CAST(f.e{number}_first + {self._value('int', leaf.within_days)} AS timestamp)"
            self.dues[f"{leaves} AT TIME ZONE {_ZONE}"] = None
        return f"e{number}_count"

    def _last(self, leaf: DaysSince) -> str:
        return "f.last_order_at" if leaf.event is None else f"f.e{self._event(leaf.event, None)}_last"

    def _due_since(self, last: str, ago: str, op: Op) -> None:
        """The answer turns at last + ago, or just after it where that moment is on the side of before."""
        turns = f"{last} + {ago}"
        if op in ("gt", "lte"):
            turns += " + INTERVAL '1 microsecond'"
        self.dues[f"CASE WHEN {turns} > {_NOW} THEN {turns} END"] = None

    def _summed(self, total: str, currency: str) -> str:
        return f"m{self._sums.setdefault((total, currency), len(self._sums))}"

    def feature(self, looked_at: Watch) -> str:
        """One row for each person: what the rules look at."""
        laterals = [
            """SELECT count(*) > 0 AS is_known,
                      coalesce(bool_or(identified) FILTER (WHERE customers.id = p.id), false) AS identified
               FROM customers WHERE customers.id = ANY(p.keys)"""
        ]
        if looked_at.traits:
            laterals.append(
                f"""SELECT jsonb_object_agg(name, value) FILTER (WHERE value IS NOT NULL) AS traits FROM (
                        SELECT DISTINCT ON (name) name, value FROM traits
                        WHERE customer_id = ANY(p.keys) AND name = ANY({self._names_of("trait", looked_at.traits)})
                        ORDER BY name, event_time DESC, event_id DESC
                    ) AS latest"""
            )
        if looked_at.events:
            laterals.append(self._event_columns(looked_at))
        if looked_at.orders:
            laterals.append(self._order_columns())
        if looked_at.lists:
            laterals.append("SELECT array_agg(segment_id) AS lists FROM list_members WHERE customer_id = ANY(p.keys)")
        joined = "\n".join(f"CROSS JOIN LATERAL ({each}) AS l{number}" for number, each in enumerate(laterals))
        columns = ", ".join(f"l{number}.*" for number in range(len(laterals)))
        return f"SELECT p.id, p.is_root AND l0.is_known AS is_person, {columns} FROM person AS p {joined}"

    def _names_of(self, what: str, names: frozenset[str]) -> str:
        self.parameters[f"{what}_names"] = sorted(names)
        return f"CAST(:{what}_names AS text[])"

    def _event_columns(self, looked_at: Watch) -> str:
        columns: list[str] = []
        for (name, within_days), number in self._events.items():
            of_name = f"name = {self._value('text', name)}"
            days = "" if within_days is None else f" AND day > {_TODAY} - {self._value('int', within_days)}"
            columns += [
                f"coalesce(sum(count) FILTER (WHERE {of_name}{days}), 0) AS e{number}_count",
                f"min(day) FILTER (WHERE {of_name}{days}) AS e{number}_first",
                f"max(last_at) FILTER (WHERE {of_name}) AS e{number}_last",
            ]
        names = self._names_of("event", looked_at.events)
        return f"SELECT {', '.join(columns)} FROM event_days WHERE customer_id = ANY(p.keys) AND name = ANY({names})"

    def _order_columns(self) -> str:
        columns = ["count(*) AS orders", "min(placed_at) AS first_order_at", "max(placed_at) AS last_order_at"]
        for (total, currency), number in self._sums.items():
            of_currency = f"FILTER (WHERE currency = {self._value('text', currency)})"
            columns.append(f"coalesce(sum({_SUMS[total]}) {of_currency}, 0) AS m{number}")
        return f"SELECT {', '.join(columns)} FROM orders WHERE customer_id = ANY(p.keys) AND NOT is_cancelled"
