"""Wire models of invariants."""

from datetime import datetime

from pydantic import BaseModel, Field

from services.loyalty.invariants.domain import Check
from services.loyalty.invariants.repository import Finding


class InvariantOut(BaseModel):
    """One invariant, and what its check found last."""

    name: str
    about: str
    violations: int | None = Field(
        description="How many were found; null: not checked yet, or the check took too long."
    )
    examples: list[str] = Field(description="Ids of some of them.")
    checked_at: datetime | None
    seconds: float | None = Field(description="How long the check took.")

    @classmethod
    def of(cls, check: Check, finding: Finding | None) -> "InvariantOut":
        """The wire form."""
        if finding is None:
            return cls(name=check.name, about=check.about, violations=None, examples=[], checked_at=None, seconds=None)
        return cls(
            name=check.name,
            about=check.about,
            violations=finding.violations,
            examples=list(finding.examples),
            checked_at=finding.checked_at,
            seconds=round(finding.seconds, 6),
        )


class InvariantsOut(BaseModel):
    """All invariants; `holds` is null as long as one was not checked."""

    holds: bool | None
    invariants: list[InvariantOut]
