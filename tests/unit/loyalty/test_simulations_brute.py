"""A simulation beside a reckoning of every single lot by hand, over small histories of Vietnamese members."""

from calendar import monthrange
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from services.loyalty.audience.domain import KnownOrder
from services.loyalty.earning.domain.history import History
from services.loyalty.earning.domain.rule import Rule
from services.loyalty.programs.domain.terms import Terms
from services.loyalty.simulations.domain.facts import CameBack, CameIn, Kept, WentOut
from services.loyalty.simulations.domain.months import Months
from services.loyalty.simulations.domain.person import Life, tallied
from services.loyalty.simulations.domain.plan import Book, Inputs, RuleSaid, Said, TrackSaid, plan
from services.loyalty.tiers.domain.track import Track
from shared.identity.person import Member

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
SEVEN = timedelta(hours=7)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
SINCE = datetime(2026, 1, 1, tzinfo=UTC) - SEVEN
UNTIL = datetime(2026, 7, 1, tzinfo=UTC) - SEVEN
NAMES = [date(2026, month, 1) for month in range(1, 7)]
MEMBERS = [
    Member(UUID(int=1), (UUID(int=1),)),
    Member(UUID(int=2), (UUID(int=2), UUID(int=3))),
    Member(UUID(int=4), (UUID(int=4),)),
]
LEVELS = (("bac", 30), ("vang", 90))


def book(way: tuple[int, int, int, int]) -> Book:
    per, months, days, cap = way
    wallet: dict[str, Any] = {}
    if months:
        wallet["expiry"] = {"mode": "rolling", "months": months}
    if days:
        wallet["pending"] = {"mode": "days", "days": days}
    if cap:
        wallet["spending"] = [{"per": "month", "points": cap}, {"per": "transaction", "points": cap // 2}]
    rule = Rule.model_validate(
        {
            "trigger": {"on": "order"},
            "effect": {
                "kind": "per_amount",
                "points": 1,
                "per_minor": per,
                "currency": "VND",
                "rounding": "floor",
            },
        }
    )
    track = Track.model_validate(
        {
            "measure": {"by": "points", "wallet": "points"},
            "window": {"kind": "lifetime"},
            "levels": [{"key": key, "threshold": threshold} for key, threshold in LEVELS],
        }
    )
    terms = Terms.model_validate({"zone": "Asia/Ho_Chi_Minh", "wallets": {"points": wallet}})
    return Book(
        zone="Asia/Ho_Chi_Minh",
        terms=(Said(at=LONG_AGO, program="main", terms=terms),),
        rules=(RuleSaid(rule_id=UUID(int=9), version=1, name="r", state="active", rule=rule, effective_from=LONG_AGO),),
        tracks=(TrackSaid(key="main", version=1, track=track, effective_from=LONG_AGO),),
    )


# What happens: who, when (hours from the end of 2025 on), what, how much.
STEPS = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.integers(-2_000, 24 * 200),
        st.sampled_from(("order", "order", "order", "spend", "back", "gift", "taken")),
        st.integers(1, 400),
    ),
    max_size=24,
    unique_by=lambda each: each[1],
)
WAYS = st.tuples(
    st.sampled_from((1_000, 7_000, 10_000)),
    st.sampled_from((0, 1, 2, 5)),
    st.sampled_from((0, 3)),
    st.sampled_from((0, 70)),
)


def life(who: int, steps: list[tuple[int, int, str, int]]) -> Life:
    member = MEMBERS[who]
    orders: list[KnownOrder] = []
    happened: list[Any] = []
    spends: list[tuple[str, int]] = []
    for place, (_, hours, what, number) in enumerate(sorted(each for each in steps if each[0] == who)):
        at, person = SINCE + timedelta(hours=hours), member.keys[place % len(member.keys)]
        if at >= UNTIL:
            continue
        if what == "order":
            orders.append(KnownOrder(f"{who}-{place}", person, at, number * 1_000, number * 1_000, "VND"))
        elif what == "spend":
            spends.append((f"s{place}", number % 60 + 1))
            happened.append(WentOut("points", at, number % 60 + 1, f"s{place}", "spent"))
        elif what == "back" and spends:
            operation, points = spends.pop()
            happened.append(CameBack("points", at, min(points, number % 30 + 1), operation))
        elif what == "gift":
            happened.append(CameIn(person, "points", at, number % 50 + 1, "adjusted", f"g{place}", at, True))
        elif what == "taken":
            happened.append(WentOut("points", at, number % 20 + 1, f"t{place}", "other"))
    return Life(member, History(orders), Kept(happened))


