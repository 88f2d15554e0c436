"""Subscriptions on the card: who left, what comes in a month, and what moved it; from the sums of their own room."""

from collections.abc import Mapping
from fractions import Fraction
from typing import NamedTuple

from services.metrics.satisfaction.domain.query import Days
from services.metrics.scorecard.domain.card import Explained, Part
from services.metrics.scorecard.domain.drafts import Draft, Maker
from services.metrics.scorecard.domain.opinions import AFTER, BEFORE
from services.metrics.subscriptions.domain import report
from services.metrics.subscriptions.domain.exchange import Exchange
from services.metrics.subscriptions.domain.people import Crowd, of_people
from services.metrics.subscriptions.domain.stream import Stream, streams_of
from services.metrics.subscriptions.repository import own, reading
from shared.db.engine import ReadTx

EVERYBODY = ""


class Subscribed(NamedTuple):
    """Lines of subscriptions, and why what they bring changed; nothing at all where none was ever heard of."""

    drafts: list[tuple[str, str, Draft]]
    explained: list[Explained]


async def subscribed(tx: ReadTx, make: Maker, periods: Mapping[str, Days], currency: str | None) -> Subscribed:
    """Churn by the standard definition over the period, and MRR at its end."""
    now, before = periods[AFTER], periods[BEFORE]
    rows = await reading.moves(tx, before.first, now.last)
    if not rows:
        return Subscribed([], [])
    crowd = Crowd(before.first, of_people(rows), await reading.ended(tx, before.first, now.last))
    left = [crowd.standard(each.first, each.last) for each in (now, before)]
    churn = make.share("churn_standard", (left[0].part, left[0].whole), (left[1].part, left[1].whole))
    drafts = [(EVERYBODY, "churn_rate", churn)]
    streams = streams_of(rows, before.first)
    into = currency or (streams[0].currency if len(streams) == 1 else None)
    exchange = None if into is None else Exchange(await own.rates(tx, into), into)
    total, _ = report.together(streams, exchange, now.last)
    if total is None or into is None:
        nothing = make.figure("mrr", None, make.as_of)
        why = Explained("mrr", "flows", "movement", "money", into, None, None, (), "no_rate")
        return Subscribed([*drafts, (EVERYBODY, "mrr", Draft(nothing, None, reason="no_rate"))], [why])
    money = [(Fraction(total.balance(each.last)), None) for each in (now, before)]
    drafts.append((EVERYBODY, "mrr", make.money("mrr", money[0], money[1], into)))
    return Subscribed(drafts, [_moved(total, now, into)])


def _moved(stream: Stream, days: Days, currency: str) -> Explained:
    """MRR from the end of the day before to that of the last: five movements and the row of rates, which add up."""
    water = stream.waterfall(days.first, days.last)
    parts = [Part(name, None, Fraction(amount)) for name, amount in water.movements.items()]
    if water.fx:
        parts.append(Part("fx", None, Fraction(water.fx)))
    ends = Fraction(water.start), Fraction(water.end)
    return Explained("mrr", "flows", "movement", "money", currency, ends[0], ends[1], parts, None)
