"""What changed, and why: each explanation sums to its change exactly."""

from collections.abc import Mapping
from fractions import Fraction
from typing import NamedTuple

from services.metrics.satisfaction.domain.measures import Measure
from services.metrics.satisfaction.domain.scores import Scores
from services.metrics.scorecard.domain import decompose
from services.metrics.scorecard.domain.card import Explained, Part
from services.metrics.scorecard.domain.decompose import Factors

WITHHELD = "(withheld)"


class Trade(NamedTuple):
    """Orders of a period in one currency: buyers (in any), orders, and what they came to in minor units."""

    buyers: int
    orders: int
    minor: int


class Leaving(NamedTuple):
    """Customers as of a day, and those of them that have lapsed."""

    customers: int
    lapsed: int


def revenue(before: Trade, now: Trade, currency: str | None) -> Explained:
    """Revenue = buyers × orders of each × value of each order."""
    if currency is None:
        return _cannot("revenue", "shapley", "factor", "money", currency, "no_currency")
    sums = Fraction(before.minor), Fraction(now.minor)
    if not (before.buyers and before.orders and now.buyers and now.orders):
        return _cannot("revenue", "shapley", "factor", "money", currency, "empty_period")
    found = decompose.shapley(_product, _factors(before), _factors(now))
    whole = decompose.in_minor(found)
    parts = [Part(name, None, Fraction(whole[name])) for name in ("buyers", "orders_per_buyer", "value_per_order")]
    return Explained("revenue", "shapley", "factor", "money", currency, *sums, parts, None)


def _product(factors: Factors) -> Fraction:
    return factors["buyers"] * factors["orders_per_buyer"] * factors["value_per_order"]


def _factors(trade: Trade) -> dict[str, Fraction]:
    return {
        "buyers": Fraction(trade.buyers),
        "orders_per_buyer": Fraction(trade.orders, trade.buyers),
        "value_per_order": Fraction(trade.minor, trade.orders),
    }


def lapse(before: Leaving, now: Leaving, won_back: int) -> Explained:
    """The share that has lapsed: new customers thin it, who came back lowers it, who went silent raises it."""
    if not before.customers or not now.customers:
        return _cannot("lapse_rate", "shapley", "factor", "ratio", None, "empty_period")
    went = now.lapsed - before.lapsed + won_back

    def rate(factors: Factors) -> Fraction:
        lapsed = before.lapsed + factors["newly_lapsed"] - factors["won_back"]
        return lapsed / (before.customers + factors["new_customers"])

    after = {
        "new_customers": Fraction(now.customers - before.customers),
        "newly_lapsed": Fraction(went),
        "won_back": Fraction(won_back),
    }
    found = decompose.shapley(rate, dict.fromkeys(after, Fraction(0)), after)
    return Explained(
        "lapse_rate",
        "shapley",
        "factor",
        "ratio",
        None,
        Fraction(before.lapsed, before.customers),
        Fraction(now.lapsed, now.customers),
        [Part(name, None, amount) for name, amount in found.items()],
        None,
    )


def clv(before: tuple[Fraction, int], now: tuple[Fraction, int], currency: str | None) -> Explained:
    """What customers brought so far, each: what was earned of them, over how many they are. In minor units."""
    if currency is None:
        return _cannot("historical_clv", "shapley", "factor", "money", currency, "no_currency")
    if not before[1] or not now[1]:
        return _cannot("historical_clv", "shapley", "factor", "money", currency, "empty_period")
    found = decompose.shapley(
        lambda factors: factors["net_revenue"] / factors["customers"],
        {"net_revenue": before[0], "customers": Fraction(before[1])},
        {"net_revenue": now[0], "customers": Fraction(now[1])},
    )
    parts = [Part(name, None, amount) for name, amount in found.items()]
    return Explained(
        "historical_clv", "shapley", "factor", "money", currency, before[0] / before[1], now[0] / now[1], parts, None
    )


def satisfaction(
    key: str, measure: Measure, before: Mapping[str, Scores], now: Mapping[str, Scores], hidden: set[str], by: str
) -> Explained:
    """A figure of satisfaction by the parts of all answers: who answers more, and who is more content.

    Parts of which too few answered anonymously are put together.
    """
    old, new = (_parts(measure, each, hidden) for each in (before, now))
    if not any(each.weight for each in old.values()) or not any(each.weight for each in new.values()):
        return _cannot(key, "mix_and_rate", by, measure.unit, None, "empty_period")
    found = decompose.mix_and_rate(old, new)
    parts = [
        part for name, both in found.items() for part in (Part(name, "mix", both.mix), Part(name, "rate", both.rate))
    ]
    ends = [sum((p.total for p in each.values()), Fraction(0)) for each in (old, new)]
    weights = [sum((p.weight for p in each.values()), Fraction(0)) for each in (old, new)]
    return Explained(
        key, "mix_and_rate", by, measure.unit, None, ends[0] / weights[0], ends[1] / weights[1], parts, None
    )


def _parts(measure: Measure, groups: Mapping[str, Scores], hidden: set[str]) -> dict[str, decompose.Part]:
    found: dict[str, decompose.Part] = {}
    for group, scores in groups.items():
        name = WITHHELD if group in hidden else group
        old, part = found.get(name, decompose.NO_PART), _part(measure, scores)
        found[name] = decompose.Part(old.weight + part.weight, old.total + part.total)
    return found


def _part(measure: Measure, scores: Scores) -> decompose.Part:
    weight = Fraction(scores.weight)
    if measure.kind == "mean":
        total = sum(score * count for counts in scores.weighted.values() for score, count in enumerate(counts))
        return decompose.Part(weight, Fraction(total))
    good, _, bad = measure.split(scores.weighted)
    return decompose.Part(weight, 100 * Fraction(good - (bad if measure.kind == "net" else 0)))


def complaints(before: int, now: int, opened: int) -> Explained:
    """Open complaints: those that were opened, less those that were closed."""
    closed = before + opened - now
    parts = [Part("opened", None, Fraction(opened)), Part("closed", None, Fraction(-closed))]
    return Explained("complaints_open", "flows", "flow", "count", None, Fraction(before), Fraction(now), parts, None)


def _cannot(key: str, method: str, by: str, unit: str, currency: str | None, reason: str) -> Explained:
    return Explained(key, method, by, unit, currency, None, None, (), reason)  # type: ignore[arg-type]
