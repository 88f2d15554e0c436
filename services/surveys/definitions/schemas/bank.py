"""Wire models of the question bank."""

from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import BaseModel, Field

from services.surveys.definitions.repository.bank import BankQuestion
from services.surveys.definitions.schemas.question import ContentIn
from shared.http.schemas import ExternalId, Strict


class BankQuestionIn(Strict):
    """A question to be used again."""

    name: ExternalId = Field(description="What staff calls it; there is one of a name.")
    content: ContentIn


class UseOut(BaseModel):
    """A survey that a version of the question stands in."""

    survey_id: UUID
    survey_name: str
    survey_version: int
    question_version: int
    is_asked: bool = Field(description="Whether it is the version that the survey asks now.")


class BankQuestionOut(BaseModel):
    """A question of the bank, in its latest version."""

    id: UUID
    name: str
    version: int = Field(description="Counts its changes; send it as If-Match.")
    is_retired: bool = Field(description="No new survey can take it; those that have it keep it.")
    content: ContentIn
    created_at: datetime
    created_by: str
    changed_at: datetime
    changed_by: str

    @classmethod
    def of(cls, question: BankQuestion) -> Self:
        """The wire form."""
        content = ContentIn.model_validate_json(question.content)
        return cls(**{**question._asdict(), "content": content})


class UsesOut(BaseModel):
    """Where a question stands."""

    used_by: list[UseOut]
