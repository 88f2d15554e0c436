"""Wire types of rules."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue

from services.loyalty.earning.domain.book import RuleVersion, State
from services.loyalty.earning.domain.rule import Flag, Rule
from services.loyalty.earning.repository.rules import Progress
from shared.http.schemas import BigInt, Instant, Strict

_EXAMPLE: dict[str, JsonValue] = {
    "name": "1 point per 10,000 VND",
    "state": "active",
    "rule": {
        "trigger": {"on": "order"},
        "effect": {"kind": "per_amount", "points": 1, "per_minor": 10_000, "currency": "VND"},
    },
}


def _one_line(value: str) -> str:
    if not value.isprintable() or value != value.strip():
        raise ValueError("it must be printable, with no space around it")
    return value


Name = Annotated[str, Field(min_length=1, max_length=120), AfterValidator(_one_line)]


class RuleIn(Strict):
    """A rule. A `draft` earns nothing; preview it first."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    name: Name
    state: Literal["draft", "active"] = "draft"
    rule: Rule
    effective_from: Instant | None = Field(None, description="From which moment of facts on it holds; none: now.")
    retroactive: Flag = Field(False, description="It is meant to change what was earned since a moment in the past.")


class RuleChangeIn(Strict):
    """A further version of a rule; `version` is the one you read."""

    version: BigInt
    name: Name
    state: State = "draft"
    rule: Rule
    effective_from: Instant | None = Field(None, description="From which moment of facts on it holds; none: now.")
    retroactive: Flag = Field(False, description="It is meant to change what was earned since a moment in the past.")


class RuleOut(BaseModel):
    """A rule in one version."""

    id: UUID
    name: str
    version: int
    state: State
    rule: Rule
    effective_from: datetime
    recorded_at: datetime
    recorded_by: str = Field(description="The id of the key that stored this version.")

    @classmethod
    def of(cls, version: RuleVersion) -> "RuleOut":
        """As stored."""
        return cls(
            id=version.rule_id,
            name=version.name,
            version=version.version,
            state=version.state,
            rule=version.rule,
            effective_from=version.effective_from,
            recorded_at=version.recorded_at,
            recorded_by=version.recorded_by,
        )


class ProgressOut(BaseModel):
    """How many people wait to be looked at again after a change of rules or tracks."""

    waiting: int
    since: datetime | None

    @classmethod
    def of(cls, progress: Progress) -> "ProgressOut":
        """As it is now."""
        return cls(waiting=progress.waiting, since=progress.since)
