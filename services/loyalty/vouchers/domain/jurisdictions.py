"""When gift cards may expire, by the law of a place: data, each with its source, so that a firm can check it.

As far as is known in 2026, and no legal advice: what a firm must do, its lawyers say. A campaign that names no place
may let its cards expire whenever it says.
"""

from collections.abc import Mapping
from datetime import date
from typing import NamedTuple


class ExpiryRule(NamedTuple):
    """How long cards must hold: `min_years`, None is for ever.

    `renews`: the time begins again with each top-up. `counts_from_year_end`: it begins when the year is over.
    """

    min_years: int | None
    source: str
    renews: bool = False
    counts_from_year_end: bool = False

    def earliest_end(self, day: date) -> date | None:
        """The first day that may be the last one of a card issued or topped up on a day; None: no day may."""
        if self.min_years is None:
            return None
        if self.counts_from_year_end:
            return date(day.year + self.min_years, 12, 31)
        try:
            return day.replace(year=day.year + self.min_years)
        except ValueError:
            # A leap day: the day after it, never one before.
            return date(day.year + self.min_years, 3, 1)

    @property
    def least_days(self) -> int | None:
        """So many days are enough on whatever day a card is issued; None: no number is."""
        if self.min_years is None:
            return None
        return 366 * (self.min_years + self.counts_from_year_end) + 1


EXPIRY: Mapping[str, ExpiryRule] = {
    "US": ExpiryRule(5, "15 U.S.C. 1693l-1(c); 12 CFR 1005.20(e): five years from issue or the last load", renews=True),
    "US-CA": ExpiryRule(None, "California Civil Code 1749.5: no expiration date"),
    "CA-ON": ExpiryRule(None, "Ontario Regulation 17/05, section 25.3: no expiry date"),
    "IE": ExpiryRule(5, "Consumer Protection (Gift Vouchers) Act 2019: five years"),
    "AU": ExpiryRule(3, "Australian Consumer Law, section 99B: three years"),
    "DE": ExpiryRule(3, "BGB 195, 199: three years from the end of the year of issue", counts_from_year_end=True),
}
