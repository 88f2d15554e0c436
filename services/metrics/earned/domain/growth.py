"""Earned growth between two periods, exactly, in one currency.

Reichheld, Darnell and Burns: NRR is what customers of the period before pay now, of all that was paid before; ENC what
new customers pay whom somebody brought, of the same. The earned growth rate is NRR + ENC − 100 %, and the earned growth
ratio its share of all growth. Here every unit paid now belongs to exactly one class, so that

    growth = NRR + earned + bought + unknown + reactivated − 100 %

and what is not known is a band: at its low end nobody of whom it is not known was brought, at its high end all were.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, NamedTuple

# returning: bought in the period before. earned, bought, unknown: their first order is after it. reactivated: had
# bought earlier, and not in it; with them refunds of orders of neither period's customers.
Class = Literal["returning", "earned", "bought", "unknown", "reactivated"]
CLASSES: tuple[Class, ...] = ("returning", "earned", "bought", "unknown", "reactivated")
NEW: tuple[Class, ...] = ("earned", "bought", "unknown")


class Band(NamedTuple):
    """Where the truth lies for certain; both ends are one where all is known."""

    low: Fraction
    high: Fraction


@dataclass(frozen=True, slots=True)
class Growth:
    """Net revenue in minor units: of the period before, and of this one by class."""

    before: int
    now: dict[Class, int]

    @property
    def total(self) -> int:
        """All of this period."""
        return sum(self.now.values())

    @property
    def has_base(self) -> bool:
        """Whether there is anything to compare with: without, no rate can be said."""
        return self.before > 0

    def of_before(self, minor: int) -> Fraction:
        """A share of the revenue of the period before."""
        return Fraction(minor, self.before)

    @property
    def known_earned(self) -> int:
        """What came back, and what new customers pay of whom it is known that they were brought."""
        return self.now["returning"] + self.now["earned"]

    def earned_minor(self) -> tuple[int, int]:
        """The least and the most of this period's revenue that is earned."""
        unknown = self.now["unknown"]
        return self.known_earned + min(0, unknown), self.known_earned + max(0, unknown)

    @property
    def rate(self) -> Band:
        """The earned growth rate."""
        low, high = self.earned_minor()
        return Band(self.of_before(low) - 1, self.of_before(high) - 1)

    @property
    def growth(self) -> Fraction:
        """All growth."""
        return self.of_before(self.total) - 1

    @property
    def ratio(self) -> Band | None:
        """The share of growth that is earned; None without growth, of which there is no share."""
        if self.growth <= 0:
            return None
        return Band(self.rate.low / self.growth, self.rate.high / self.growth)
