"""Figures of two periods side by side, before they are held against targets and against each other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import NamedTuple

from services.metrics.domain.definitions import DEFINITIONS, Definition
from services.metrics.domain.figure import Figure, number
from services.metrics.domain.intervals import Comparison, Interval, benjamini_hochberg, compare_shares, wilson
from services.metrics.satisfaction.domain.definitions import SATISFACTION
from services.metrics.scorecard.domain.card import Line, Reason, Target, Trend, judged, lit
from services.metrics.scorecard.domain.definitions import SCORECARD
from services.metrics.subscriptions.domain.definitions import SUBSCRIPTION
from shared.intervals import LEVEL
from shared.money import EXPONENTS, to_decimal_string

MEANINGS: Mapping[str, Definition] = {**DEFINITIONS, **SUBSCRIPTION, **SATISFACTION, **SCORECARD}
_BY_ID = {each.id: each for each in MEANINGS.values()}
Parameters = Mapping[str, int | str]


class Draft(NamedTuple):
    """A figure of this period and of the one before, and how sure it is that they differ."""

    now: Figure
    before: Figure | None
    comparison: Comparison | None = None
    reason: Reason | None = None
    cautions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes figures as of the ends of both periods."""

    as_of: date
    as_of_before: date
    time_zone: str
    staleness_seconds: float | None
    days: int

    def count(self, name: str, now: int | None, before: int | None, **parameters: int | str) -> Draft:
        """Something counted."""
        return self._pair(name, now, before, parameters)

    def quotient(self, name: str, now: tuple[int, int], before: tuple[int, int], **parameters: int | str) -> Draft:
        """Something counted over something else, of which it is no part: without an interval."""
        values = [part / whole if whole else None for part, whole in (now, before)]
        return self._pair(name, values[0], values[1], parameters, now, before)

    def share(
        self,
        name: str,
        now: tuple[int, int],
        before: tuple[int, int],
        *,
        cautions: tuple[str, ...] = (),
        **parameters: int | str,
    ) -> Draft:
        """A share of people, with Wilson's interval; differences by Newcombe and the pooled score test."""
        values = [part / whole if whole else None for part, whole in (now, before)]
        bands = [wilson(part, whole) if whole else None for part, whole in (now, before)]
        found = self._pair(name, values[0], values[1], parameters, now, before)
        found = found._replace(now=_with(found.now, bands[0]), before=found.before and _with(found.before, bands[1]))
        if now[1] and before[1]:
            found = found._replace(comparison=compare_shares(*now, *before), cautions=cautions)
        return found

    def money(
        self,
        name: str,
        now: tuple[Fraction | int, int | None],
        before: tuple[Fraction | int, int | None],
        currency: str | None,
        **parameters: int | str,
    ) -> Draft:
        """An amount in minor units (count None), or one per customer."""
        if currency is None:
            empty = self.figure(name, None, self.as_of, parameters=parameters)
            return Draft(empty, None, reason="no_currency")
        pair = [
            self.figure(
                name,
                None if count == 0 else decimal(Fraction(minor) / (count or 1), currency),
                day,
                numerator=None if count is None else decimal(minor, currency),
                denominator=count,
                currency=currency,
                parameters=parameters,
            )
            for (minor, count), day in ((now, self.as_of), (before, self.as_of_before))
        ]
        return Draft(pair[0], pair[1], reason=None if pair[0].value is not None else "no_data")

    def figure(
        self,
        name: str,
        value: int | float | str | None,
        day: date,
        *,
        numerator: int | str | None = None,
        denominator: int | None = None,
        interval: Interval | None = None,
        currency: str | None = None,
        parameters: Parameters | None = None,
    ) -> Figure:
        """One figure as of a day; `name` is that of its definition, or its id."""
        meaning = _BY_ID.get(name) or MEANINGS[name]
        return Figure(
            value,
            meaning.unit,
            meaning.id,
            numerator,
            denominator,
            interval,
            day,
            self.time_zone,
            self.staleness_seconds,
            currency,
            {"days": self.days, **(parameters or {})},
        )

    def _pair(
        self,
        name: str,
        now: float | None,
        before: float | None,
        parameters: Parameters,
        parts: tuple[int | None, int | None] = (None, None),
        parts_before: tuple[int | None, int | None] = (None, None),
    ) -> Draft:
        first, second = (
            self.figure(name, value, day, numerator=of[0], denominator=of[1], parameters=parameters)
            for value, day, of in ((now, self.as_of, parts), (before, self.as_of_before, parts_before))
        )
        return Draft(first, second, reason="no_data" if now is None else None)


def _with(figure: Figure, interval: Interval | None) -> Figure:
    return Figure(
        figure.value,
        figure.unit,
        figure.definition,
        figure.numerator,
        figure.denominator,
        interval,
        figure.as_of,
        figure.time_zone,
        figure.staleness_seconds,
        figure.currency,
        figure.parameters,
    )


def decimal(minor: Fraction | int, currency: str) -> str:
    """An amount in major units; parts of a minor unit are rounded half to even."""
    return to_decimal_string(round(minor), currency) if currency in EXPONENTS else str(round(minor))


def lines(
    drafts: Sequence[tuple[str, str, Draft]], targets: Mapping[tuple[str, str], Target]
) -> list[tuple[str, Line]]:
    """The finished lines of (segment, figure, draft).

    What is significant is so among all comparisons of the card: by Benjamini and Hochberg, of what is called a change,
    at most one in twenty is chance.
    """
    adjusted = iter(
        benjamini_hochberg([each.comparison.p_value for _, _, each in drafts if each.comparison is not None])
    )
    found: list[tuple[str, Line]] = []
    for segment, key, draft in drafts:
        p = next(adjusted) if draft.comparison is not None else None
        target = targets.get((key, segment))
        line = Line(key, draft.now, draft.reason, _trend(key, draft, p), target, lit(key, draft.now, target))
        found.append((segment, line))
    return found


def _trend(key: str, draft: Draft, adjusted_p: float | None) -> Trend | None:
    now, before = number(draft.now), None if draft.before is None else number(draft.before)
    if now is None or before is None or draft.before is None:
        return None
    found = draft.comparison
    is_significant = None if adjusted_p is None else adjusted_p < 1 - LEVEL
    difference = now - before if found is None else found.difference
    return Trend(
        draft.before,
        difference,
        None if found is None else found.interval,
        None if found is None else found.p_value,
        adjusted_p,
        None if found is None else found.smallest_detectable,
        is_significant,
        judged(key, difference, is_significant),
        draft.cautions,
    )
