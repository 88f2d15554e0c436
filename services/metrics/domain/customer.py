"""The figures of one person, out of all their orders."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from uuid import UUID

from services.metrics.domain.calendar import PERIODS, Period
from services.metrics.domain.figure import Figure, Frame
from services.metrics.domain.orders import accounts
from services.metrics.domain.people import lapse_state, lifecycle_state
from services.metrics.domain.totals import lifetime_value, main_currency, order_figures, other_currencies, totals_of
from shared.events.orders import Order


@dataclass(frozen=True, slots=True)
class CustomerFigures:
    """One person as of a day: `customer` is the root of all their `keys`."""

    frame: Frame
    customer: UUID
    keys: Sequence[UUID]
    window: int
    currency: str | None
    figures: Mapping[str, Figure]
    lifecycle: Mapping[Period, Figure]
    other_currencies: Mapping[str, Mapping[str, Figure]]


def customer_figures(
    frame: Frame,
    orders: Sequence[Order],
    *,
    root: UUID,
    keys: Sequence[UUID],
    day: int,
    window: int,
    zone: tzinfo,
    currency: str | None,
    margin: str,
) -> CustomerFigures:
    """Figures of the person to whom these orders belong, up to a day."""
    parts = [accounts(order, zone) for order in orders]
    days = Counter(part.day for part in parts if part.is_purchase and part.day is not None and part.day <= day)
    totals = totals_of(parts, day)
    code = main_currency(totals, currency)
    value = lifetime_value(totals, code, margin)
    figures = {
        **order_figures(frame, totals, code),
        "historical_clv": frame.money("historical_clv", value, code, margin=margin),
        "active_days": frame.plain("active_days", len(days)),
        "inactive_days": frame.plain("inactive_days", day - max(days) if days else None),
        "lapse_state": frame.plain("lapse_state", lapse_state(days, day, window), window_days=window),
    }
    lifecycle = {
        period: frame.plain("lifecycle_state", lifecycle_state(days, day, period), period=period) for period in PERIODS
    }
    return CustomerFigures(frame, root, keys, window, code, figures, lifecycle, other_currencies(frame, totals, code))
