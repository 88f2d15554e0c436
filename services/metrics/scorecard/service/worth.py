"""What a customer will probably bring, as a figure of the card."""

from datetime import datetime

from services.metrics.domain.intervals import Interval
from services.metrics.scorecard.domain.card import Reason
from services.metrics.scorecard.domain.drafts import decimal
from services.metrics.scorecard.domain.kept import KeptFigure
from services.metrics.value.domain.answers import Total
from shared.intervals import LEVEL
from shared.money import EXPONENTS

HORIZON_DAYS = 365


def worth_of(total: Total, margin: str, at: datetime) -> KeptFigure:
    """Of the mean customer, of all that are counted in `total`, within a year; `at`: when it was counted."""
    found, code = total.found, total.currency
    if found is None or code is None or not found.worth.customers:
        reason: Reason = "no_currency" if code is None else "no_model"
        return KeptFigure("predicted_clv", None, reason, None, None, None, code, at, {"horizon_days": HORIZON_DAYS})
    each, (low, high) = 1 / found.worth.customers, found.ends()
    return KeptFigure(
        "predicted_clv",
        decimal(round(found.worth.value_minor * each), code),
        None,
        money_band(low * each, high * each, code),
        decimal(round(found.worth.value_minor), code),
        round(found.worth.customers),
        code,
        at,
        {
            "horizon_days": HORIZON_DAYS,
            "margin": margin,
            "model": "" if total.stored is None else str(total.stored.fit.chosen),
        },
    )


def money_band(low: float, high: float, currency: str) -> Interval:
    """An interval of amounts in minor units, in units of the currency."""
    unit = 10 ** EXPONENTS.get(currency, 0)
    return Interval(low / unit, high / unit, LEVEL, "model")
