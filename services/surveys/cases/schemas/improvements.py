"""Wire models of what a firm changed because of its customers."""

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from services.surveys.cases.schemas.case import Customer
from services.surveys.cases.schemas.policy import Key
from shared.http.schemas import Instant, Strict

Locale = Annotated[str, Field(pattern=r"^[a-z]{2}(-[A-Z]{2})?$")]
Said = Annotated[str, Field(min_length=1, max_length=5_000)]


class ImprovementIn(Strict):
    """What was changed, in Vietnamese and English at least, and which causes or cases led to it."""

    texts: dict[Locale, Said] = Field(
        max_length=20, examples=[{"vi": "Chúng tôi giao hàng cả buổi tối.", "en": "We deliver in the evening, too."}]
    )
    root_causes: list[Key] = Field([], max_length=50)
    cases: list[UUID] = Field([], max_length=1_000)

    @field_validator("texts")
    @classmethod
    def _has_both(cls, value: dict[str, str]) -> dict[str, str]:
        if missing := sorted({"vi", "en"} - {each.partition("-")[0] for each in value}):
            raise PydanticCustomError("locale", "The text is missing in {missing}", {"missing": ", ".join(missing)})
        return value

    @model_validator(mode="after")
    def _has_reason(self) -> "ImprovementIn":
        if not self.root_causes and not self.cases:
            raise PydanticCustomError("because", "Name the root causes or the cases that led to it")
        return self


class ImprovementOut(BaseModel):
    """What was changed; nobody is told before it is published."""

    id: UUID
    version: int
    texts: dict[str, str]
    root_causes: list[str]
    cases: list[UUID]
    published_at: Instant | None
    told: int = Field(description="How many people were told.")
    created_at: Instant
    created_by: str
    updated_at: Instant
    updated_by: str


class ToBeToldOut(BaseModel):
    """Somebody who may be told: a raw person key of theirs, and the case they had."""

    person: UUID
    case_id: UUID


class ToldIn(Strict):
    """Who was told; each counts once, however often they are named and under whichever key."""

    customers: list[Customer] = Field(min_length=1, max_length=500)


class ToldOut(BaseModel):
    """How many were told now, who had not been told before."""

    told: int
