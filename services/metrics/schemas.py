"""What every answer of metrics has in common: each figure in it says all that one must know to believe it."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any, Protocol, Self, TypeVar

from pydantic import BaseModel, Field, model_validator

from services.metrics.domain.calendar import to_date
from services.metrics.domain.figure import CannotSay

Answer = TypeVar("Answer", bound=BaseModel)


class Explained(BaseModel):
    """A figure that explains itself; `GET /v1/metrics/definitions` says what `definition` means, and its formula."""

    definition: str = Field(description="The versioned id of what it means.")
    numerator: int | float | str | None = Field(None, description="Of a quotient: what is divided; money is a string.")
    denominator: int | float | str | None = Field(None, description="Of a quotient: what it is divided by.")
    parameters: dict[str, int | float | str] = Field(
        default_factory=dict, description="The policy it was made by, and what it depends on besides."
    )
    as_of: datetime | date | None = Field(None, description="The day, inclusive, or the moment up to which is counted.")
    time_zone: str | None = Field(None, description="The IANA time zone whose days are counted.")
    staleness_seconds: float | None = Field(
        None, description="How old the knowledge behind it is: 0 is live, null is unknown."
    )
    cannot_say: CannotSay | None = Field(None, description="Why there is no value; null: there is one, or see reasons.")


class _Days(Protocol):
    @property
    def first(self) -> int: ...

    @property
    def last(self) -> int: ...


class DaysOut(BaseModel):
    """Local days, both included."""

    first: date
    last: date

    @classmethod
    def of(cls, days: _Days) -> "DaysOut":
        """Numbers of days on the wire."""
        return cls(first=to_date(days.first), last=to_date(days.last))


class Explaining(BaseModel):
    """An answer: as of when, in which days and how fresh it is holds of each figure in it, and each says so."""

    def made_by(self) -> dict[str, int | float | str]:
        """What all figures of the answer were made by."""
        return {}

    @model_validator(mode="after")
    def _hand_down(self) -> Self:
        return hand_down(self, self.made_by())


def hand_down(answer: Answer, made_by: Mapping[str, int | float | str]) -> Answer:
    """Tell each figure within an answer when and how fresh it is, in which days, and what all of them were made by."""
    for figure in _figures(answer):
        if figure.as_of is None:
            figure.as_of = getattr(answer, "as_of", None)
            figure.time_zone = getattr(answer, "time_zone", None)
            figure.staleness_seconds = getattr(answer, "staleness_seconds", None)
            figure.parameters = {**made_by, **figure.parameters}
    return answer


def _figures(found: Any) -> Iterator[Explained]:
    if isinstance(found, BaseModel):
        if isinstance(found, Explained):
            yield found
        for name in type(found).model_fields:
            yield from _figures(getattr(found, name))
    elif isinstance(found, list | tuple):
        for each in found:
            yield from _figures(each)
    elif isinstance(found, dict):
        for each in found.values():
            yield from _figures(each)
