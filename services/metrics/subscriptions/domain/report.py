"""Answers about subscriptions, made of figures that explain themselves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, NamedTuple

from services.metrics.domain.calendar import to_date
from services.metrics.domain.figure import Figure, Frame
from services.metrics.subscriptions.domain.exchange import Exchange, NoRate
from services.metrics.subscriptions.domain.lives import MOVEMENTS
from services.metrics.subscriptions.domain.people import ROLLING_DAYS, Crowd
from services.metrics.subscriptions.domain.policy import Counting
from services.metrics.subscriptions.domain.stream import Stream, brought_together
from services.metrics.subscriptions.domain.worth import Problem, Worth

Reason = Literal["no_subscriptions", "nobody_at_start", "no_currency", "no_rate"]
CAUSES: tuple[Literal["voluntary", "involuntary", "unstated"], ...] = ("voluntary", "involuntary", "unstated")
Figures = Mapping[str, Figure]


class Why(NamedTuple):
    """Why something cannot be said, and what is missing."""

    code: Reason
    detail: str
    currency: str | None = None
    day: str | None = None


class Asked(NamedTuple):
    """What value is asked for: discounted by so much a year, within so many months."""

    annual_discount: float
    horizon_months: int


@dataclass(frozen=True, slots=True)
class Money:
    """Figures of money: in each currency by itself, and of all of them brought into `currency`, or why not."""

    by_currency: Mapping[str, Figures]
    currency: str | None
    together: Figures | None
    reasons: Sequence[Why]


@dataclass(frozen=True, slots=True)
class Days:
    """From the beginning of `first` to the end of `last`, numbers of days."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Churn:
    """Who left, by the three definitions side by side, and what went with them."""

    frame: Frame
    counting: Counting
    days: Days
    people: Figures
    causes: Figures
    money: Money
    reasons: Sequence[Why]


@dataclass(frozen=True, slots=True)
class Revenue:
    """What subscriptions bring in a month at the end of a day."""

    frame: Frame
    counting: Counting
    people: Figures
    money: Money


@dataclass(frozen=True, slots=True)
class Step:
    """A period with what took revenue from its start to its end; the running one ends on the day itself."""

    days: Days
    is_complete: bool
    money: Money


@dataclass(frozen=True, slots=True)
class Movements:
    """Periods, one after another: each begins with what the one before ended with."""

    frame: Frame
    counting: Counting
    steps: Sequence[Step]


@dataclass(frozen=True, slots=True)
class Value:
    """What subscriptions of a currency are worth, by how often is paid, and what a constant rate would say."""

    frame: Frame
    counting: Counting
    asked: Asked
    currency: str | None
    worths: Sequence[Worth]
    figures: Figures
    problem: Problem | None


@dataclass(frozen=True, slots=True)
class Monthly:
    """How subscriptions do, in a few figures: churn of the last 30 days by the standard definition, and MRR.

    `mrr` and `revenue_churn` are by currency; `total_mrr` is all of it in `currency`, None: it cannot be said.
    """

    frame: Frame
    subscribers: Figure
    churn: Figure
    mrr: Figures
    revenue_churn: Figures
    currency: str | None
    total_mrr: Figure | None
    reasons: Sequence[Why]


def people_figures(frame: Frame, crowd: Crowd, days: Days) -> dict[str, Figure]:
    """Subscribers of the days, and the three churn rates."""
    first, last = days.first, days.last
    came, back = crowd.came(first, last)
    standard, rolling, hazard = crowd.standard(first, last), crowd.rolling(last), crowd.hazard(first, last)
    won, lost = crowd.trials(first, last)
    return {
        "subscribers_start": frame.plain("subscribers_start", crowd.there(first - 1)),
        "subscribers_new": frame.plain("subscribers_new", came),
        "subscribers_reactivated": frame.plain("subscribers_reactivated", back),
        "subscribers_churned": frame.plain("subscribers_churned", crowd.left(first, last).total()),
        "subscribers": frame.plain("subscribers", crowd.there(last)),
        "churn_standard": frame.ratio("churn_standard", standard.part, standard.whole),
        "churn_rolling": frame.ratio("churn_rolling", rolling.part, rolling.whole, days=ROLLING_DAYS),
        "churn_daily": frame.estimate(
            "churn_daily", hazard.value, None, numerator=hazard.lost, denominator=hazard.days_at_risk
        ),
        "trial_conversion": frame.ratio("trial_conversion", won, won + lost),
    }


