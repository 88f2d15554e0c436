"""False alarms come as seldom as is stated: over 10^5 days, by breakdowns that share answers, and with late answers."""

from collections.abc import Sequence
from uuid import UUID

import numpy as np
import pytest
from alarm_simulation import MONDAY, Shop, between_alarms, share, simulate

from services.metrics.alarms.domain.onset import onset
from services.metrics.alarms.domain.path import Episode, Path, Rule, walk
from services.metrics.alarms.domain.revising import Known, changes
from services.metrics.alarms.domain.series import Series
from services.metrics.alarms.domain.watch import Dates, Metric, Watch

SHARES = {
    ".1 % of ten thousand, up": (share(0.001, 10_000), Rule("up", 0.05, 100, 26)),
    ".1 % of ten thousand, down": (share(0.001, 10_000), Rule("down", 0.05, 100, 26)),
    ".5 % of two thousand, up": (share(0.005, 2_000), Rule("up", 0.25, 100, 26)),
    "1 % of a thousand, up": (share(0.01, 1_000), Rule("up", 0.5, 100, 26)),
    "5 % of a hundred, up": (share(0.05, 100), Rule("up", 2, 100, 26)),
    "5 % of four hundred, down": (share(0.05, 400), Rule("down", 1.5, 100, 26)),
    "20 % of fifty, up": (share(0.2, 50), Rule("up", 4, 100, 26)),
    "20 % of two hundred, down": (share(0.2, 200), Rule("down", 2, 100, 26)),
}
NPS = Shop("net", 8, (0.2, 0.3, 0.5))
CSAT = share(0.8, 10)
CES = Shop("mean", 8, (0.05, 0.05, 0.1, 0.1, 0.2, 0.3, 0.2))
# Of each answer in a segment, as likely it is in the next one too.
BOTH = 0.3
SEGMENTS = 3
ARL0 = 60


@pytest.mark.long
@pytest.mark.parametrize("name", SHARES)
def test_of_shares_in_ten_to_the_five_days(name: str):
    shop, rule = SHARES[name]

    assert 0.75 < between_alarms(shop, rule, 100_000, seed=3) < 1.25


def a_watch(metric: Metric, change: float) -> Watch:
    """Of one segment, in both directions."""
    return Watch(
        UUID(int=1), "x", metric, None, None, "segment", "s", None, "both", change, ARL0, 26, None, "Trưởng CX", 1
    )


def by_segment(shop: Shop, days: int, seed: int) -> list[Series]:
    """What each segment says: people in two of them are counted in both, so their charts are alike."""
    rng = np.random.default_rng(seed)
    own = [simulate(shop, days, rng) for _ in range(SEGMENTS)]
    found = []
    for place, each in enumerate(own):
        shared = rng.binomial(own[place - 1].counts.astype(int), BOTH)
        found.append(Series(each.first, each.values, each.counts + shared))
    return found


def apart(series: Sequence[Series], watch: Watch) -> float:
    """Days between false alarms of all charts of these series together."""
    quiet, alarms = 0, 0
    for each in series:
        for direction in watch.directions:
            path = walk(each, watch.rule(direction), MONDAY)
            quiet += sum(step.statistic is not None and not step.is_raised for step in path.steps)
            alarms += len(path.episodes)
    return quiet / alarms / len(series) / len(watch.directions)


@pytest.mark.parametrize(
    "days",
    [pytest.param(2_000, id="short"), pytest.param(33_334, id="in ten to the five days", marks=pytest.mark.long)],
)
@pytest.mark.parametrize(
    ("metric", "shop", "change"), [("nps", NPS, 15), ("csat", CSAT, 6), ("ces", CES, 0.5)], ids=["nps", "csat", "ces"]
)
def test_watches_of_a_breakdown_have_together_as_many_as_their_sum_says(
    metric: Metric, shop: Shop, change: float, days: int
):
    """Two directions have together what one watch states, and three segments three times that, as the answer says."""
    least, most = (0.75, 1.35) if days > 10_000 else (0.6, 1.6)

    assert least < apart(by_segment(shop, days, 7), a_watch(metric, change)) / (ARL0 / SEGMENTS) < most


LATE = 0.3
LATE_DAYS = 6
SETTLED_DAYS = 14


def told(final: Series, seen: Sequence[Series], rule: Rule) -> tuple[int, dict[str, int]]:
    """How many quiet days there were, and how often what was said: looked at each day, as days were known then.

    What is older than the latest answer is final, so a path may begin anew where the final one was at zero.
    """
    path = walk(final, rule, MONDAY)
    starts = [step.day for step in path.steps if step.statistic == 0 and not step.is_raised]
    said: dict[str, int] = dict.fromkeys(("raised", "found", "cleared", "reopened", "moved", "withdrawn"), 0)
    known: list[Known] = []
    start = 0
    for today in range(MONDAY + 7 * 30, final.last + 1):
        while starts[start + 1] < today - SETTLED_DAYS:
            start += 1
        now = _as_known(final, seen, today)
        looked = walk(now, rule, starts[start] + 1)
        known = [each for each in known if each.dates.cleared is None or each.dates.cleared > starts[start]]
        known = _said(known, looked, now, said)
    return sum(step.statistic is not None and not step.is_raised for step in path.steps[7 * 30 :]), said


def _as_known(final: Series, seen: Sequence[Series], today: int) -> Series:
    """The days up to today, of which the last ones lack what comes late."""
    counts = final.counts[: today + 1 - MONDAY].copy()
    for late in range(1, LATE_DAYS + 1):
        # What comes so many days late is not there on the last of them.
        counts[-late:] -= seen[late - 1].counts[today + 1 - MONDAY - late : today + 1 - MONDAY]
    return Series(MONDAY, final.values, counts)


def _said(known: Sequence[Known], path: Path, series: Series, said: dict[str, int]) -> list[Known]:
    left = {each.id: each for each in known}
    for change in changes(known, [_dates(series, each) for each in path.episodes], path.steps):
        said[change.what] += 1
        if change.dates is None:
            assert change.known is not None
            del left[change.known.id]
        else:
            key = UUID(int=sum(said.values())) if change.known is None else change.known.id
            left[key] = Known(key, change.dates.state, change.dates)
    return sorted(left.values(), key=lambda each: each.dates.change)


def _dates(series: Series, episode: Episode) -> Dates:
    began = onset(series, episode)
    return Dates(began.day, began.first, began.last, episode.raised, episode.cleared, episode.cause)


@pytest.mark.parametrize(
    "days", [pytest.param(700, id="short"), pytest.param(12_000, id="thirty years", marks=pytest.mark.long)]
)
def test_with_late_answers_people_are_told_as_seldom_as_is_stated(days: int):
    """A third of the answers come up to six days late: each day is looked at as it is known, and said anew.

    What counts is what owners hear: raised, and raised again.
    """
    rng = np.random.default_rng(12)
    final = simulate(NPS._replace(a_day=20), days, rng)
    late = rng.binomial(final.counts.astype(int), LATE)
    # Each of them so many days late, one to six alike.
    parts = np.moveaxis(rng.multinomial(late, [1 / LATE_DAYS] * LATE_DAYS), -1, 0)
    seen = [Series(MONDAY, final.values, each.astype(float)) for each in parts]
    rule = Rule("down", 12, 60, 26)

    quiet, said = told(final, seen, rule)

    heard = said["raised"] + said["reopened"]
    assert said["moved"] > 0
    if days > 10_000:
        assert said["withdrawn"] > 0
        assert 0.75 < quiet / heard / rule.arl0 < 1.35
    else:
        assert quiet / heard / rule.arl0 > 0.5
