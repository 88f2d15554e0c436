"""A figure explains itself: what it is, of what, out of what, how sure, as of when, how fresh, in which currency."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction

from services.metrics.domain.definitions import DEFINITIONS, Definition
from services.metrics.domain.formulas import formula_of
from services.metrics.domain.intervals import Interval, wilson
from shared.money import EXPONENTS, to_decimal_string


@dataclass(frozen=True, slots=True)
class CannotSay:
    """Why a figure has no value: a stable code, and a sentence that says what is missing."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure. Money is a decimal string in major units of `currency`; a quotient without divisor is null.

    Where `value` is None, `cannot_say` says why; on the score card the line says it.
    """

    value: int | float | str | None
    unit: str
    definition: str
    numerator: int | str | None
    denominator: int | str | None
    interval: Interval | None
    as_of: date
    time_zone: str
    staleness_seconds: float | None
    currency: str | None
    parameters: dict[str, int | str] = field(default_factory=dict)
    cannot_say: CannotSay | None = None


def number(figure: Figure) -> float | None:
    """The value as a number: money is written as text."""
    return None if figure.value is None else float(figure.value)


@dataclass(frozen=True, slots=True)
class Frame:
    """What all figures of one answer have in common; makes them. `meanings` are what they may be, by name."""

    as_of: date
    time_zone: str
    staleness_seconds: float | None
    meanings: Mapping[str, Definition] = field(default_factory=lambda: DEFINITIONS)

    def plain(self, name: str, value: int | str | None, **parameters: int | str) -> Figure:
        """A count, a date or a state."""
        return self._figure(name, value, parameters=parameters)

    def ratio(self, name: str, numerator: int, denominator: int, **parameters: int | str) -> Figure:
        """A share of people, with its interval."""
        if not denominator:
            return self._figure(name, None, numerator=numerator, denominator=0, parameters=parameters)
        return self._figure(
            name,
            numerator / denominator,
            numerator=numerator,
            denominator=denominator,
            interval=wilson(numerator, denominator),
            parameters=parameters,
        )

    def estimate(
        self,
        name: str,
        value: float | None,
        interval: Interval | None,
        *,
        numerator: int | None = None,
        denominator: int | None = None,
        **parameters: int | str,
    ) -> Figure:
        """What is no plain quotient; None: it cannot be said. `numerator` and `denominator` are what it stands on."""
        return self._figure(
            name, value, numerator=numerator, denominator=denominator, interval=interval, parameters=parameters
        )

    def money(self, name: str, minor: Fraction | int, currency: str | None, **parameters: int | str) -> Figure:
        """An amount. Parts of a minor unit are rounded half to even."""
        return self._figure(name, _decimal(minor, currency), currency=currency, parameters=parameters)

    def share(
        self, name: str, part: Fraction | int, whole: Fraction | int, currency: str, **parameters: int | str
    ) -> Figure:
        """A share of money: no sample, so without an interval. It may be negative, or above one."""
        return self._figure(
            name,
            float(Fraction(part) / Fraction(whole)) if whole else None,
            numerator=_decimal(part, currency),
            denominator=_decimal(whole, currency),
            currency=currency,
            parameters=parameters,
        )

    def unknown(self, name: str, currency: str | None, **parameters: int | str) -> Figure:
        """An amount that cannot be said; the answer says why."""
        return self._figure(name, None, currency=currency, parameters=parameters)

    def mean(
        self, name: str, minor: Fraction | int, count: int, currency: str | None, **parameters: int | str
    ) -> Figure:
        """An amount per order or per customer."""
        value = _decimal(Fraction(minor) / count, currency) if count else None
        return self._figure(
            name,
            value,
            numerator=_decimal(minor, currency),
            denominator=count,
            currency=currency,
            parameters=parameters,
        )

    def _figure(
        self,
        name: str,
        value: int | float | str | None,
        *,
        numerator: int | str | None = None,
        denominator: int | str | None = None,
        interval: Interval | None = None,
        currency: str | None = None,
        parameters: dict[str, int | str],
    ) -> Figure:
        meaning = self.meanings[name]
        return Figure(
            value,
            meaning.unit,
            meaning.id,
            numerator,
            denominator,
            interval,
            self.as_of,
            self.time_zone,
            self.staleness_seconds,
            currency,
            parameters,
            None if value is not None else self._missing(meaning, denominator),
        )

    def _missing(self, meaning: Definition, denominator: int | str | None) -> CannotSay:
        if denominator is not None:
            return nothing_to_divide_by(meaning, denominator)
        detail = f"Up to {self.as_of} too little was seen to make it of: {formula_of(meaning)}."
        return CannotSay("too_little_seen", detail)


def nothing_to_divide_by(meaning: Definition, denominator: int | str) -> CannotSay:
    """Why a quotient has no value."""
    detail = f"There is nothing to divide by: of {formula_of(meaning)} the denominator is {denominator}."
    return CannotSay("nothing_to_divide_by", detail)


def _decimal(minor: Fraction | int, currency: str | None) -> str:
    # `round` of a Fraction is exact, half to even.
    return to_decimal_string(round(minor), currency) if currency in EXPONENTS else str(round(minor))
