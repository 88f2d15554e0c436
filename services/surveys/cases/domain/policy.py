"""The policy of cases: which answers open one, who gets it, how soon it is due, and what happens if it is not done.

It is one JSON document in versions; what `schemas/policy.py` has accepted is read here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args
from uuid import UUID

from services.surveys.cases.domain.judged import Judged, Scored

Priority = Literal["low", "normal", "high", "urgent"]
ClockName = Literal["contact", "resolution", "age"]
Action = Literal["notify", "reassign", "raise"]
Destination = Literal["agent", "team", "staff", "unit", "touchpoint", "stage"]

PRIORITIES: tuple[Priority, ...] = get_args(Priority)


@dataclass(frozen=True, slots=True)
class Band:
    """Scores of a kind of question, both ends included; None is open."""

    kind: str
    at_least: int | None = None
    at_most: int | None = None

    def holds(self, scored: Scored) -> bool:
        """Whether a score lies in the band."""
        return (
            scored.kind == self.kind
            and (self.at_least is None or scored.score >= self.at_least)
            and (self.at_most is None or scored.score <= self.at_most)
        )


@dataclass(frozen=True, slots=True)
class When:
    """What an answer must be. All that is said must hold; of several values one is enough; nothing said holds."""

    scores: tuple[Band, ...] = ()
    surveys: frozenset[UUID] = frozenset()
    touchpoints: frozenset[str] = frozenset()
    stages: frozenset[str] = frozenset()
    segments: frozenset[UUID] = frozenset()
    themes: frozenset[str] = frozenset()
    wants_callback: bool | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """Where a case goes: `name` is of an agent or a team; `teams` leads from a touchpoint or a stage to a team."""

    to: Destination
    name: str | None = None
    teams: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """Answers that open a case, how much it matters, and who gets it: the first of `assign` that leads to somebody."""

    key: str
    when: When
    priority: Priority
    assign: tuple[Route, ...] = ()
    takes_partial: bool = True
    takes_inferred: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """Business minutes until somebody has spoken to the customer, and until it is resolved."""

    contact_minutes: int
    resolve_minutes: int

    def minutes(self, clock: ClockName) -> int | None:
        """The target of a clock; age has none."""
        return {"contact": self.contact_minutes, "resolution": self.resolve_minutes, "age": None}[clock]


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the ladder: after `minutes` of a clock, or after `percent` of its target.

    `notify` tells `agent`, or the lead of the team; `reassign` goes along `assign`; `raise` raises the priority by one.
    """

    key: str
    clock: ClockName
    action: Action
    minutes: int | None = None
    percent: int | None = None
    agent: str | None = None
    assign: tuple[Route, ...] = ()

    def after(self, target: Target) -> int:
        """Business minutes of its clock after which it is taken, rounded up."""
        if self.minutes is not None:
            return self.minutes
        return -(-(target.minutes(self.clock) or 0) * (self.percent or 100) // 100)


@dataclass(frozen=True, slots=True)
class Recovery:
    """When somebody is won back: a later score of the same kind at or above its threshold, within days of closing.

    `ask_again_days` after closing they may be asked again.
    """

    thresholds: Mapping[str, int]
    within_days: int
    ask_again_days: int | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """All of it. `assign` is where cases go that their rule leads to nobody."""

    rules: tuple[Rule, ...]
    targets: Mapping[str, Target]
    ladder: tuple[Step, ...]
    recovery: Recovery
    assign: tuple[Route, ...] = ()

    @property
    def segments(self) -> frozenset[UUID]:
        """The segments that rules ask for."""
        return frozenset().union(*(rule.when.segments for rule in self.rules))


@dataclass(frozen=True, slots=True)
class Match:
    """The rule that an answer fulfils, and the score that did it, if it was one."""

    rule: Rule
    scored: Scored | None


def first_match(rules: Sequence[Rule], judged: Judged, segments: frozenset[UUID] = frozenset()) -> Match | None:
    """The first rule that an answer of somebody in these segments fulfils."""
    for rule in rules:
        if (found := _match(rule, judged, segments)) is not None:
            return found
    return None


def _match(rule: Rule, judged: Judged, segments: frozenset[UUID]) -> Match | None:
    when = rule.when
    if judged.state == "withdrawn" or (judged.state == "partial" and not rule.takes_partial):
        return None
    if judged.verification == "inferred" and not rule.takes_inferred:
        return None
    if when.wants_callback is not None and when.wants_callback != judged.wants_callback:
        return None
    if when.surveys and judged.survey_id not in when.surveys:
        return None
    if (when.touchpoints and judged.touchpoint not in when.touchpoints) or (
        when.stages and judged.stage not in when.stages
    ):
        return None
    if (when.themes and when.themes.isdisjoint(judged.themes)) or (
        when.segments and when.segments.isdisjoint(segments)
    ):
        return None
    low = next((each for each in judged.scores for band in when.scores if band.holds(each)), None)
    if when.scores and low is None:
        return None
    return Match(rule, low or next((each for each in judged.scores if each.kind == judged.kind), None))


def raised(priority: Priority) -> Priority:
    """One more; the highest stays."""
    return PRIORITIES[min(PRIORITIES.index(priority) + 1, len(PRIORITIES) - 1)]


def read_policy(document: Mapping[str, Any]) -> Policy:
    """The policy of a document that was accepted."""
    recovery = document["recovery"]
    return Policy(
        rules=tuple(_rule(each) for each in document["rules"]),
        targets={name: Target(**each) for name, each in document["targets"].items()},
        ladder=tuple(Step(**{**each, "assign": read_routes(each["assign"])}) for each in document["ladder"]),
        recovery=Recovery(recovery["thresholds"], recovery["within_days"], recovery["ask_again_days"]),
        assign=read_routes(document["assign"]),
    )


def _rule(document: Mapping[str, Any]) -> Rule:
    when = document["when"]
    return Rule(
        key=document["key"],
        priority=document["priority"],
        assign=read_routes(document["assign"]),
        takes_partial=document["takes_partial"],
        takes_inferred=document["takes_inferred"],
        when=When(
            scores=tuple(Band(**each) for each in when["scores"]),
            surveys=frozenset(map(UUID, when["surveys"])),
            touchpoints=frozenset(when["touchpoints"]),
            stages=frozenset(when["stages"]),
            segments=frozenset(map(UUID, when["segments"])),
            themes=frozenset(when["themes"]),
            wants_callback=when["wants_callback"],
        ),
    )


def read_routes(document: Sequence[Mapping[str, Any]]) -> tuple[Route, ...]:
    """Where a case goes, in this order."""
    return tuple(Route(**each) for each in document)


_UNHAPPY = (Band("nps", at_most=6), Band("csat", at_most=2), Band("star", at_most=2), Band("ces", at_most=3))

# Holds until a firm says otherwise. A business day of the calendar that comes with it has eight hours.
DEFAULT_POLICY = Policy(
    rules=(
        Rule("callback", When(wants_callback=True), "high"),
        Rule("unhappy", When(scores=_UNHAPPY), "normal"),
    ),
    targets={
        "urgent": Target(60, 480),
        "high": Target(240, 960),
        "normal": Target(480, 2_400),
        "low": Target(960, 4_800),
    },
    ladder=(),
    recovery=Recovery({"nps": 7, "csat": 4, "star": 4, "ces": 5}, within_days=180),
)
