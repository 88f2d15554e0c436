"""What came out: months, tiers, winners and losers."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from services.loyalty.programs.domain.terms import Payment
from services.loyalty.reports.schemas import month_of
from services.loyalty.simulations.domain.months import Months
from services.loyalty.simulations.domain.tally import FLOWS, RUNS, Example, Key, Run
from services.loyalty.simulations.repository.simulations import Spread
from services.loyalty.simulations.schemas.asking import SimulationOut

# Under which terms a wallet pays at a moment in a run.
Pays = Callable[[Run, str, datetime], Sequence[Payment]]


class OwedOut(BaseModel):
    """What outstanding points are worth in a currency, as they pay."""

    currency: str
    minor: int


class FlowsOut(BaseModel):
    """Points in a time: opening + issued + other_in + returned - spent - other_out - expired - over_limit =
    outstanding."""

    opening: int
    issued: int = Field(description="By earning rules, for facts of this time, as they are known now.")
    other_in: int = Field(description="By hand, from other members, for achievements: as it was.")
    returned: int = Field(description="Spent points that came back.")
    spent: int = Field(description="What was really spent, as far as it would be there.")
    unmet: int = Field(description="What was really spent and would not be there.")
    other_out: int = Field(description="Taken by hand, given to others: as it was, as far as it would be there.")
    expired: int
    over_limit: int = Field(description="What found no room in a wallet with a limit.")
    outstanding: int
    breakage: float | None = Field(description="Of points spent and expired the share that expired; null: none were.")
    liability: list[OwedOut] = Field(description="Of what is outstanding, for each currency that the wallet pays.")

    @classmethod
    def of(cls, points: Mapping[str, int], pays: Sequence[Payment]) -> "FlowsOut":
        """One run."""
        gone = points["spent"] - points["returned"] + points["expired"]
        owed = [
            OwedOut(currency=each.currency, minor=worth(points["outstanding"], each))
            for each in sorted(pays, key=lambda each: each.currency)
        ]
        return cls(**points, breakage=points["expired"] / gone if gone > 0 else None, liability=owed)

    def less(self, other: "FlowsOut") -> "FlowsOut":
        """What differs, exactly."""
        points = {name: getattr(self, name) - getattr(other, name) for name in FLOWS}
        mine = {each.currency: each.minor for each in self.liability}
        theirs = {each.currency: each.minor for each in other.liability}
        both = None if self.breakage is None or other.breakage is None else self.breakage - other.breakage
        owed = [
            OwedOut(currency=each, minor=mine.get(each, 0) - theirs.get(each, 0)) for each in sorted({*mine, *theirs})
        ]
        return FlowsOut(**points, breakage=both, liability=owed)


def worth(points: int, payment: Payment) -> int:
    """What points pay, in minor units; a half goes to the even one."""
    whole, rest = divmod(points * payment.minor, payment.points)
    return whole + (2 * rest > payment.points or (2 * rest == payment.points and whole % 2 == 1))


class BesideOut(BaseModel):
    """The programme as it was, as it is proposed, and the second less the first."""

    live: FlowsOut
    proposed: FlowsOut
    difference: FlowsOut


class MonthOut(BesideOut):
    """A month; the first and the last may be parts of one."""

    month: str


class ExampleOut(BaseModel):
    """A member and how many points more they would have in the end; below zero: fewer."""

    customer: UUID
    difference: int


class WinnersOut(BaseModel):
    """How many members would have more points in the end, and how many fewer."""

    more: int
    fewer: int
    same: int
    total: int = Field(description="All differences together.")
    deciles: list[int] = Field(description="Nine: so much more, at most, a tenth, two tenths, … of the members have.")
    examples: list[ExampleOut] = Field(description="The greatest differences each way.")


class WalletOut(BaseModel):
    """The points of a wallet."""

    wallet: str
    total: BesideOut
    months: list[MonthOut]
    winners: WinnersOut


class LevelOut(BaseModel):
    """Who holds a level as a month ends; null: none."""

    level: str | None
    live: int
    proposed: int
    difference: int


class MoveOut(BaseModel):
    """Who came from one level to another."""

    before: str | None
    after: str | None
    members: int


class TrackMonthOut(BaseModel):
    """The tiers of a month."""

    month: str
    levels: list[LevelOut]
    live_moves: list[MoveOut]
    proposed_moves: list[MoveOut]


class TrackOut(BaseModel):
    """A tier track; `switches`: from the level held in the end to the one that would be held, all members."""

    track: str
    months: list[TrackMonthOut]
    switches: list[MoveOut]


class UnheardOut(BaseModel):
    """Facts that the proposal asks for, and of which nothing was kept, for no rule had asked for them."""

    kind: str
    name: str


class ResultOut(BaseModel):
    """What the proposal would have come to, beside the programme as it was."""

    simulation: SimulationOut
    behaviour: Literal["as_it_was"] = Field(
        "as_it_was", description="Members are supposed to have bought, and spent, what they did; no more than is there."
    )
    wallets: list[WalletOut]
    tracks: list[TrackOut]
    not_heard: list[UnheardOut]


def wallets(
    counts: Mapping[Key, int], months: Months, spreads: Iterable[Spread], examples: Sequence[Example], pays: Pays
) -> list[WalletOut]:
    """The sums as they are told."""
    found: list[WalletOut] = []
    for spread in spreads:
        rows: list[MonthOut] = []
        for month, end in zip(months.names, months.ends, strict=True):
            sides = {run: _side(counts, run, spread.wallet, months, [month]) for run in RUNS}
            rows.append(MonthOut(month=month_of(month), **_beside(sides, spread.wallet, end, pays)))
        whole = {run: _side(counts, run, spread.wallet, months, months.names) for run in RUNS}
        found.append(
            WalletOut(
                wallet=spread.wallet,
                total=BesideOut(**_beside(whole, spread.wallet, months.until, pays)),
                months=rows,
                winners=_winners(spread, examples),
            )
        )
    return found


def _side(counts: Mapping[Key, int], run: Run, wallet: str, months: Months, names: Sequence[date]) -> dict[str, int]:
    """Points of some months that follow each other: what stood before the first and after the last, and all between."""
    said = {name: sum(counts.get(Key(name, run, month, wallet), 0) for month in names) for name in FLOWS}
    said["outstanding"] = counts.get(Key("outstanding", run, names[-1], wallet), 0)
    if (place := months.names.index(names[0])) > 0:
        said["opening"] = counts.get(Key("outstanding", run, months.names[place - 1], wallet), 0)
    return said


def _beside(sides: Mapping[Run, Mapping[str, int]], wallet: str, at: datetime, pays: Pays) -> dict[str, FlowsOut]:
    live = FlowsOut.of(sides["live"], pays("live", wallet, at))
    proposed = FlowsOut.of(sides["proposed"], pays("proposed", wallet, at))
    return {"live": live, "proposed": proposed, "difference": proposed.less(live)}


def _winners(spread: Spread, examples: Sequence[Example]) -> WinnersOut:
    own = [each for each in examples if each.wallet == spread.wallet]
    return WinnersOut(
        more=spread.more,
        fewer=spread.fewer,
        same=spread.same,
        total=spread.total,
        deciles=spread.deciles,
        examples=[ExampleOut(customer=each.person, difference=each.difference) for each in own],
    )


def tracks(counts: Mapping[Key, int], months: Months) -> list[TrackOut]:
    """The sums of tiers as they are told."""
    own = {key: number for key, number in counts.items() if key.measure in ("members", "moves", "switches")}
    found: list[TrackOut] = []
    for track in sorted({key.subject for key in own}):
        rows = [
            TrackMonthOut(
                month=month_of(month),
                levels=_levels(own, track, month),
                live_moves=_moves(own, "moves", "live", track, month),
                proposed_moves=_moves(own, "moves", "proposed", track, month),
            )
            for month in months.names
        ]
        switches = _moves(own, "switches", "proposed", track, months.names[-1])
        found.append(TrackOut(track=track, months=rows, switches=switches))
    return found


def _levels(counts: Mapping[Key, int], track: str, month: date) -> list[LevelOut]:
    said: dict[str, dict[str, int]] = {}
    for key, number in counts.items():
        if (key.measure, key.subject, key.month) == ("members", track, month):
            said.setdefault(key.after, {})[key.run] = number
    return [
        LevelOut(
            level=level or None,
            live=runs.get("live", 0),
            proposed=runs.get("proposed", 0),
            difference=runs.get("proposed", 0) - runs.get("live", 0),
        )
        for level, runs in sorted(said.items())
    ]


def _moves(counts: Mapping[Key, int], measure: str, run: Run, track: str, month: date) -> list[MoveOut]:
    return [
        MoveOut(before=key.before or None, after=key.after or None, members=number)
        for key, number in sorted(counts.items())
        if (key.measure, key.run, key.month, key.subject) == (measure, run, month, track)
    ]
