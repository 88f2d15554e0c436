"""What customers have brought so far, by segment: parts that add up to all, with what overlaps taken out once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from services.metrics.domain.figure import Figure, Frame


class Brought(NamedTuple):
    """So many customers, and gross less refunds of all of them in one currency, in minor units."""

    customers: int = 0
    net_minor: int = 0

    def figure(self, frame: Frame, currency: str, margin: str) -> Figure:
        """Net revenue times margin per customer."""
        minor = self.net_minor * Fraction(margin)
        return frame.mean("historical_clv", minor, self.customers, currency, margin=margin)


class SegmentBrought(NamedTuple):
    """What the customers among a segment's members brought, and the personas that describe it."""

    segment: str
    personas: Sequence[str]
    brought: Brought


@dataclass(frozen=True, slots=True)
class SoFarBySegment:
    """The answer: `everybody` as of `frame`, all else as of `counted`, when segments were; None: they were not yet.

    All of `segments` and `none` less `overlap` are `whole`, customers and money alike: `overlap` is who is in several
    segments, once for each beyond the first.
    """

    frame: Frame
    counted: Frame
    currency: str | None
    margin: str
    everybody: Brought
    whole: Brought | None
    segments: Sequence[SegmentBrought] | None
    none: Brought | None
    overlap: Brought | None


def parts(rows: Sequence[Sequence[str | int | None]], currency: str) -> Mapping[str, Brought]:
    """Of rows (part, currency, customers, net as text), each part in one currency.

    Where the currency is None the row counts the part's customers, whatever they paid in.
    """
    customers = {str(part): int(people or 0) for part, code, people, _ in rows if code is None}
    net = {str(part): int(minor or 0) for part, code, _, minor in rows if code == currency}
    return {part: Brought(number, net.get(part, 0)) for part, number in customers.items()}
