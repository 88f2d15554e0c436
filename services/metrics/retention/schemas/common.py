"""What all answers of retention have in common."""

from dataclasses import fields
from datetime import date

from pydantic import BaseModel, Field

from services.metrics.domain.figure import Figure, Frame
from services.metrics.figures.schemas import FigureOut, IntervalOut
from services.metrics.retention.domain.reasons import SENTENCES, Reason
from services.metrics.retention.domain.survival import Length, Share


class WhyOut(BaseModel):
    """Why something cannot be said."""

    code: Reason
    detail: str


class Answer(BaseModel):
    """As of when, in whose days, and how fresh."""

    as_of: date
    time_zone: str
    staleness_seconds: float | None = Field(
        description="0 is live, null is unknown. What takes long to count is kept a while: then, how old it is."
    )


class LengthOut(FigureOut):
    """A number of days, and between which it lies."""

    low_days: int | None
    high_days: int | None = Field(description="null: so late that nobody was watched for as long.")


def head(frame: Frame) -> dict[str, object]:
    """The fields of `Answer`."""
    return {"as_of": frame.as_of, "time_zone": frame.time_zone, "staleness_seconds": frame.staleness_seconds}


def whys(reasons: tuple[Reason, ...]) -> list[WhyOut]:
    """With a sentence each."""
    return [WhyOut(code=each, detail=SENTENCES[each]) for each in reasons]


def out(figure: Figure) -> FigureOut:
    """On the wire. Of thousands in one answer: what comes from our own arithmetic is not validated one by one."""
    values = {field.name: getattr(figure, field.name) for field in fields(figure)}
    interval = None if figure.interval is None else IntervalOut.model_validate(figure.interval)
    return FigureOut.model_construct(**values | {"interval": interval})


def share_out(frame: Frame, name: str, share: Share | None, **parameters: int | str) -> FigureOut:
    """A share by Kaplan-Meier; None: it cannot be said."""
    value, interval, ended, waiting = share or (None, None, None, None)
    return out(frame.estimate(name, value, interval, numerator=ended, denominator=waiting, **parameters))


def length_out(frame: Frame, name: str, length: Length | None, **parameters: int | str) -> LengthOut:
    """A number of days; None: it was not reached."""
    plain = out(frame.plain(name, None if length is None else length.days, **parameters))
    low, high = (None, None) if length is None else (length.low, length.high)
    return LengthOut.model_construct(**dict(plain), low_days=low, high_days=high)
