"""Money and orders up to a day, per currency, and which currency an answer is given in."""

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

from services.metrics.domain.calendar import to_date
from services.metrics.domain.figure import Figure, Frame
from services.metrics.domain.orders import Accounts


class Totals(NamedTuple):
    """Sums of one currency up to a day; first and last day with an order, None without any."""

    currency: str
    orders: int
    gross_minor: int
    refunds_minor: int
    unmatched: int
    first_day: int | None
    last_day: int | None

    @property
    def net_minor(self) -> int:
        """What the firm keeps."""
        return self.gross_minor - self.refunds_minor


def totals_of(orders: Iterable[Accounts], day: int) -> list[Totals]:
    """Totals of these orders up to a day."""
    found: dict[str, Totals] = {}
    for entry in (entry for order in orders for entry in order.entries if entry.day <= day):
        sums, old = entry.sums, found.get(entry.currency) or _none_of(entry.currency)
        days = [each for each in (old.first_day, old.last_day, entry.day if sums.orders else None) if each is not None]
        found[entry.currency] = Totals(
            entry.currency,
            old.orders + sums.orders,
            old.gross_minor + sums.gross_minor,
            old.refunds_minor + sums.refunds_minor,
            old.unmatched + sums.unmatched,
            min(days, default=None),
            max(days, default=None),
        )
    return list(found.values())


def _none_of(currency: str) -> Totals:
    return Totals(currency, 0, 0, 0, 0, None, None)


def main_currency(totals: Sequence[Totals], wanted: str | None) -> str | None:
    """The currency wanted, else the one with the most orders, of several the first by its code; None without orders."""
    if wanted is not None:
        return wanted
    with_orders = [each for each in totals if each.orders]
    return min(with_orders, key=lambda each: (-each.orders, each.currency)).currency if with_orders else None


def order_figures(frame: Frame, totals: Sequence[Totals], currency: str | None) -> dict[str, Figure]:
    """Orders and their first and last day, over all currencies, and the money in `currency`."""
    first = min((each.first_day for each in totals if each.first_day is not None), default=None)
    last = max((each.last_day for each in totals if each.last_day is not None), default=None)
    return {
        "orders": frame.plain("orders", sum(each.orders for each in totals)),
        **money_figures(frame, _in(totals, currency), currency),
        "unmatched_refunds": frame.plain("unmatched_refunds", sum(each.unmatched for each in totals)),
        "first_order": frame.plain("first_order", None if first is None else to_date(first).isoformat()),
        "last_order": frame.plain("last_order", None if last is None else to_date(last).isoformat()),
    }


def money_figures(frame: Frame, totals: Totals, currency: str | None) -> dict[str, Figure]:
    """What came in, went back, stayed, and the mean order."""
    return {
        "gross": frame.money("gross", totals.gross_minor, currency),
        "refunds": frame.money("refunds", totals.refunds_minor, currency),
        "net": frame.money("net", totals.net_minor, currency),
        "average_order_value": frame.mean("average_order_value", totals.gross_minor, totals.orders, currency),
    }


def other_currencies(
    frame: Frame, totals: Sequence[Totals], currency: str | None
) -> Mapping[str, Mapping[str, Figure]]:
    """The same in every other currency there is, so that nothing is hidden."""
    return {
        each.currency: {
            "orders": frame.plain("orders", each.orders),
            **money_figures(frame, each, each.currency),
        }
        for each in sorted(totals)
        if each.currency != currency and (each.orders or each.refunds_minor)
    }


def lifetime_value(totals: Sequence[Totals], currency: str | None, margin: str) -> Fraction:
    """Net revenue times margin, exactly, in minor units."""
    return _in(totals, currency).net_minor * Fraction(margin)


def _in(totals: Sequence[Totals], currency: str | None) -> Totals:
    return next((each for each in totals if each.currency == currency), _none_of(currency or ""))
