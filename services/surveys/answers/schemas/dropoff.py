"""Wire models of where people stop."""

from datetime import datetime

from pydantic import BaseModel, Field


class QuestionEnd(BaseModel):
    """A question: how many answered it, and for how many it was the last thing they answered without finishing."""

    question_id: str
    answered: int
    stopped_after: int


class DropOffOut(BaseModel):
    """How far people came who began to answer a version of a survey."""

    version: int
    since: datetime
    until: datetime
    started: int = Field(description="Began: all that follow together.")
    completed: int
    stopped_before_any: int = Field(description="Opened it and answered nothing.")
    questions: list[QuestionEnd]
