"""Compiles rules to one SQL statement: what the rules look at is gathered once per person, then each rule is a
boolean expression over that. Every value is a bound parameter.

Each kind of fact that rules look at has a bit. Who is looked at because of some facts is asked the rules that look at
them, by their bits, and nothing is read for others: most of what a fact costs is what it has nothing to do with.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, tzinfo
from functools import lru_cache, reduce
from operator import or_
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from services.profiles.rfm.domain import Scale
from services.profiles.segments.domain.expansion import Surroundings
from services.profiles.segments.domain.parse import parse
from services.profiles.segments.domain.rule import (
    And,
    ConsentIs,
    DaysSince,
    DaysSinceNps,
    EventCount,
    Followed,
    HasOpenCase,
    Identified,
    InList,
    Input,
    Leaf,
    Moment,
    Not,
    NpsIs,
    Op,
    Or,
    OrderMoment,
    OrderTotal,
    OutlookIs,
    Points,
    Rule,
    TierExists,
    TierIs,
    TierRank,
    TraitCompares,
    TraitExists,
    TraitIs,
    TraitText,
    inputs,
)
from services.profiles.segments.repository import features
from services.profiles.segments.repository.features import NOW, ZONE
from services.profiles.trait_schema.domain.declaration import Declared

# Of more kinds of facts than that several have one bit: who is asked too much gets the same answers.
_BITS = 62
# Every rule also looks at who there is at all. With it all bits of a bigint that is no negative number are used.
_PEOPLE = 1 << _BITS
_SIGNS: Mapping[Op, str] = {"eq": "=", "ne": "<>", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
# "More than n days ago" is "before now - n days": the sign turns round.
_TURNED: Mapping[Op, str] = {"gt": "<", "gte": "<=", "lt": ">", "lte": ">="}


class Asked(NamedTuple):
    """A segment whose rule is to be answered; `rule` is JSON text, None asks whether the person is in the list."""

    id: UUID
    rule: str | None


class Definitions(NamedTuple):
    """Everything that the answer of a rule depends on besides facts, mapping and time.

    `personas` are those in use, each with its segment; `policies` the declarations (JSON text) of traits of which
    another word holds than the latest.
    """

    segments: tuple[Asked, ...] = ()
    personas: tuple[tuple[str, UUID], ...] = ()
    scale: Scale = Scale()
    policies: tuple[tuple[str, str], ...] = ()

    def surroundings(self) -> Surroundings:
        """What rules refer to."""
        rules = {each.id: None if each.rule is None else parse(orjson.loads(each.rule)) for each in self.segments}
        return Surroundings(rules, dict(self.personas), self.scale)


class Answer(NamedTuple):
    """The rule of a segment as an SQL expression, and the bits of the facts that it looks at."""

    segment_id: UUID
    rule: str
    bits: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Compiled rules: what they look at, gathered in `feature`, a common table expression over `person`."""

    bits: Mapping[Input, int]
    answers: Sequence[Answer]
    feature: str
    due: str
    parameters: Mapping[str, Any]

    def tables(self, source: str) -> str:
        """The `WITH` clause that ends in the table `feature`, one row for each row of `source`.

        That gives the ids to look at, in `asked` the bits of the facts to look at, -1 for all, and in `was_due` when
        time may change the answer of a rule that is not asked.
        """
        return f"""
        WITH person AS MATERIALIZED (
            SELECT s.id, s.asked, s.was_due,
                   ARRAY(SELECT raw_id FROM identity WHERE root_id = s.id AND raw_id <> s.id) || s.id AS keys,
                   NOT EXISTS (SELECT FROM identity WHERE raw_id = s.id AND root_id <> s.id) AS is_root
            FROM ({source}) AS s
        ), feature AS MATERIALIZED ({self.feature})
        """

    def at(self, now: datetime, today: date, zone: tzinfo) -> dict[str, Any]:
        """All parameters, as of a moment and its local day."""
        return {**self.parameters, "now": now, "today": today, "zone": str(zone)}


