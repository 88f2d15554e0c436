"""Wire models of what becomes of a survey: its state, its versions, its draft."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from pydantic import BaseModel, Field

from services.surveys.definitions.domain.definition import State
from services.surveys.definitions.domain.diff import Change
from services.surveys.definitions.errors import WhyNot
from services.surveys.definitions.repository.surveys import Summary, Survey, Version
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


class VersionLineOut(BaseModel):
    """A version in a list."""

    version: int
    note: str
    published_at: datetime
    published_by: str


class VersionOut(VersionLineOut):
    """A version: what was asked, to the letter of each label."""

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
    state: State
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
            state=state_of(why_not),
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


class SurveyLineOut(BaseModel):
    """A survey in a list."""

    id: UUID
    name: str
    state: State
    why_not: WhyNot | None = Field(description="Why it takes no answers; null: it does.")
    revision: int
    version: int = Field(description="The version that is asked; 0: none was published.")
    has_draft: bool = Field(description="Whether something was changed and not yet published.")
    completed: int
    quota: int | None
    closes_at: datetime | None
    closed_at: datetime | None
    library_key: str | None
    created_at: datetime
    changed_at: datetime

    @classmethod
    def of(cls, survey: Summary, why_not: WhyNot | None) -> Self:
        """The wire form."""
        return cls(**survey._asdict(), state=state_of(why_not), why_not=why_not)


def state_of(why_not: WhyNot | None) -> State:
    """The state of a survey that takes no answers for this reason."""
    if why_not is None:
        return "active"
    return "draft" if why_not == "draft" else "closed"
