"""Wire models of the policy of cases."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from services.surveys.cases.domain.policy import DEFAULT_POLICY, Action, ClockName, Policy, Priority
from shared.http.schemas import ExternalId, Instant, Strict

Key = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
AgentKey = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,99}$")]
Minutes = Annotated[int, Field(strict=True, ge=1, le=525_600, description="Business minutes.")]
ScoreKind = Literal["nps", "csat", "ces", "star", "matrix"]


class BandIn(Strict):
    """Scores of a kind of question, both ends included."""

    kind: ScoreKind
    at_least: int | None = Field(None, strict=True, ge=-100, le=100)
    at_most: int | None = Field(None, strict=True, ge=-100, le=100)

    @model_validator(mode="after")
    def _is_a_band(self) -> "BandIn":
        if self.at_least is None and self.at_most is None:
            raise PydanticCustomError("no_band", "Say at_least, at_most or both")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise PydanticCustomError("no_band", "at_least is above at_most")
        return self


class WhenIn(Strict):
    """What an answer must be: all that is said must hold, of several values one is enough."""

    scores: list[BandIn] = Field([], max_length=20)
    surveys: list[UUID] = Field([], max_length=200)
    touchpoints: list[ExternalId] = Field([], max_length=200)
    stages: list[ExternalId] = Field([], max_length=200)
    segments: list[UUID] = Field([], max_length=50)
    themes: list[ExternalId] = Field([], max_length=200)
    wants_callback: bool | None = None


class RouteIn(Strict):
    """Where a case goes. `name` is of an agent or a team; `teams` leads from a touchpoint or a stage to a team."""

    to: Literal["agent", "team", "staff", "unit", "touchpoint", "stage"]
    name: AgentKey | None = None
    teams: dict[ExternalId, Key] | None = None

    @model_validator(mode="after")
    def _says_where(self) -> "RouteIn":
        if (self.name is not None) != (self.to in ("agent", "team")):
            raise PydanticCustomError("route", "A route to an agent or a team has a name, and no other has")
        if bool(self.teams) != (self.to in ("touchpoint", "stage")):
            raise PydanticCustomError("route", "A route by touchpoint or stage has teams, and no other has")
        return self


Routes = Annotated[list[RouteIn], Field(max_length=10)]


class RuleIn(Strict):
    """Answers that open a case. The first rule that an answer fulfils makes the case; it goes along `assign`."""

    key: Key
    when: WhenIn
    priority: Priority = "normal"
    assign: Routes = Field([])
    takes_partial: bool = Field(default=True, description="Whether an answer counts that was begun and not finished.")
    takes_inferred: bool = Field(default=False, description="Whether a click counts that nobody has confirmed.")


class TargetIn(Strict):
    """How soon somebody speaks to the customer, and how soon it is resolved, in business minutes."""

    contact_minutes: Minutes
    resolve_minutes: Minutes


class TargetsIn(Strict):
    """One target per priority."""

    urgent: TargetIn
    high: TargetIn
    normal: TargetIn
    low: TargetIn


class StepIn(Strict):
    """A step of the ladder: after `minutes` of a clock or `percent` of its target; age is not paused."""

    key: Key
    clock: ClockName
    minutes: Minutes | None = None
    percent: int | None = Field(None, strict=True, ge=1, le=10_000)
    action: Action
    agent: AgentKey | None = Field(None, description="Who is told; none: who leads the team of the case.")
    assign: Routes = Field([])

    @model_validator(mode="after")
    def _is_a_step(self) -> "StepIn":
        if (self.minutes is None) == (self.percent is None):
            raise PydanticCustomError("step", "A step is after minutes or after a percentage, one of them")
        if self.clock == "age" and self.minutes is None:
            raise PydanticCustomError("step", "Age has no target: say minutes")
        if (self.action == "reassign") != bool(self.assign):
            raise PydanticCustomError("step", "A step that reassigns says where to, and no other does")
        if self.agent is not None and self.action != "notify":
            raise PydanticCustomError("step", "Only a step that notifies names an agent")
        return self


class RecoveryIn(Strict):
    """When somebody is won back: a later score at or above the threshold of its kind, within days of closing."""

    thresholds: dict[ScoreKind, Annotated[int, Field(strict=True, ge=-100, le=100)]]
    within_days: int = Field(180, strict=True, ge=1, le=1_095)
    ask_again_days: int | None = Field(None, strict=True, ge=1, le=365)


class PolicyIn(Strict):
    """Which answers open a case, who gets it, how soon it is due, and what happens if it is not done."""

    rules: list[RuleIn] = Field(max_length=100)
    assign: Routes = Field([], description="Where cases go that their rule leads to nobody.")
    targets: TargetsIn
    ladder: list[StepIn] = Field([], max_length=20)
    recovery: RecoveryIn

    @field_validator("rules", "ladder")
    @classmethod
    def _are_distinct(cls, value: list[RuleIn] | list[StepIn]) -> list[RuleIn] | list[StepIn]:
        if len({each.key for each in value}) < len(value):
            raise PydanticCustomError("twice", "A key is used twice")
        return value

    @property
    def routes(self) -> list[RouteIn]:
        """All routes, wherever they stand."""
        return [
            *self.assign,
            *(route for rule in self.rules for route in rule.assign),
            *(route for step in self.ladder for route in step.assign),
        ]


class PolicyOut(PolicyIn):
    """The policy of a version; 0 is what holds until a firm says otherwise."""

    version: int
    created_at: Instant | None
    created_by: str | None


class PolicyVersionOut(BaseModel):
    """When a policy was made, and by whom."""

    version: int
    created_at: Instant
    created_by: str


def document_of(policy: Policy) -> PolicyIn:
    """A policy as it goes over the wire."""
    return PolicyIn.model_validate(
        {
            "rules": [
                {
                    "key": rule.key,
                    "priority": rule.priority,
                    "when": {
                        "scores": [
                            {"kind": each.kind, "at_least": each.at_least, "at_most": each.at_most}
                            for each in rule.when.scores
                        ],
                        "wants_callback": rule.when.wants_callback,
                    },
                }
                for rule in policy.rules
            ],
            "targets": {
                name: {"contact_minutes": each.contact_minutes, "resolve_minutes": each.resolve_minutes}
                for name, each in policy.targets.items()
            },
            "recovery": {"thresholds": policy.recovery.thresholds, "within_days": policy.recovery.within_days},
        }
    )


DEFAULT_DOCUMENT = document_of(DEFAULT_POLICY)
