"""Wire models of earned growth."""

from datetime import date
from fractions import Fraction

from pydantic import BaseModel, Field

from services.metrics.domain.definitions import DEFINITIONS
from services.metrics.domain.figure import CannotSay
from services.metrics.earned.domain.growth import Growth
from services.metrics.earned.domain.report import GrowthReport, Period
from services.metrics.schemas import Explained, Explaining
from shared.http.schemas import Instant
from shared.money import EXPONENTS, to_decimal_string

NO_BASE = CannotSay("no_base", "There is no net revenue in the period before to compare with.")
NO_GROWTH = CannotSay("no_growth", "Revenue has not grown: there is nothing of which a part could be earned.")
FORMULA = "earned growth rate = NRR + ENC − 100 %"


class RateOut(Explained):
    """A quotient of money; `value` is null where there is nothing to divide by, which `cannot_say` tells."""

    value: float | None = Field(description="0.1 is 10 %; null: `cannot_say` tells why.")


class BandOut(BaseModel):
    """Where the truth lies for certain: what is not known is left out at the low end and counted in at the high."""

    low: RateOut
    high: RateOut


class GrowthOut(BaseModel):
    """Growth in one currency. growth = NRR + earned + bought + unknown + reactivated − 1, exactly."""

    currency: str
    revenue_before: str = Field(description="Net revenue of the period before: decimal string in major units.")
    revenue_now: str
    net_revenue_retention: RateOut
    earned_new_customers: BandOut
    bought_new_customers: BandOut
    unknown_new_customers: RateOut = Field(description="New customers of whom it is not known: the width of the bands.")
    reactivated_revenue: RateOut
    revenue_growth: RateOut
    earned_growth_rate: BandOut
    earned_growth_ratio: BandOut
    cannot_say: CannotSay | None = Field(description="Why there are no rates; null: there are.")

    @classmethod
    def of(cls, currency: str, growth: Growth) -> "GrowthOut":
        """The growth on the wire."""
        unknown = growth.now["unknown"]
        low, high = sorted((0, unknown))
        money = _Money(currency, growth.before)
        least, most = growth.earned_minor()
        return cls(
            currency=currency,
            revenue_before=money.text(growth.before),
            revenue_now=money.text(growth.total),
            net_revenue_retention=money.share("net_revenue_retention", growth.now["returning"]),
            earned_new_customers=_band(money, "earned_new_customers", growth.now["earned"], low, high),
            bought_new_customers=_band(money, "bought_new_customers", growth.now["bought"], low, high),
            unknown_new_customers=money.share("earned_new_customers", unknown),
            reactivated_revenue=money.share("reactivated_revenue", growth.now["reactivated"]),
            revenue_growth=money.share("revenue_growth", growth.total - growth.before),
            earned_growth_rate=BandOut(
                low=money.share("earned_growth_rate", least - growth.before),
                high=money.share("earned_growth_rate", most - growth.before),
            ),
            earned_growth_ratio=BandOut(
                low=money.of_growth(least - growth.before, growth.total - growth.before),
                high=money.of_growth(most - growth.before, growth.total - growth.before),
            ),
            cannot_say=None if growth.has_base else NO_BASE,
        )


class PeriodOut(BaseModel):
    """Local days, both included."""

    first: date
    last: date
    days: int

    @classmethod
    def of(cls, period: Period) -> "PeriodOut":
        """The period on the wire."""
        return cls(first=period.first, last=period.last, days=period.days)


class PeopleOut(BaseModel):
    """People with money in the period, in any currency, by what they are; each is one of these."""

    returning: int
    earned: int
    bought: int
    unknown: int
    reactivated: int


class EarnedGrowthOut(Explaining):
    """Growth from the period before to this one."""

    period: PeriodOut
    before: PeriodOut
    as_of: Instant = Field(description="By all that was known at this moment, also about days long gone.")
    time_zone: str
    staleness_seconds: float | None
    formula: str = FORMULA
    is_being_counted: bool = Field(
        description="Of a large firm, for the first minute or so: every order of both periods is looked at. Nothing is "
        "known yet, and no number here means anything; `growth` is null."
    )
    people: PeopleOut
    currency: str | None = Field(description="The currency of `growth`; null: there is no money in either period.")
    growth: GrowthOut | None = Field(description="null: there is no money in either period, or it is being counted.")
    other_currencies: list[GrowthOut] = Field(description="The same in all others there are; never added.")

    @classmethod
    def of(cls, report: GrowthReport) -> "EarnedGrowthOut":
        """The report on the wire."""
        growths = {code: GrowthOut.of(code, growth) for code, growth in report.growths.items()}
        return cls(
            period=PeriodOut.of(report.now),
            before=PeriodOut.of(report.before),
            as_of=report.as_of,
            time_zone=report.time_zone,
            staleness_seconds=report.staleness_seconds,
            is_being_counted=report.is_being_counted,
            people=PeopleOut.model_validate(dict(report.people)),
            currency=report.currency,
            growth=None if report.currency is None else growths.get(report.currency),
            other_currencies=[each for code, each in growths.items() if code != report.currency],
        )


class _Money:
    """Makes rates of one currency over the revenue of the period before."""

    def __init__(self, currency: str, before: int) -> None:
        self._currency = currency
        self._before = before

    def text(self, minor: int) -> str:
        return to_decimal_string(minor, self._currency) if self._currency in EXPONENTS else str(minor)

    def share(self, name: str, minor: int) -> RateOut:
        """A part of the revenue of the period before; without any, or with less than none, it has no parts."""
        return self._rate(name, minor, self._before, None if self._before > 0 else NO_BASE)

    def of_growth(self, minor: int, grown: int) -> RateOut:
        """A part of all growth; without growth it has no parts."""
        why = NO_BASE if self._before <= 0 else NO_GROWTH if grown <= 0 else None
        return self._rate("earned_growth_ratio", minor, grown, why)

    def _rate(self, name: str, numerator: int, denominator: int, why: CannotSay | None) -> RateOut:
        return RateOut(
            value=None if why is not None else float(Fraction(numerator, denominator)),
            cannot_say=why,
            definition=DEFINITIONS[name].id,
            numerator=self.text(numerator),
            denominator=self.text(denominator),
        )


def _band(money: _Money, name: str, known: int, low: int, high: int) -> BandOut:
    return BandOut(low=money.share(name, known + low), high=money.share(name, known + high))
