"""Wire models of what becomes of a survey: its state, its versions, its draft."""

from datetime import datetime
from typing import Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field

from services.surveys.definitions.errors import WhyNot
from services.surveys.definitions.repository.surveys import Survey, Version
from services.surveys.definitions.schemas.survey import SurveyIn


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
