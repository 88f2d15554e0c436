"""Wire models of the figures: one shape for every figure, everywhere."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import date
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from services.metrics.domain.calendar import Period
from services.metrics.domain.customer import CustomerFigures
from services.metrics.domain.definitions import Definition
from services.metrics.domain.figure import CannotSay
from services.metrics.domain.formulas import formula_of
from services.metrics.domain.series import Metric, Point
from services.metrics.domain.summary import Summary
from services.metrics.errors import UnknownCurrency
from shared.money import MoneyError, currency_code

MAX_WINDOW_DAYS = 36_500


def _only_iso(value: Any) -> Any:
    """A day is written 2026-01-31 and no other way: pydantic alone would take seconds since 1970 as well."""
    if isinstance(value, str) and len(value) == 10:
        try:
            day = date.fromisoformat(value)
        except ValueError:
            day = None
        if day is not None and day.year >= 1900:
            return day
    raise PydanticCustomError("day", "Input should be a day such as 2026-01-31, not before 1900")


Day = Annotated[
    date, BeforeValidator(_only_iso), WithJsonSchema({"type": "string", "format": "date", "examples": ["2026-01-31"]})
]


def known_currency(code: str | None) -> str | None:
    """The ISO 4217 code asked for, upper case.

    Raises:
        UnknownCurrency: it is none.
    """
    try:
        return None if code is None else currency_code(code)
    except MoneyError:
        raise UnknownCurrency from None


class _Out(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class IntervalOut(_Out):
    """Where the true value lies, with probability `level`."""

    low: float
    high: float
    level: float
    method: str


class FigureOut(_Out):
    """A figure that explains itself; `GET /v1/metrics/definitions` says what `definition` means."""

    value: int | float | str | None = Field(
        description="Money is a decimal string in major units of `currency`; null: `cannot_say` tells why."
    )
    unit: str = Field(description="orders, refunds, customers, days, money, ratio, date or state.")
    definition: str = Field(description="The versioned id of what it means.", examples=["orders.v1"])
    numerator: int | str | None = Field(description="Of a quotient: what is divided.")
    denominator: int | str | None = Field(description="Of a quotient: what it is divided by; money is a string.")
    interval: IntervalOut | None = Field(description="Of a share of people: how sure it is.")
    as_of: date = Field(description="The day, inclusive, up to which is counted.")
    time_zone: str = Field(description="The IANA time zone whose days are counted.")
    staleness_seconds: float | None = Field(
        description="How old the knowledge behind it is: 0 is live, null is unknown."
    )
    currency: str | None = Field(None, description="ISO 4217 code, of money.")
    parameters: dict[str, int | str] = Field(
        default_factory=dict, description="What it depends on besides: window_days, margin, period."
    )
    cannot_say: CannotSay | None = Field(None, description="Why there is no value; null: there is one.")


class MoneyOut(_Out):
    """Orders and money of one currency."""

    orders: FigureOut
    gross: FigureOut
    refunds: FigureOut
    net: FigureOut
    average_order_value: FigureOut


class LifecycleOut(_Out):
    """What customers did in the running period."""

    new: FigureOut
    returning: FigureOut
    resurrecting: FigureOut
    dormant: FigureOut


class PeriodsOut(_Out):
    """The same for the day, the week and the month."""

    day: LifecycleOut
    week: LifecycleOut
    month: LifecycleOut


class _Answer(_Out):
    as_of: date
    time_zone: str
    staleness_seconds: float | None
    window_days: int
    currency: str | None = Field(description="The currency of the money figures; null: there is no order yet.")
    other_currencies: dict[str, MoneyOut] = Field(description="Money in all other currencies there are; never added.")


class SummaryOut(_Answer):
    """The figures of the whole firm."""

    orders: FigureOut
    customers: FigureOut
    gross: FigureOut
    refunds: FigureOut
    net: FigureOut
    average_order_value: FigureOut
    historical_clv: FigureOut
    repeat_purchase_rate: FigureOut
    lapse_rate: FigureOut
    active_customers: FigureOut
    lapsed_customers: FigureOut
    unmatched_refunds: FigureOut
    first_order: FigureOut
    last_order: FigureOut
    lifecycle: PeriodsOut

    @classmethod
    def of(cls, found: Summary) -> "SummaryOut":
        """As found."""
        return cls.model_validate({**common(found), "lifecycle": found.lifecycle})


class StatesOut(_Out):
    """What the customer did in the running day, week and month."""

    day: FigureOut
    week: FigureOut
    month: FigureOut


class CustomerOut(_Answer):
    """The figures of one customer."""

    customer: UUID = Field(description="The customer id of the person.")
    keys: list[UUID] = Field(description="All ids the person is known under.")
    orders: FigureOut
    gross: FigureOut
    refunds: FigureOut
    net: FigureOut
    average_order_value: FigureOut
    historical_clv: FigureOut
    unmatched_refunds: FigureOut
    first_order: FigureOut
    last_order: FigureOut
    active_days: FigureOut
    inactive_days: FigureOut
    lapse_state: FigureOut
    lifecycle: StatesOut


class PointOut(FigureOut):
    """The figure of one period."""

    start: date = Field(description="First day of the period.")
    end: date = Field(description="Last day of the period.")
    is_complete: bool = Field(description="Whether the period is over.")

    @classmethod
    def of(cls, point: Point) -> "PointOut":
        """The point on the wire."""
        # Of thousands: what comes from our own arithmetic is not validated one by one.
        interval = point.figure.interval
        values = {field.name: getattr(point.figure, field.name) for field in fields(point.figure)}
        return cls.model_construct(
            **values | {"interval": None if interval is None else IntervalOut.model_validate(interval)},
            start=point.start,
            end=point.end,
            is_complete=point.is_complete,
        )


class SeriesOut(_Out):
    """One figure through time."""

    metric: Metric
    period: Period
    time_zone: str
    staleness_seconds: float | None
    window_days: int
    currency: str | None
    points: list[PointOut]


class DefinitionOut(_Out):
    """What a figure means, in English and Vietnamese."""

    id: str
    unit: str
    formula: str = Field(description="How its value is made of numerator and denominator, or of other figures.")
    en: str
    vi: str


class DefinitionsOut(_Out):
    """All definitions by the figure's name."""

    definitions: dict[str, DefinitionOut]

    @classmethod
    def of(cls, found: Mapping[str, Definition]) -> "DefinitionsOut":
        """The definitions on the wire."""
        return cls(
            definitions={
                name: DefinitionOut(id=each.id, unit=each.unit, formula=formula_of(each), en=each.en, vi=each.vi)
                for name, each in found.items()
            }
        )


def common(found: Summary | CustomerFigures) -> dict[str, Any]:
    """What the summary and the figures of a customer have in common."""
    return {
        "as_of": found.frame.as_of,
        "time_zone": found.frame.time_zone,
        "staleness_seconds": found.frame.staleness_seconds,
        "window_days": found.window,
        "currency": found.currency,
        "other_currencies": found.other_currencies,
        **found.figures,
    }
