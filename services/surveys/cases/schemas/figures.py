"""Wire models of figures of cases."""

from datetime import date

from pydantic import BaseModel, Field

from shared.http.schemas import Instant
from shared.intervals import wilson


class ShareOut(BaseModel):
    """A share of `n`, with the interval (Wilson, 95 %) that holds the true one; null where there is nothing."""

    value: float | None
    count: int
    n: int
    low: float | None
    high: float | None

    @classmethod
    def of(cls, count: int, n: int) -> "ShareOut":
        """`count` of `n`."""
        if not n:
            return cls(value=None, count=0, n=0, low=None, high=None)
        interval = wilson(count, n)
        return cls(value=count / n, count=count, n=n, low=interval.low, high=interval.high)


class CaseFiguresOut(BaseModel):
    """What came of the cases that were opened on local days, both included."""

    first_day: date
    last_day: date
    as_of: Instant
    opened: int
    merged: int = Field(description="Of those opened; they count no further, with the case they are part of they do.")
    closed: int
    contact_in_time: ShareOut = Field(description="Of cases whose first contact was made, or is late.")
    resolution_in_time: ShareOut = Field(description="Of cases that were resolved, or are late.")
    median_contact_minutes: float | None = Field(description="Business minutes to the first contact.")
    p90_contact_minutes: float | None
    recovery: ShareOut = Field(description="Of closed cases whose customer answered again: those who are happy now.")
    by_root_cause: dict[str, int]
    by_outcome: dict[str, int]
