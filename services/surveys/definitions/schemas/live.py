"""Wire models of what becomes of a survey: its state, its versions, its draft."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field

from services.surveys.definitions.domain.diff import Change
from services.surveys.definitions.errors import WhyNot
from services.surveys.definitions.repository.surveys import Survey, Version
from services.surveys.definitions.schemas.survey import SurveyIn
from shared.http.schemas import Strict


class NoteIn(Strict):
    """Why a version is published, for whoever reads the list later."""

    note: str = Field("", max_length=1_000)


class ProblemOut(BaseModel):
    """One thing that is wrong: where (JSON Pointer), a code, and a sentence."""

    path: str
    code: str
    message: str


class ProblemsOut(BaseModel):
    """What keeps a draft from being published; nothing: it can be."""

    problems: list[ProblemOut]


class VersionOut(BaseModel):
    """A version: what was asked, to the letter of each label."""

    version: int
    note: str
    published_at: datetime
    published_by: str
    survey: SurveyIn

    @classmethod
    def of(cls, version: Version) -> Self:
        """The wire form."""
        return cls(
            version=version.version,
            note=version.note,
            published_at=version.published_at,
            published_by=version.published_by,
            survey=SurveyIn.model_validate_json(version.document),
        )


class ChangeOut(BaseModel):
    """One difference; null: it was not there, or is not any more."""

    path: str = Field(examples=["/questions/nps/text/vi"])
    before: Any
    after: Any


class DiffOut(BaseModel):
    """What changed between two versions."""

    before: int = Field(description="0: nothing.")
    after: int = Field(description="0: the draft.")
    changes: list[ChangeOut]

    @classmethod
    def of(cls, before: int, after: int, changes: Sequence[Change]) -> Self:
        """The wire form."""
        return cls(before=before, after=after, changes=[ChangeOut(**each._asdict()) for each in changes])


class SurveyOut(BaseModel):
    """A survey: its state, what is asked, and what was changed and not yet published."""

    id: UUID
    name: str
    state: Literal["draft", "active", "closed"]
    why_not: WhyNot | None = Field(description="Why it takes no answers; null: it does.")
    revision: int = Field(description="Counts every change that staff makes; send it as If-Match.")
    version: int = Field(description="The version that is asked; 0: none was published.")
    completed: int = Field(description="Complete answers so far, in all versions.")
    published: SurveyIn | None = Field(description="What is asked.")
    draft: SurveyIn | None = Field(description="What was changed and not yet published.")
    library_key: str | None
    closed_at: datetime | None
    closed_by: str | None
    created_at: datetime
    created_by: str
    changed_at: datetime
    changed_by: str

    @classmethod
    def of(cls, survey: Survey, version: Version | None, why_not: WhyNot | None, completed: int) -> Self:
        """The wire form."""
        return cls(
            id=survey.id,
            name=survey.name,
            state="active" if why_not is None else "draft" if why_not == "draft" else "closed",
            why_not=why_not,
            revision=survey.revision,
            version=survey.version,
            completed=completed,
            published=None if version is None else SurveyIn.model_validate_json(version.document),
            draft=None if survey.draft is None else SurveyIn.model_validate_json(survey.draft),
            library_key=survey.library_key,
            closed_at=survey.closed_at,
            closed_by=survey.closed_by,
            created_at=survey.created_at,
            created_by=survey.created_by,
            changed_at=survey.changed_at,
            changed_by=survey.changed_by,
        )
