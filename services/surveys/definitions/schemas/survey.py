"""Wire models of a survey: the document that is written, stored with each version, exported and imported."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import Discriminator, Field, Tag

from services.surveys.definitions.domain.definition import Definition
from services.surveys.definitions.errors import BadSurvey, Problem
from services.surveys.definitions.schemas.question import BankRef, Key, Locale, PlaceIn, QuestionIn, Words
from shared.events.catalogue.surveys import Purpose
from shared.http.schemas import ExternalId, Instant, Strict

MAX_QUESTIONS = 50
DAY_SECONDS = 86_400
_Place = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.:-]{0,59}$")]


class _SurveyFields(Strict):
    name: ExternalId = Field(description="What staff calls it.")
    purpose: Purpose = "customers"
    touchpoint: _Place | None = Field(None, description="The experience it asks about.", examples=["order_delivered"])
    stage: _Place | None = Field(None, description="The stage of the customer journey.", examples=["delivery"])
    locales: list[Locale] = Field(min_length=1, max_length=20, description="Each text is there in each of them.")
    default_locale: Locale = Field(description="One of the locales: for whoever speaks none of them.")
    is_anonymous: bool = False
    edit_window_seconds: int = Field(7 * DAY_SECONDS, ge=0, le=90 * DAY_SECONDS, description="How long to change one.")
    closes_at: Instant | None = Field(None, description="From then on it takes no answers.")
    quota: int | None = Field(None, ge=1, le=10**9, description="How many complete answers it takes.")
    metric: Key | None = Field(None, description="The question that the survey is for.")
    title: Words
    intro: Words = Field(default_factory=dict)
    thanks: Words


class SurveyIn(_SurveyFields):
    """A survey whole, as it is stored, exported and imported."""

    questions: list[QuestionIn] = Field(min_length=1, max_length=MAX_QUESTIONS)

    def definition(self, survey_id: UUID, version: int) -> Definition:
        """The survey as the domain knows it.

        Raises:
            BadSurvey: a condition has no such form.
        """
        problems: list[Problem] = []
        questions = tuple(each.question(f"/questions/{n}", problems) for n, each in enumerate(self.questions))
        if problems:
            raise BadSurvey(problems)
        return Definition(
            survey_id=survey_id,
            version=version,
            name=self.name,
            purpose=self.purpose,
            default_locale=self.default_locale,
            locales=tuple(self.locales),
            questions=questions,
            title=self.title,
            thanks=self.thanks,
            intro=self.intro,
            metric=self.metric,
            touchpoint=self.touchpoint,
            stage=self.stage,
            is_anonymous=self.is_anonymous,
            edit_window_seconds=self.edit_window_seconds,
            closes_at=self.closes_at,
            quota=self.quota,
        )


class BankedIn(PlaceIn):
    """A question of the bank where it stands in a survey: what it says is taken from the bank when this is written."""

    bank: BankRef


def _is_banked(value: Any) -> str:
    known = value if isinstance(value, dict) else getattr(value, "__dict__", {})
    return "banked" if "bank" in known and "kind" not in known else "whole"


class DraftIn(_SurveyFields):
    """A survey as it shall be. Its questions are written out, or taken from the bank."""

    questions: list[
        Annotated[
            Annotated[QuestionIn, Tag("whole")] | Annotated[BankedIn, Tag("banked")],
            Discriminator(_is_banked),
        ]
    ] = Field(min_length=1, max_length=MAX_QUESTIONS)


class FromLibraryIn(Strict):
    """A ready survey, to be written down as a draft."""

    library: str = Field(max_length=64, description="Its key, of `/v1/survey-library`.", examples=["after_delivery"])
    name: ExternalId | None = Field(None, description="What staff calls it; none: as in the library.")


def _is_library(value: Any) -> str:
    return "library" if isinstance(value, FromLibraryIn | dict) and "library" in dict(value) else "whole"


NewSurveyIn = Annotated[
    Annotated[DraftIn, Tag("whole")] | Annotated[FromLibraryIn, Tag("library")], Discriminator(_is_library)
]
