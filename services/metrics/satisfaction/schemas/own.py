"""Wire models of what a firm enters itself."""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.metrics.satisfaction.domain.scores import Formula
from shared.http.schemas import Strict

# NUL and other control characters cannot be stored, or shown.
Text = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Value = Annotated[float, Field(ge=-100, le=100, description="In the figure's unit.", examples=[41.5])]


class BenchmarkIn(Strict):
    """Somebody else's value. Without saying whose and of when it would be a rumour."""

    value: Value
    source: Text = Field(examples=["Báo cáo CX Việt Nam 2026, tr. 12"])
    dated: date = Field(description="Of when the value is.")


class TargetIn(Strict):
    """The firm's own aim, with somebody who answers for it."""

    value: Value
    owner: Text
    dated: date = Field(description="By when it shall be reached.")


class YardstickOut(BaseModel):
    """A value that a figure is held against."""

    model_config = ConfigDict(from_attributes=True)

    kind: Literal["benchmark", "target"]
    metric: str
    name: str
    value: float
    source: str | None
    owner: str | None
    dated: date = Field(description="Of when a benchmark is; by when a target shall be reached.")


class YardsticksOut(BaseModel):
    """Benchmarks or targets."""

    items: list[YardstickOut]


class FormulaIn(Strict):
    """How a survey makes its CES: the mean score, the share of 5 to 7, or that of 6 and 7 less that of 1 to 3."""

    formula: Formula


class FormulaOut(BaseModel):
    """The formula of a survey's CES, for good."""

    survey_id: UUID
    formula: Formula


class FormulasOut(BaseModel):
    """Surveys that have a formula of their own; all others use the mean."""

    items: list[FormulaOut]