@lru_cache(maxsize=64)
def compiled(asked: tuple[Asked, ...], around: Definitions | None = None) -> Plan:
    """The plan of these segments; `around` None: they are all there is."""
    definitions = around or Definitions(asked)
    surroundings = definitions.surroundings()
    rules = [
        (each.id, InList(each.id) if each.rule is None else surroundings.expanded(parse(orjson.loads(each.rule))))
        for each in asked
    ]
    looked_at = [inputs(rule) for _, rule in rules]
    bits = {each: 1 << place % _BITS for place, each in enumerate(sorted(frozenset().union(*looked_at)))}
    compiler = _Compiler({name: Declared.stored(name, orjson.loads(text)) for name, text in definitions.policies})
    answers = []
    for (id_, rule), facts in zip(rules, looked_at, strict=True):
        compiler.bits = reduce(or_, (bits[each] for each in facts), _PEOPLE)
        answers.append(Answer(id_, compiler.expression(rule), compiler.bits))
    return Plan(bits, answers, compiler.feature(), compiler.due(), compiler.parameters)


@dataclass(slots=True)
class _Compiler:
    """`policies`: traits of which another word holds than the latest. `bits`: those of the rule being compiled.

    Of all that rules look at, `_asked` has the bits of the rules that do, and `_dues` those of what time may change.
    """

    policies: Mapping[str, Declared]
    bits: int = 0
    parameters: dict[str, Any] = field(default_factory=dict)
    _asked: defaultdict[tuple[str, Any], int] = field(default_factory=lambda: defaultdict(int))
    _dues: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    _names: dict[tuple[str, Any], str] = field(default_factory=dict)
    _traits: dict[str, int] = field(default_factory=dict)
    _counts: dict[tuple[str, int | None], int] = field(default_factory=dict)
    _lasts: dict[str, int] = field(default_factory=dict)
    _sequences: dict[Followed, int] = field(default_factory=dict)
    _sums: dict[tuple[str, str], int] = field(default_factory=dict)
    _consents: dict[tuple[str, str], int] = field(default_factory=dict)
    _wallets: dict[str, int] = field(default_factory=dict)
    _tracks: dict[str, int] = field(default_factory=dict)

    def expression(self, rule: Rule) -> str:
        """The rule as an SQL expression that is true or false, never NULL."""
        match rule:
            case And(parts):
                return "(" + " AND ".join(map(self.expression, parts)) + ")" if parts else "true"
            case Or(parts):
                return "(" + " OR ".join(map(self.expression, parts)) + ")" if parts else "false"
            case Not(part):
                return f"(NOT {self.expression(part)})"
            case leaf:
                return f"COALESCE({self._leaf(leaf)}, false)"

    def value(self, kind: str, value: Any) -> str:
        """A bound parameter, cast to its kind."""
        # True and 1 are equal, but not as JSON: they come here as text.
        key = (kind, tuple(value) if isinstance(value, list) else value)
        name = self._names.setdefault(key, f"p{len(self._names)}")
        self.parameters[name] = value
        return f"CAST(:{name} AS {kind})"

    def _json(self, value: Any) -> str:
        return self.value("jsonb", orjson.dumps(value).decode())

    def _moment(self, moment: Moment) -> str:
        return f"as_moment({self.value('text', moment.text)}, {ZONE})"

    def _leaf(self, leaf: Leaf) -> str:
        match leaf:
            case TraitIs() | TraitExists() | TraitText() | TraitCompares():
                return self._trait(leaf)
            case Identified():
                return "f.identified"
            case EventCount(_, _, op, value):
                return f"f.{self._counted(leaf)} {_SIGNS[op]} {self.value('bigint', value)}"
            case DaysSince(_, op, days):
                return self._since(self._last(leaf), op, days)
            case Followed():
                return self._followed(leaf)
            case InList(segment_id):
                self._look("lists")
                return f"{self.value('uuid', segment_id)} = ANY(f.lists)"
            case ConsentIs():
                return self._consent(leaf)
            case NpsIs() | DaysSinceNps() | HasOpenCase() | OutlookIs():
                return self._experience(leaf)
            case OrderTotal() | OrderMoment() | Points() | TierIs() | TierExists() | TierRank():
                return self._computed(leaf)
            case _:
                raise AssertionError(f"{leaf} is expanded before it is compiled")

    def _followed(self, leaf: Followed) -> str:
        # Of one sequence the last time is looked for once, however many ask how long ago it is.
        asked = Followed(leaf.steps, leaf.within_minutes, leaf.without)
        self._look("sequence", asked)
        last = f"f.q{self._sequences.setdefault(asked, len(self._sequences))}_at"
        return f"{last} IS NOT NULL" if leaf.op is None else self._since(last, leaf.op, leaf.days)

    def _experience(self, leaf: NpsIs | DaysSinceNps | HasOpenCase | OutlookIs) -> str:
        match leaf:
            case NpsIs(op, value):
                self._look("told", "nps")
                return f"f.nps {_SIGNS[op]} {self.value('bigint', value)}"
            case DaysSinceNps(op, days):
                self._look("told", "nps")
                return self._since("f.nps_at", op, days)
            case HasOpenCase():
                self._look("told", "case")
                return "f.open_case"
            case OutlookIs(which, bands):
                self._look("told", which)
                return f"f.{which} = ANY({self.value('text[]', list(bands))})"

    def _computed(self, leaf: OrderTotal | OrderMoment | Points | TierIs | TierExists | TierRank) -> str:
        match leaf:
            case OrderTotal(total, currency, op, value):
                self._look("orders")
                sum_ = "orders" if currency is None else self._summed(total, currency)
                return f"f.{sum_} {_SIGNS[op]} {self.value('bigint', value)}"
            case OrderMoment(which, op, moment):
                self._look("orders")
                return f"f.{which} {_SIGNS[op]} {self._moment(moment)}"
            case Points(wallet, op, value):
                self._look("told", "points")
                number = self._wallets.setdefault(wallet, len(self._wallets))
                return f"f.points{number} {_SIGNS[op]} {self.value('bigint', value)}"
            case TierIs(track, tiers, is_one):
                among = f"= ANY({self.value('text[]', list(tiers))})"
                return f"f.tier{self._track(track)} {among}" if is_one else f"NOT f.tier{self._track(track)} {among}"
            case TierExists(track):
                return f"f.tier{self._track(track)} IS NOT NULL"
            case TierRank(track, op, value):
                number = self._track(track)
                return f"f.tier{number} IS NOT NULL AND f.rank{number} {_SIGNS[op]} {self.value('bigint', value)}"

    def _track(self, track: str) -> int:
        self._look("told", "tier")
        return self._tracks.setdefault(track, len(self._tracks))

    def _trait(self, leaf: TraitIs | TraitExists | TraitText | TraitCompares) -> str:
        self._look("trait", leaf.name)
        if leaf.name in self.policies:
            held = f"f.t{self._traits.setdefault(leaf.name, len(self._traits))}"
        else:
            held = f"(f.traits -> {self.value('text', leaf.name)})"
        match leaf:
            case TraitExists():
                return f"{held} IS NOT NULL"
            case TraitIs(_, (value,), is_one):
                return f"{held} {'=' if is_one else '<>'} {self._json(value)}"
            case TraitIs(_, values):
                return f"{held} IN (SELECT jsonb_array_elements({self._json(values)}))"
            case TraitText(_, "starts_with", value):
                text = self.value("text", value)
                return f"CASE WHEN jsonb_typeof({held}) = 'string' THEN starts_with({held} #>> '{{}}', {text}) END"
            case TraitText(_, _, value):
                element = f"WHEN 'array' THEN {held} @> jsonb_build_array({self._json(value)})"
                if isinstance(value, str):
                    part = f"position({self.value('text', value)} IN {held} #>> '{{}}') > 0"
                    element = f"WHEN 'string' THEN {part} {element}"
                return f"CASE jsonb_typeof({held}) {element} END"
            case TraitCompares(_, op, Moment() as moment):
                said = f"as_moment({held} #>> '{{}}', {ZONE})"
                return f"CASE WHEN jsonb_typeof({held}) = 'string' THEN {said} {_SIGNS[op]} {self._moment(moment)} END"
            case TraitCompares(_, op, value):
                return f"CASE WHEN jsonb_typeof({held}) = 'number' THEN {held} {_SIGNS[op]} {self._json(value)} END"

    def _counted(self, leaf: EventCount) -> str:
        self._look("event", leaf.event)
        number = self._counts.setdefault((leaf.event, leaf.within_days), len(self._counts))
        if leaf.within_days is not None:
            # The oldest day that counts leaves the window when this day begins.
            leaves = f"CAST(f.first{number} + {self.value('int', leaf.within_days)} AS timestamp)"
            self._dues[f"{leaves} AT TIME ZONE {ZONE}"] |= self.bits
        return f"n{number}"

    def _last(self, leaf: DaysSince) -> str:
        if leaf.event is None:
            self._look("orders")
            return "f.last_order_at"
        self._look("event", leaf.event)
        return f"f.last{self._lasts.setdefault(leaf.event, len(self._lasts))}"

    def _since(self, last: str, op: Op, days: int) -> str:
        """How long ago something is.

        The answer turns at last + ago, or just after it where that moment is on the side of before.
        """
        ago = f"{self.value('int', days)} * INTERVAL '24 hours'"
        turns = f"{last} + {ago}"
        if op in ("gt", "lte"):
            turns += " + INTERVAL '1 microsecond'"
        self._dues[f"CASE WHEN {turns} > {NOW} THEN {turns} END"] |= self.bits
        return f"{last} {_TURNED[op]} {NOW} - {ago}"

    def _consent(self, leaf: ConsentIs) -> str:
        self._look("consents")
        number = self._consents.setdefault((leaf.purpose, leaf.channel), len(self._consents))
        granted, until = f"f.c{number}_granted", f"f.c{number}_until"
        if leaf.state in ("granted", "expired"):
            # A consent has ended at the very moment.
            self._dues[f"CASE WHEN {granted} AND {until} > {NOW} THEN {until} END"] |= self.bits
        match leaf.state:
            case "granted":
                return f"{granted} AND ({until} IS NULL OR {until} > {NOW})"
            case "expired":
                return f"{granted} AND {until} <= {NOW}"
            case "withdrawn":
                return f"NOT {granted}"
            case "none":
                return f"{granted} IS NULL"

    def _summed(self, total: str, currency: str) -> str:
        return f"m{self._sums.setdefault((total, currency), len(self._sums))}"

    def _look(self, kind: str, what: Any = None) -> None:
        """The rule being compiled looks at this."""
        self._asked[kind, what] |= self.bits

    def _bits(self, kind: str) -> int:
        """Those of all rules that look at anything of this kind."""
        return reduce(or_, (bits for (found, _), bits in self._asked.items() if found == kind), 0)

    def due(self) -> str:
        """When time alone may next change an answer, of all rules."""
        asked = [f"CASE WHEN (f.asked & {bits}) <> 0 THEN {due} END" for due, bits in self._dues.items()]
        return f"LEAST(f.was_due, {', '.join(asked)})" if asked else "f.was_due"

    def feature(self) -> str:
        """One row for each person: what the rules look at."""
        traits = {name: bits for (kind, name), bits in self._asked.items() if kind == "trait"}
        laterals = [features.KNOWN]
        if plain := traits.keys() - self._traits.keys():
            bits = reduce(or_, (traits[name] for name in plain))
            laterals.append(features.latest_traits(self._names_of("trait", plain), bits))
        if self._traits:
            held = (
                f"CASE WHEN {features.is_asked(traits[name])} "
                f"THEN {features.held_trait(self.policies[name], self.value)} END AS t{number}"
                for name, number in self._traits.items()
            )
            laterals.append(f"SELECT {', '.join(held)}")
        laterals += self._events()
        if ("orders", None) in self._asked:
            laterals.append(features.orders(self._sums, self._bits("orders"), self.value))
        if ("lists", None) in self._asked:
            laterals.append(features.lists(self._bits("lists")))
        if self._consents:
            laterals.append(features.consents(tuple(self._consents), self._bits("consents"), self.value))
        if facts := {what for kind, what in self._asked if kind == "told"}:
            laterals.append(features.told(facts, self._wallets, self._tracks, self._bits("told"), self.value))
        joined = "\n".join(f"CROSS JOIN LATERAL ({each}) AS l{number}" for number, each in enumerate(laterals))
        columns = ", ".join(f"l{number}.*" for number in range(len(laterals)))
        head = "p.id, p.asked, p.was_due, p.is_root AND l0.is_known AS is_person"
        return f"SELECT {head}, {columns} FROM person AS p {joined}"

    def _events(self) -> Iterator[str]:
        for (kind, what), bits in self._asked.items():
            if kind == "event":
                counted = {days: number for (name, days), number in self._counts.items() if name == what}
                yield features.events(what, counted, self._lasts.get(what), bits, self.value)
            elif kind == "sequence":
                yield features.sequence(self._sequences[what], what, bits, self.value)

    def _names_of(self, what: str, names: Collection[str]) -> str:
        self.parameters[f"{what}_names"] = sorted(names)
        return f"CAST(:{what}_names AS text[])"
