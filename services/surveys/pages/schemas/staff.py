"""What staff reads and says of clicks and links."""

from datetime import datetime
from typing import Self

from pydantic import BaseModel, Field

from services.surveys.pages.repository.clicks import Summary
from services.surveys.pages.repository.policies import Policy
from shared.http.schemas import Strict


class PolicyIn(Strict):
    """What clicks may count for."""

    infer_after_seconds: int | None = Field(
        strict=True,
        ge=600,
        le=30 * 86_400,
        description="After so long a click that nobody confirmed, and that nothing speaks against, is taken for an "
        "answer (`verification` inferred). Null: never.",
        examples=[172_800],
    )


class PolicyOut(BaseModel):
    """What clicks count for."""

    infer_after_seconds: int | None
    changed_at: datetime | None
    changed_by: str | None

    @classmethod
    def of(cls, policy: Policy) -> Self:
        """The wire form."""
        return cls(**policy._asdict())


class ClicksOut(BaseModel):
    """Invitations whose score links were clicked. None of these clicks is an answer by itself."""

    clicked: int = Field(description="Invitations with a click. They are judged two minutes after it.")
    confirmed: int = Field(description="Answered by a person since.")
    inferred: int = Field(description="Answers taken from a clean click that nobody confirmed.")
    clean: int = Field(description="Not answered; nothing speaks against a person.")
    doubtful: int = Field(description="Not answered; something speaks against a person.")
    machine: int = Field(description="Not answered; a machine looked at the links.")
    reasons: dict[str, int] = Field(description="What spoke against a person, by how many invitations.")
    policy: PolicyOut

    @classmethod
    def of(cls, policy: Policy, summary: Summary) -> Self:
        """The wire form."""
        return cls(**summary._asdict(), policy=PolicyOut.of(policy))


class ScoreLinkOut(BaseModel):
    """A link that stands for one score."""

    score: int
    url: str


class LinksOut(BaseModel):
    """The links of an invitation, for whoever brings it to the customer. Who has them can answer."""

    page: str = Field(examples=["https://khaosat.example.vn/s/AbC…"])
    scores: list[ScoreLinkOut] = Field(
        description="One for each point of the question that the survey is for; none of an anonymous survey, whose "
        "links say nothing but which invitation it is."
    )
