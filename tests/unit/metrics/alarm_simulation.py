"""Shops without a change, and with one on a day that is known: how often an alarm is raised, and how soon."""

from typing import Literal, NamedTuple

import numpy as np

from services.metrics.alarms.domain.onset import onset
from services.metrics.alarms.domain.path import Rule, walk
from services.metrics.alarms.domain.scoring import Scoring
from services.metrics.alarms.domain.series import Floats, Series

MONDAY = 20_002 - (20_002 + 3) % 7
Form = Literal["share", "net", "mean"]
VALUES = {"share": (0.0, 100.0), "net": (-100.0, 0.0, 100.0), "mean": (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0)}


class Shop(NamedTuple):
    """So many answers a day by the mean (Poisson), and how likely each value is.

    `weekdays` is by how much more is answered on Mondays than on Sundays, and by how much better; `strata` is of shares
    that are at unlike risk; `clumped` is how much more weeks vary than chance would have them.
    """

    form: Form
    a_day: float
    chances: tuple[float, ...]
    weekdays: float = 0.0
    strata: tuple[float, ...] = ()
    clumped: float = 1.0


def share(p: float, a_day: float, **more: object) -> Shop:
    return Shop("share", a_day, (1 - p, p), **more)  # type: ignore[arg-type]


def simulate(shop: Shop, days: int, rng: np.random.Generator, *, tilt: Floats | None = None) -> Series:
    """The days; `tilt` of each day multiplies how likely the values from the worst to the best are."""
    values = np.array(VALUES[shop.form])
    parts = shop.strata or (None,)
    week = np.arange(days) % 7
    waves = 1 + shop.weekdays * (3 - week) / 3
    counts = np.zeros((days, len(parts), len(values)))
    for place, p in enumerate(parts):
        chances = np.array(shop.chances if p is None else (1 - p, p))
        odds = np.tile(chances, (days, 1))
        lift = np.linspace(-1, 1, len(values))
        odds = odds * np.exp(np.outer(0.3 * shop.weekdays * (3 - week) / 3, lift))
        if shop.clumped > 1:
            # Each week has a level of its own: the variance of its sum is `clumped` times that of chance.
            variance = (shop.clumped - 1) / (7 * shop.a_day / len(parts) * chances[0] * chances[-1]) / 4
            odds = odds * np.exp(np.outer(rng.normal(0, np.sqrt(variance), days // 7 + 1)[np.arange(days) // 7], lift))
        if tilt is not None:
            odds = odds * tilt
        odds /= odds.sum(axis=1, keepdims=True)
        numbers = rng.poisson(shop.a_day / len(parts) * waves)
        counts[:, place] = rng.multinomial(numbers, odds)
    return Series(MONDAY, tuple(values), counts)


def between_alarms(shop: Shop, rule: Rule, days: int, seed: int) -> float:
    """Days an alarm takes by the mean where nothing changes, as a part of what is stated."""
    path = walk(simulate(shop, days, np.random.default_rng(seed)), rule, MONDAY)
    quiet = sum(step.statistic is not None and not step.is_raised for step in path.steps) + len(path.episodes)
    return quiet / max(1, len(path.episodes)) / rule.arl0


class Found(NamedTuple):
    """What came of changes of a known size: by the mean, days to find them over those stated; shares of them."""

    delay: float
    within: float
    days_off: float
    episodes: float
    falsely: float


def find(
    shop: Shop, rule: Rule, runs: int, seed: int, *, quiet: int = 203, after: int = 120, times: float = 1
) -> Found:
    """Change the shop by `times` what is looked for, after some quiet months, and see when it is found."""
    rng = np.random.default_rng(seed)
    delays, within, off, episodes, falsely = [], [], [], [], 0
    for _ in range(runs):
        series = simulate(shop, quiet, rng)
        basis = walk(series, rule, series.last).basis
        assert isinstance(basis, Scoring)
        tilt = np.ones((after, len(series.values)))
        tilt *= np.exp(times * basis.theta * np.array(series.values))
        counts = np.concatenate([series.counts, simulate(shop, after, rng, tilt=tilt).counts])
        whole = Series(MONDAY, series.values, counts)
        changed = MONDAY + quiet
        path = walk(whole, rule, changed - 60)
        raised = [each for each in path.episodes if each.raised >= changed]
        falsely += any(each.raised < changed for each in path.episodes)
        if any(each.raised < changed for each in path.episodes):
            continue
        episodes.append(len(raised))
        delays.append((raised[0].raised - changed + 1 if raised else after) / basis.days_to_find)
        if raised:
            began = onset(whole, raised[0])
            within.append(began.first <= changed <= began.last)
            off.append(abs(began.day - changed))
    mean = lambda numbers: float(np.mean(numbers))  # noqa: E731 - four times, in a row
    return Found(mean(delays), mean(within), float(np.median(off)), mean(episodes), falsely / runs)