def month_of(at: datetime) -> date | None:
    return (at + SEVEN).date().replace(day=1) if at >= SINCE else None


def end_of(at: datetime, months: int) -> datetime | None:
    if not months:
        return None
    day = (at + SEVEN).date()
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    last = date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
    return datetime(last.year, last.month, last.day, tzinfo=UTC) + timedelta(days=1) - SEVEN


def starts_at(at: datetime, days: int) -> datetime:
    day = (at + SEVEN).date() + timedelta(days=days)
    return at if not days else datetime(day.year, day.month, day.day, tzinfo=UTC) - SEVEN


class Hand:
    """One member under one programme, lot by lot: [from when, until when, points left, number]."""

    def __init__(self, way: tuple[int, int, int, int]) -> None:
        self.per, self.months, self.days, self.cap = way
        self.lots: list[list[Any]] = []
        self.flows: Counter[tuple[str, date]] = Counter()
        self.spent: dict[str, list[list[Any]]] = {}
        self.spent_in: dict[str, tuple[int, int]] = {}

    def note(self, measure: str, at: datetime, points: int) -> None:
        if (month := month_of(at)) is not None and points:
            self.flows[measure, month] += points

    def end_until(self, now: datetime) -> None:
        for lot in self.lots:
            if lot[1] is not None and lot[1] <= now and lot[2]:
                self.note("expired", lot[1] - timedelta(microseconds=1), lot[2])
                lot[2] = 0

    def take(self, at: datetime, points: int, operation: str | None) -> int:
        there = [lot for lot in self.lots if lot[0] <= at and lot[2]]
        taken = 0
        for lot in sorted(there, key=lambda each: (each[1] is None, each[1] or at, each[3])):
            part = min(points - taken, lot[2])
            lot[2] -= part
            taken += part
            if operation and part:
                self.spent.setdefault(operation, []).append([lot, part])
        return taken

    def back(self, at: datetime, points: int, operation: str) -> None:
        drawn = self.spent.get(operation, [])
        for each in sorted(drawn, key=lambda one: (one[0][1] is None, one[0][1] or at), reverse=True):
            part = min(points, each[1])
            each[1] -= part
            each[0][2] += part
            points -= part
            self.note("returned", at, part)
        # What has ended by now ends again at once: that is today's end.
        for lot in self.lots:
            if lot[1] is not None and lot[1] <= at and lot[2]:
                self.note("expired", at - timedelta(microseconds=1), lot[2])
                lot[2] = 0

    def live(self, said: Life) -> int:
        everything = [(each.placed_at, "order", each) for each in said.history.orders]
        everything += [(each.at, "other", each) for each in said.kept.happened]
        marks = [(datetime(2026, month, 1, tzinfo=UTC) - SEVEN, "mark", month) for month in range(1, 8)]
        for at, kind, each in sorted([*everything, *marks], key=lambda one: (one[0], one[1] != "mark")):
            self.end_until(at)
            if kind == "mark":
                left = sum(lot[2] for lot in self.lots)
                if each == 1:
                    self.flows["opening", NAMES[0]] += left
                else:
                    self.flows["outstanding", NAMES[each - 2]] += left
            elif kind == "order":
                self.come(at, each.net_minor // self.per, "issued", starts_at(at, self.days))
            elif isinstance(each, CameIn):
                self.come(at, each.points, "other_in", at)
            elif isinstance(each, CameBack):
                self.back(at, each.points, each.operation)
            else:
                self.go(at, each)
        return sum(lot[2] for lot in self.lots)

    def come(self, at: datetime, points: int, measure: str, start: datetime) -> None:
        if points:
            self.lots.append([start, end_of(at, self.months), points, len(self.lots)])
            self.note(measure, at, points)

    def go(self, at: datetime, each: WentOut) -> None:
        most = each.points
        if each.kind == "spent" and self.cap:
            now = (at + SEVEN).year, (at + SEVEN).month
            own = [each for each, month in self.spent_in.items() if month == now]
            stands = sum(part for operation in own for _, part in self.spent.get(operation, []))
            most = min(most, self.cap // 2, max(0, self.cap - stands))
            self.spent_in[each.operation] = now
        taken = self.take(at, most, each.operation if each.kind == "spent" else None)
        self.note("spent" if each.kind == "spent" else "other_out", at, taken)
        if each.kind == "spent":
            self.note("unmet", at, each.points - taken)


@settings(max_examples=120, deadline=None)
@given(steps=STEPS, live=WAYS, new=WAYS)
def test_points_by_month_are_those_reckoned_by_hand(
    steps: list[tuple[int, int, str, int]], live: tuple[int, int, int, int], new: tuple[int, int, int, int]
) -> None:
    lives = [life(who, steps) for who in range(3)]
    both = plan(Inputs(live=book(live), proposed=book(new)).model_dump_json(by_alias=True, exclude_none=True))

    found = tallied(lives, both, Months.of(SINCE, UNTIL, ZONE))

    ends: dict[str, list[int]] = {}
    for run, way in (("live", live), ("proposed", new)):
        hands = [Hand(way) for _ in lives]
        ends[run] = [hand.live(each) for hand, each in zip(hands, lives, strict=True)]
        expected: Counter[tuple[str, date]] = Counter()
        for hand in hands:
            expected += hand.flows
        measures = ("members", "moves", "switches")
        counted = {
            (key.measure, key.month): amount
            for key, amount in found.counts.items()
            if key.run == run and key.measure not in measures and amount
        }
        assert counted == dict(expected)
    differences = Counter(after - before for before, after in zip(ends["live"], ends["proposed"], strict=True))
    there = {each.member.root for each in lives if each.history.orders or each.kept.happened}
    assert {key[1]: number for key, number in found.differences.items() if key[1]} == {
        difference: number for difference, number in differences.items() if difference
    }
    assert sum(found.differences.values()) <= len(there)


@settings(max_examples=60, deadline=None)
@given(steps=STEPS, live=WAYS, new=WAYS)
def test_tiers_by_month_are_those_of_all_points_so_far(
    steps: list[tuple[int, int, str, int]], live: tuple[int, int, int, int], new: tuple[int, int, int, int]
) -> None:
    lives = [life(who, steps) for who in range(3)]
    both = plan(Inputs(live=book(live), proposed=book(new)).model_dump_json(by_alias=True, exclude_none=True))

    found = tallied(lives, both, Months.of(SINCE, UNTIL, ZONE))

    for run, way in (("live", live), ("proposed", new)):
        for month, name in enumerate(NAMES, start=2):
            over = datetime(2026, month, 1, tzinfo=UTC) - SEVEN
            levels: Counter[str] = Counter()
            for each in lives:
                earned = [one.net_minor // way[0] for one in each.history.orders if one.placed_at < over]
                held = [key for key, threshold in LEVELS if sum(earned) >= threshold and earned]
                levels[held[-1] if held else ""] += 1
            told = {
                key.after: number
                for key, number in found.counts.items()
                if (key.measure, key.run, key.month) == ("members", run, name)
            }
            assert told == dict(levels)


def test_the_same_members_in_slices_of_any_size_come_to_the_same() -> None:
    steps = [(who, 24 * day, "order", 10 * day + who) for who in range(3) for day in range(1, 150, 11)]
    lives = [life(who, steps) for who in range(3)]
    both = plan(Inputs(live=book((1_000, 2, 0, 0)), proposed=book((7_000, 5, 3, 70))).model_dump_json(by_alias=True))
    months = Months.of(SINCE, UNTIL, ZONE)

    whole = tallied(lives, both, months)

    parts = [tallied([each], both, months) for each in lives]
    assert sum((each.counts for each in parts), Counter()) == whole.counts
    assert sum((each.differences for each in parts), Counter()) == whole.differences
    assert whole.counts


def test_tiers_by_balance_go_by_what_would_be_there() -> None:
    orders = [KnownOrder("o", MEMBERS[0].keys[0], SINCE + timedelta(days=3), 100_000, 100_000, "VND")]
    lives = [Life(MEMBERS[0], History(orders), Kept())]
    track = {
        "measure": {"by": "balance"},
        "window": {"kind": "current"},
        "levels": [{"key": "vang", "threshold": 90}],
    }
    said = TrackSaid(key="main", version=1, track=Track.model_validate(track), effective_from=LONG_AGO)
    live, new = (book(way).model_copy(update={"tracks": (said,)}) for way in ((1_000, 0, 0, 0), (1_000, 2, 0, 0)))
    both = plan(Inputs(live=live, proposed=new).model_dump_json(by_alias=True, exclude_none=True))

    found = tallied(lives, both, Months.of(SINCE, UNTIL, ZONE))

    told = {(key.run, key.month): key.after for key in found.counts if key.measure == "members"}
    assert [told["live", name] for name in NAMES] == ["vang"] * 6
    assert [told["proposed", name] for name in NAMES] == ["vang", "vang", "", "", "", ""]
