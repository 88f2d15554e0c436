"""What is asked, and how far it is."""

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from services.loyalty.earning.domain.rule import Rule
from services.loyalty.programs.domain.terms import MAIN, Name
from services.loyalty.programs.schemas import MAX_VERSION, ProgramIn
from services.loyalty.simulations.repository.simulations import Simulation
from services.loyalty.tiers.domain.track import Key, Track
from shared.http.schemas import Instant, Strict

_Version = Annotated[int, Field(strict=True, ge=1, le=MAX_VERSION)]


class TermsProposal(Strict):
    """A programme under other terms: those of a version of it, such as a draft, or these."""

    program: Name = MAIN
    version: _Version | None = Field(None, description="A version that is stored.")
    terms: ProgramIn | None = Field(None, description="Terms that stand nowhere yet.")

    @model_validator(mode="after")
    def _says_one(self) -> Self:
        if (self.version is None) == (self.terms is None):
            raise PydanticCustomError("version_or_terms", "Give either a version or terms")
        return self


class RuleProposal(Strict):
    """An earning rule that is new (`rule` alone), otherwise (`replaces` and `rule`), or no more (`replaces` alone).

    `version`: the rule as one of its versions says, such as a draft.
    """

    replaces: UUID | None = None
    version: _Version | None = None
    rule: Rule | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.replaces is None and self.rule is None:
            raise PydanticCustomError("no_rule", "Say which rule is replaced, or give a new one")
        if self.version is not None and (self.replaces is None or self.rule is not None):
            raise PydanticCustomError(
                "version_of_what", "A version is one of the rule that is replaced, and is the rule"
            )
        return self


class TrackProposal(Strict):
    """A tier track as it would be; a new one, or instead of the one of this key."""

    key: Key
    track: Track


class SimulationIn(Strict):
    """What would be otherwise, and in which time that is over. Nothing otherwise: the programme beside itself."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "title": "Nửa điểm mỗi 10.000 ₫",
                    "from": "2026-01-01T00:00:00+07:00",
                    "until": "2026-07-01T00:00:00+07:00",
                    "programs": [{"version": 3}],
                }
            ]
        }
    )
    title: str = Field("", max_length=200, description="What people call it.")
    from_: Instant = Field(alias="from", description="From when on the proposal would have held.")
    until: Instant | None = Field(None, description="Until before when; none: now.")
    programs: Annotated[list[TermsProposal], Field(max_length=10)] = Field(default_factory=list)
    rules: Annotated[list[RuleProposal], Field(max_length=100)] = Field(default_factory=list)
    tracks: Annotated[list[TrackProposal], Field(max_length=10)] = Field(default_factory=list)


class SimulationOut(BaseModel):
    """A simulation as it stands."""

    id: UUID
    title: str
    state: Literal["waiting", "running", "done", "cancelled", "failed"]
    from_: datetime = Field(alias="from")
    until: datetime
    zone: str = Field(description="Whose months are told.")
    asked_at: datetime = Field(description="What was learnt later does not count.")
    asked_by: str
    started_at: datetime | None
    finished_at: datetime | None
    kept_until: datetime | None = Field(description="Until when the result can be had.")
    members: int | None = Field(description="How many are looked at; null: nobody has begun.")
    done: int = Field(description="How many were.")
    share_done: float = Field(ge=0, le=1)
    seconds_left: float | None = Field(description="At the rate so far; null: nobody can say yet, or it is over.")
    inputs_digest: str = Field(description="Of both programmes and the period; the same inputs give the same result.")
    digest: str | None = Field(description="Of the result, as it came out.")
    reason: str | None = Field(description="Why it failed, as the code of a refusal.")

    @classmethod
    def of(cls, each: Simulation, now: datetime) -> "SimulationOut":
        """The wire form."""
        left = None
        if each.state == "running" and each.done and each.total is not None and each.started_at is not None:
            left = (now - each.started_at).total_seconds() * (each.total - each.done) / each.done
        share = each.done / each.total if each.total else float(each.state == "done")
        return cls.model_validate(
            {
                **each._asdict(),
                "from": each.from_at,
                "until": each.until_at,
                "kept_until": each.keep_until,
                "members": each.total,
                "share_done": min(1.0, share),
                "seconds_left": left,
            }
        )
