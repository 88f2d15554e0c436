"""What customers have brought so far, in one currency: each amount at the rate of the day it was paid or given back."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from services.metrics.domain.figure import Figure, Frame
from services.metrics.subscriptions.domain.exchange import Exchange, NoRate


class Part(NamedTuple):
    """Gross less refunds of one currency, in minor units, and what it comes to in the currency that is asked for.

    `into_minor` None: it cannot be said, for no rate is known on `lacks_day`.
    """

    currency: str
    net_minor: int
    into_minor: Fraction | None
    lacks_day: int | None


@dataclass(frozen=True, slots=True)
class SoFar:
    """The answer. `figure` None: some currency cannot be brought into `currency`, see `parts`."""

    frame: Frame
    currency: str | None
    parts: Sequence[Part]
    figure: Figure | None


def parts(rows: Iterable[tuple[int, str, int]], exchange: Exchange) -> list[Part]:
    """Of (day, currency, net in minor units): each currency's part, by its code."""
    by_currency: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    for day, currency, net in rows:
        by_currency[currency].append((day, net))
    return [_part(currency, sorted(days), exchange) for currency, days in sorted(by_currency.items())]


def _part(currency: str, days: list[tuple[int, int]], exchange: Exchange) -> Part:
    net = sum(each for _, each in days)
    try:
        into = sum((each * exchange.factor(currency, day) for day, each in days if each), Fraction(0))
    except NoRate as lack:
        return Part(currency, net, None, lack.day)
    return Part(currency, net, into, None)