def cause_figures(frame: Frame, crowd: Crowd, days: Days) -> dict[str, Figure]:
    """Departures of the days by why they left."""
    left = crowd.left(days.first, days.last)
    return {cause: frame.ratio("churned_by_cause", left[cause], left.total(), cause=cause) for cause in CAUSES}


def churn_figures(frame: Frame, stream: Stream, days: Days) -> dict[str, Figure]:
    """Revenue that went, by the three definitions, gross and net."""
    first, last, code = days.first, days.last, stream.currency
    start, lost, gained = stream.balance(first - 1), stream.lost(first, last), stream.gained(first, last)
    since = last - ROLLING_DAYS + 1
    before, gone, more = stream.balance(since - 1), stream.lost(since, last), stream.gained(since, last)
    by_day = [(there, went, came) for there, went, came in stream.by_day(first, last) if there > 0]
    moved = stream.moved(first, last)
    grown = moved["new"] + moved["expansion"] + moved["reactivation"]
    gross = float(sum(Fraction(went) / there for there, went, _ in by_day)) if by_day or start else None
    net = float(sum(Fraction(went - came) / there for there, went, came in by_day)) if by_day or start else None
    return {
        "gross": frame.share("revenue_churn_gross", lost, start, code),
        "net": frame.share("revenue_churn_net", lost - gained, start, code),
        "gross_rolling": frame.share("revenue_churn_gross", gone, before, code, days=ROLLING_DAYS),
        "net_rolling": frame.share("revenue_churn_net", gone - more, before, code, days=ROLLING_DAYS),
        "gross_daily": frame.estimate("revenue_churn_daily", gross, None),
        "net_daily": frame.estimate("revenue_churn_net_daily", net, None),
        "quick_ratio": frame.share("quick_ratio", grown, lost, code),
    }


def revenue_figures(frame: Frame, stream: Stream, subscribers: int, day: int) -> dict[str, Figure]:
    """What comes in a month at the end of a day."""
    mrr, code = round(stream.balance(day)), stream.currency
    return {
        "mrr": frame.money("mrr", mrr, code),
        "arr": frame.money("arr", 12 * mrr, code),
        "arpa": frame.mean("arpa", mrr, subscribers, code),
    }


def movement_figures(frame: Frame, stream: Stream, days: Days) -> dict[str, Figure]:
    """From the start to the end: five movements and the row of rates, which add up exactly."""
    water, code = stream.waterfall(days.first, days.last), stream.currency
    return {
        "mrr_start": frame.money("mrr_start", water.start, code),
        **{f"mrr_{kind}": frame.money(f"mrr_{kind}", water.movements[kind], code) for kind in MOVEMENTS},
        "mrr_fx": frame.money("mrr_fx", water.fx, code),
        "mrr_end": frame.money("mrr_end", water.end, code),
    }


def value_figures(
    frame: Frame, worths: Sequence[Worth], asked: Asked, code: str, rate_value: Fraction | None
) -> dict[str, Figure]:
    """What all that can be valued are worth together, and what a constant rate would say of one subscriber."""
    paid = [each.paid for each in worths if each.paid is not None]
    how: dict[str, int | str] = {"annual_discount": str(asked.annual_discount), "horizon_months": asked.horizon_months}
    return {
        "subscription_value": frame.money("subscription_value", sum(each.minor for each in paid), code, **how)
        if paid
        else frame.unknown("subscription_value", code, **how),
        "constant_rate_value": frame.unknown("constant_rate_value", code)
        if rate_value is None
        else frame.money("constant_rate_value", rate_value, code),
    }


def together(streams: Sequence[Stream], exchange: Exchange | None, last: int) -> tuple[Stream | None, list[Why]]:
    """All streams in one, or why they cannot be added."""
    if not streams:
        return None, [Why("no_subscriptions", "No subscription with a price was ever heard of.")]
    if exchange is None:
        names = ", ".join(each.currency for each in streams)
        detail = f"There is revenue in {names}, and the firm has no currency of its own to bring it into."
        return None, [Why("no_currency", detail)]
    try:
        return brought_together(streams, exchange, last), []
    except NoRate as missing:
        day = to_date(missing.day).isoformat()
        detail = (
            f"Revenue in {missing.currency} is not added to {exchange.into}: no rate of it is known for {day}. "
            "Enter one with PUT /v1/metrics/subscriptions/rates."
        )
        return None, [Why("no_rate", detail, missing.currency, day)]


NOBODY = Why("nobody_at_start", "Nobody subscribed when the first day began, so there is nothing to divide by.")
