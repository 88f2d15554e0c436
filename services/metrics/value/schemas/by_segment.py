"""Wire forms of what customers have brought so far, by segment."""

from datetime import date
from typing import Self
from uuid import UUID

from pydantic import BaseModel, Field

from services.metrics.domain.figure import Frame
from services.metrics.figures.schemas import FigureOut
from services.metrics.value.domain.by_segment import Brought, SoFarBySegment
from services.metrics.value.schemas.estimates import major


class SegmentSoFarOut(BaseModel):
    """What the customers among the members of a segment have brought; `personas` describe it."""

    segment: UUID
    personas: list[str]
    historical_clv: FigureOut


class OverlapOut(BaseModel):
    """What is counted more than once, for somebody is in several segments: once for each beyond the first."""

    customers: int
    net: str = Field(description="Before the margin; a decimal string in major units.")


class SoFarBySegmentOut(BaseModel):
    """What customers have brought on the mean, of each segment there is now.

    All numerators (and denominators) of `segments` and `in_no_segment`, less `overlap`, are those of `counted`.
    """

    as_of: date
    time_zone: str
    staleness_seconds: float | None
    segments_staleness_seconds: float | None = Field(description="How old the count by segment is; 0 is live.")
    currency: str | None = Field(description="Purchases in another are not in it. null: there is no order yet.")
    everybody: FigureOut | None = Field(description="Of all customers, live.")
    counted: FigureOut | None = Field(description="Of all customers, as of the moment segments were counted.")
    segments: list[SegmentSoFarOut] | None = Field(
        description="Everybody is looked at, so of many customers they are counted in the background. null: the first "
        "time."
    )
    in_no_segment: FigureOut | None
    overlap: OverlapOut | None

    @classmethod
    def of(cls, found: SoFarBySegment) -> Self:
        """As answered."""
        code, frame = found.currency, found.counted

        def out(brought: Brought | None, of: Frame) -> FigureOut | None:
            if brought is None or code is None:
                return None
            return FigureOut.model_validate(brought.figure(of, code, found.margin))

        segments = None
        if found.segments is not None and code is not None:
            segments = [
                SegmentSoFarOut(
                    segment=UUID(each.segment),
                    personas=list(each.personas),
                    historical_clv=FigureOut.model_validate(each.brought.figure(frame, code, found.margin)),
                )
                for each in found.segments
            ]
        overlap = None
        if found.overlap is not None and code is not None:
            overlap = OverlapOut(customers=found.overlap.customers, net=major(found.overlap.net_minor, code))
        return cls(
            as_of=found.frame.as_of,
            time_zone=found.frame.time_zone,
            staleness_seconds=found.frame.staleness_seconds,
            segments_staleness_seconds=frame.staleness_seconds,
            currency=code,
            everybody=out(found.everybody, found.frame),
            counted=out(found.whole, frame),
            segments=segments,
            in_no_segment=out(found.none, frame),
            overlap=overlap,
        )
