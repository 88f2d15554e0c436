"""One member under both programmes: their points and their tiers, month by month."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from services.loyalty.earning.domain.history import History, outcome
from services.loyalty.simulations.domain.facts import Kept
from services.loyalty.simulations.domain.months import Months
from services.loyalty.simulations.domain.plan import Plan
from services.loyalty.simulations.domain.purse import Purse, targets
from services.loyalty.simulations.domain.tally import RUNS, Key, Run, Tally
from services.loyalty.tiers.domain.balance import together
from services.loyalty.tiers.domain.grants import Standing
from shared.identity.person import Member

_MOMENT = timedelta(microseconds=1)


class Life(NamedTuple):
    """What is known of a member."""

    member: Member
    history: History
    kept: Kept


def known_by(history: History, *, until: datetime, asked_at: datetime) -> History:
    """What of a history was before a moment, and had been learnt when it was asked for."""
    return History(
        [each for each in history.orders if each.placed_at < until and (each.told_at or each.placed_at) <= asked_at],
        [each for each in history.touchpoints if each.at < until and (each.told_at or each.at) <= asked_at],
        {key: [each for each in own if each.at < until] for key, own in history.moves.items()},
        history.seen_at,
        [each for each in history.grants if each.at < until],
    )


def tallied(lives: Iterable[Life], plan: Plan, months: Months) -> Tally:
    """All of these members under both programmes."""
    tally = Tally()
    for life in lives:
        count(tally, life, plan, months)
    return tally


def count(tally: Tally, life: Life, plan: Plan, months: Months) -> None:
    """Add one member."""
    ends: dict[Run, Mapping[str, int]] = {}
    levels: dict[Run, Mapping[str, str]] = {}
    for run, rules in zip(RUNS, (plan.live, plan.proposed), strict=True):
        # What rules did not ask for they do not know of: it is not kept, and nobody is there any earlier by it.
        history = life.history if rules.hears_touchpoints else replace(life.history, touchpoints=())
        found = outcome(history, rules, until=months.until)
        purse = Purse.of(life.member.keys, rules.timeline, months, life.kept)
        ends[run] = purse.live(targets(found), life.kept.happened)
        for (measure, month, wallet), points in purse.flows.items():
            tally.counts[Key(measure, run, month, wallet)] += points
        if rules.balances:
            # No rule asks for a tier by balance, so that what was earned stays what it was.
            history = replace(history, balances=together(purse.changes))
            found = outcome(history, rules, until=months.until)
        levels[run] = _climb(tally, run, found.standings, months)
    tally.compare(life.member.root, ends["live"], ends["proposed"])
    for track in sorted(levels["live"].keys() | levels["proposed"].keys()):
        before, after = (levels[run].get(track, "") for run in RUNS)
        tally.counts[Key("switches", "proposed", months.names[-1], track, before, after)] += 1


def _climb(tally: Tally, run: Run, standings: Mapping[str, Standing], months: Months) -> dict[str, str]:
    """The levels held as each month ended, and the way from one to the next; those held in the end, by track."""
    last: dict[str, str] = {}
    for track, standing in standings.items():
        before = standing.held_before(months.starts[0] - _MOMENT) or ""
        for month, end in zip(months.names, months.ends, strict=True):
            level = standing.held_before(end) or ""
            tally.counts[Key("members", run, month, track, after=level)] += 1
            if level != before:
                tally.counts[Key("moves", run, month, track, before, level)] += 1
            before = level
        last[track] = before
    return last
