"""What is told of a segment's customers, and when it has moved enough to be told again: neither noise nor a flood."""

from collections.abc import Mapping

from pydantic import BaseModel

from services.metrics.domain.intervals import wilson
from services.metrics.value.domain.answers import Valued
from services.metrics.value.domain.worth import Base
from shared.money import MAX_MINOR

LAPSE_DAYS = 90
HORIZON_DAYS = 365
# A percent of people; a fiftieth of the value; a tenth of the customers.
_PERCENT = 100
_OF_VALUE = 0.02
_OF_CUSTOMERS = 0.10


class Told(BaseModel, frozen=True):
    """Of those in a segment who have bought: who has lapsed, and what the rest of a year will bring.

    Shares are in hundredths of a per cent. `valued` are the customers behind the last five, all in one currency; 0:
    that cannot be said. `customers` 0: nothing can.
    """

    customers: int = 0
    lapsed_hundredths: int = 0
    lapsed_low_hundredths: int = 0
    lapsed_high_hundredths: int = 0
    valued: int = 0
    currency: str | None = None
    churn_risk_hundredths: int = 0
    clv_minor: int = 0
    clv_low_minor: int = 0
    clv_high_minor: int = 0


def telling(bases: Mapping[str, Base], day: int, currency: str | None, found: Valued | None) -> Told:
    """What is to be told of customers by currency; `found` is what those of `currency` are worth."""
    customers = round(sum(float(each.customers.sum()) for each in bases.values()))
    if not customers:
        return Told()
    lapsed = round(sum(float(each.customers[each.last_day <= day - LAPSE_DAYS].sum()) for each in bases.values()))
    sure = wilson(lapsed, customers)
    told = Told(
        customers=customers,
        lapsed_hundredths=_hundredths(lapsed / customers),
        lapsed_low_hundredths=_hundredths(sure.low),
        lapsed_high_hundredths=_hundredths(sure.high),
    )
    if found is None or not found.worth.customers:
        return told
    worth, (low, high) = found.worth, found.ends()
    each = 1 / worth.customers
    if high * each > MAX_MINOR:
        # More than any order may cost: so wide that it says nothing, and no reader could hold it.
        return told
    return told.model_copy(
        update={
            "valued": round(worth.customers),
            "currency": currency,
            "churn_risk_hundredths": _hundredths(1 - worth.active * each),
            "clv_minor": round(worth.value_minor * each),
            "clv_low_minor": round(low * each),
            "clv_high_minor": round(high * each),
        }
    )


def _hundredths(share: float) -> int:
    return round(10_000 * share)


def is_news(now: Told, before: Told | None) -> bool:
    """Whether it is worth telling after what was told last."""
    if before is None:
        return now.customers > 0
    if bool(now.customers) != bool(before.customers) or bool(now.valued) != bool(before.valued):
        return True
    return (
        now.currency != before.currency
        or abs(now.lapsed_hundredths - before.lapsed_hundredths) >= _PERCENT
        or abs(now.churn_risk_hundredths - before.churn_risk_hundredths) >= _PERCENT
        or abs(now.clv_minor - before.clv_minor) > _OF_VALUE * before.clv_minor
        or abs(now.customers - before.customers) > _OF_CUSTOMERS * before.customers
    )
