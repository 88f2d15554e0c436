"""Wire models of the mirror."""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from services.surveys.mirror.domain.telling import MIN_ANSWERS
from services.surveys.mirror.domain.wave import ROLES, Bias, Wave
from shared.http.schemas import Day, ExternalId, Instant, Strict

MAX_LINKS = 5_000
MAX_TOKEN = 64

Role = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
QuestionId = Annotated[str, Field(min_length=1, max_length=80)]


class WaveIn(Strict):
    """A new wave, which takes answers at once."""

    survey_id: UUID = Field(description="The survey of customers that staff answers in their place.")
    version: int | None = Field(None, ge=1, le=2**31 - 1, strict=True, description="Default: what is asked now.")
    name: ExternalId
    period_from: Day = Field(description="First local day whose customers' answers staff guesses.")
    period_to: Day = Field(description="The last such day, included.")
    closes_at: Instant = Field(description="No answer is taken from then on.")
    results_visible_from: Instant | None = Field(
        None,
        description="From when customers' results of the period count as visible; default, and at the latest: the "
        "moment the period is over. A wave that opens or closes at or after it is marked as biased.",
    )
    roles: list[Role] = Field(list(ROLES), min_length=1, max_length=20)
    asks_prediction: bool | None = Field(
        None, description="Whether to ask what the customers' NPS is; default: if the survey asks for an NPS score."
    )


class LinksIn(Strict):
    """One-time links to make; who gets which is not told to us."""

    role: Role
    count: int = Field(ge=1, le=MAX_LINKS, strict=True)


class LinksOut(BaseModel):
    """The secrets of links. They are shown this once: only their digests are kept."""

    role: str | None = Field(description="The role they stand for; null: whoever answers says their own.")
    tokens: list[str]


class ScoreIn(Strict):
    """One score, as customers would give it; `row` is of a matrix."""

    question_id: QuestionId
    row: QuestionId | None = None
    score: Annotated[int, Field(strict=True, ge=-1_000, le=1_000)]


class MirrorAnswerIn(Strict):
    """An answer to a wave. All scores are to be given."""

    token: str = Field(min_length=1, max_length=MAX_TOKEN, description="The secret of a link of this wave.")
    role: Role | None = Field(None, description="With the link that all share: the role of who answers.")
    scores: list[ScoreIn] = Field(max_length=500)
    predicted_nps: Annotated[int, Field(strict=True, ge=-100, le=100)] | None = Field(
        None,
        description="What the NPS of the period will be, from −100 to 100; to be given where the wave asks for it.",
    )


class TakenOut(BaseModel):
    """The answer was taken. It has no id: nothing leads back to it."""

    wave_id: UUID
    is_taken: Literal[True] = True


class WaveOut(BaseModel):
    """A wave; what was answered is shown by the delivery gap, when it has closed."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    survey_id: UUID
    version: int
    name: str
    touchpoint: str | None
    stage: str | None
    period_from: date
    period_to: date
    roles: list[str]
    asks_prediction: bool
    state: Literal["open", "closed"]
    opened_at: Instant
    opened_by: str
    closes_at: Instant
    closed_at: Instant | None
    results_visible_from: Instant
    is_unbiased: bool = Field(
        description="Whether it was opened and closed before customers' results of the period counted as visible. "
        "Figures are live: that nobody of the staff saw them earlier is not held."
    )
    bias: list[Bias] = Field(description="Why it is not.")
    has_shared_link: bool
    links: dict[str, int] = Field(description="One-time links made, by role.")
    answered: int = Field(description="Answers so far, of all roles together.")
    min_answers: int = Field(MIN_ANSWERS, description="A role of which fewer answered is withheld.")

    @classmethod
    def of(cls, wave: Wave, answered: int) -> "WaveOut":
        """The wave on the wire."""
        return cls(
            id=wave.id,
            survey_id=wave.survey_id,
            version=wave.version,
            name=wave.name,
            touchpoint=wave.touchpoint,
            stage=wave.stage,
            period_from=wave.period_from,
            period_to=wave.period_to,
            roles=list(wave.roles),
            asks_prediction=wave.asks_prediction,
            state="open" if wave.closed_at is None else "closed",
            opened_at=wave.opened_at,
            opened_by=wave.opened_by,
            closes_at=wave.closes_at,
            closed_at=wave.closed_at,
            results_visible_from=wave.results_visible_from,
            is_unbiased=not wave.bias,
            bias=list(wave.bias),
            has_shared_link=wave.has_shared_link,
            links=wave.links,
            answered=answered,
        )
