"""Points and complaints: whatever the order, repeats, merges and segments, the sums are those of a plain count."""

import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from itertools import product
from typing import Any
from uuid import UUID

import pytest
from metrics_world import NOW, World, fact, merged, unmerged
from satisfaction_world import deliver, entered, left

from services.metrics.gap.consumers import take_voices
from shared.events.catalogue.loyalty import PointsEarned, PointsExpired, PointsReversed, PointsSpent
from shared.events.catalogue.profiles import CustomerMerged, CustomerUnmerged, SegmentEntered, SegmentLeft
from shared.events.catalogue.surveys import CaseChanged, CaseClosed, CaseOpened
from shared.events.envelope import Event
from shared.ids import derived_id

KINDS = {"earned": PointsEarned, "spent": PointsSpent, "expired": PointsExpired, "reversed": PointsReversed}


def points(kind: str, customer: str, version: int, number: int, at: datetime, wallet: str = "diem") -> Event[Any]:
    data = KINDS[kind](
        transaction_id=derived_id("t", f"{customer}{wallet}{version}"),
        wallet=wallet,
        version=version,
        points=number,
        available=0,
        pending=0,
        held=0,
        debt=0,
        reason="order",
    )
    return fact(data, customer, at)


def opened(case: str, customer: str, at: datetime, due: datetime) -> Event[Any]:
    data = CaseOpened(
        case_id=derived_id("case", case),
        version=1,
        survey_id=None,
        response_id=None,
        owner="lan",
        priority="high",
        rule="detractor",
        contact_due_at=due,
        resolve_due_at=due,
    )
    return fact(data, customer, at)


def changed(case: str, customer: str, version: int, at: datetime, status: Any, into: str | None = None) -> Event[Any]:
    data = CaseChanged(
        case_id=derived_id("case", case),
        version=version,
        status=status,
        owner="lan",
        priority="high",
        merged_into=None if into is None else derived_id("case", into),
    )
    return fact(data, customer, at)


def closed(case: str, customer: str, version: int, at: datetime) -> Event[Any]:
    data = CaseClosed(
        case_id=derived_id("case", case),
        version=version,
        outcome="solved",
        root_cause="late",
        was_contact_late=None,
        was_resolution_late=False,
    )
    return fact(data, customer, at)


async def hand_over(world: World, events: Sequence[Event[Any]]) -> None:
    """One event after the other of who is whom and who is where, as the runner does."""
    for event in events:
        await deliver(world, [event])


async def sums(world: World) -> dict[tuple[str, str, bool, int], int]:
    async with world.db.read() as tx:
        rows = await tx.execute("SELECT what, segment, is_month, day, number FROM engagement_sums")
        return {tuple(row)[:4]: row.number for row in rows}


def local_day(at: datetime) -> int:
    return ((at + timedelta(hours=7)).date() - date(1970, 1, 1)).days


def month_of(day: int) -> int:
    first = (date(1970, 1, 1) + timedelta(days=day)).replace(day=1)
    return (first - date(1970, 1, 1)).days


HORIZON = range(local_day(NOW) - 60, local_day(NOW) + 500)
Plain = Counter[tuple[str, str, int]]


class PlainCount:
    """What there is at the end of each day, counted person by person; independent of how sums are kept."""

    def __init__(self, events: Sequence[Event[Any]]) -> None:
        self.person: dict[UUID, UUID] = {}
        self.segments: defaultdict[UUID, set[str]] = defaultdict(set)
        self.once: dict[Any, Event[Any]] = {}
        for event in events:
            match event.data:
                case CustomerMerged() as said:
                    self.person[said.from_id] = said.into_id
                case CustomerUnmerged() as said:
                    self.person.pop(said.from_id, None)
                case SegmentEntered() as said:
                    self.segments[event.subject].add(str(said.segment_id))
                case SegmentLeft() as said:
                    self.segments[event.subject].discard(str(said.segment_id))
                case CaseOpened() | CaseChanged() | CaseClosed() as said:
                    self.once[said.case_id, said.version] = event
                case said:
                    self.once[event.subject, said.wallet, said.version] = event

    def groups(self, key: UUID) -> set[str]:
        who = self.person.get(key, key)
        return {
            "",
            *(one for each, found in self.segments.items() if self.person.get(each, each) == who for one in found),
        }

    def found(self) -> dict[tuple[str, str, int], int]:
        found: Plain = Counter()
        active: defaultdict[UUID, set[int]] = defaultdict(set)
        cases: defaultdict[UUID, dict[int, Event[Any]]] = defaultdict(dict)
        for event in self.once.values():
            if isinstance(event.data, CaseOpened | CaseChanged | CaseClosed):
                cases[event.data.case_id][event.data.version] = event
                continue
            kind = next(name for name, each in KINDS.items() if type(event.data) is each)
            for group in self.groups(event.subject):
                found[f"{kind}:{event.data.wallet}", group, local_day(event.time)] += event.data.points
            if kind in ("earned", "spent") and event.data.points:
                active[self.person.get(event.subject, event.subject)].add(local_day(event.time))
        for who, days in active.items():
            for day, window in product(HORIZON, (30, 90, 365)):
                if any(day - window < each <= day for each in days):
                    found.update((f"active:{window}", group, day) for group in self.groups(who))
        for versions in cases.values():
            if 1 in versions:
                self.complain(found, versions)
        return {key: number for key, number in found.items() if number}

    def complain(self, found: Plain, versions: dict[int, Event[Any]]) -> None:
        start = versions[1]
        ended = done = None
        for number in sorted(versions):
            event, data = versions[number], versions[number].data
            status = "closed" if isinstance(data, CaseClosed) or getattr(data, "merged_into", None) else None
            status = status or getattr(data, "status", "open")
            ended = (ended or event.time) if status == "closed" else None
            done = (done or event.time) if status in ("closed", "resolved") else None
        first = local_day(start.time)
        late = max(first, local_day(start.data.resolve_due_at) + 1)
        for group in self.groups(start.subject):
            found["opened", group, first] += 1
            for day in HORIZON:
                found["open", group, day] += first <= day and (ended is None or day < local_day(ended))
                found["late", group, day] += late <= day and (done is None or day < local_day(done))


STOCKS = ("active:30", "active:90", "active:365", "open", "late")


def at_each_day(stored: dict[tuple[str, str, bool, int], int]) -> dict[tuple[str, str, int], int]:
    """What the sums say of each day: flows as they are, stocks as the sum of all changes up to it."""
    found: Counter[tuple[str, str, int]] = Counter()
    for (what, group, is_month, day), number in stored.items():
        if is_month or what == "became_late":
            continue
        if what in STOCKS:
            for each in range(max(day, local_day(NOW) - 60), local_day(NOW) + 500):
                found[what, group, each] += number
        else:
            found[what, group, day] += number
    return {key: number for key, number in found.items() if number}


WHO = ("an", "bình", "chi")


def histories(dice: random.Random) -> list[Event[Any]]:
    """Facts of three people: points of two wallets, cases, and who is in which segment."""

    def moment() -> datetime:
        return NOW - timedelta(hours=dice.randrange(1200))

    events = []
    for who in WHO:
        for wallet in ("diem", "xu"):
            events += [
                points(dice.choice(sorted(KINDS)), who, version, dice.randint(0, 50), moment(), wallet)
                for version in range(1, dice.randint(0, 4) + 1)
            ]
    for number in range(dice.randint(0, 3)):
        who, at = dice.choice(WHO), moment()
        events.append(opened(f"k{number}", who, at, at + timedelta(hours=dice.randint(1, 200))))
        for version in range(2, dice.randint(1, 4) + 1):
            at += timedelta(hours=dice.randint(1, 150))
            status = dice.choice(("in_progress", "resolved", "closed", "merged", "done"))
            if status == "done":
                events.append(closed(f"k{number}", who, version, at))
            else:
                into = "k9" if status == "merged" else None
                events.append(changed(f"k{number}", who, version, at, "open" if into else status, into))
    return events


@pytest.mark.parametrize("seed", range(8))
async def test_sums_are_those_of_a_plain_count(world: World, seed: int):
    dice = random.Random(seed)
    history = histories(dice)
    history += dice.sample(history, k=len(history) // 3)
    moves = [entered(name, who) for who in WHO for name in ("vip", "mới") if dice.random() < 0.5]
    moves += [left("vip", "an")] if dice.random() < 0.5 else []
    identity = [merged("an", "bình", 1), *([unmerged("an", "bình", 2)] if dice.random() < 0.3 else [])]

    found = []
    for _ in range(2):
        dice.shuffle(history)
        cuts = sorted(dice.randint(0, len(history)) for _ in range(2))
        await world.empty()
        await voices(world, history[: cuts[0]])
        await hand_over(world, moves)
        await voices(world, history[cuts[0] : cuts[1]])
        await hand_over(world, identity)
        await voices(world, history[cuts[1] :])
        found.append((await sums(world), [each for each in await world.rows() if not each.startswith("identity")]))
    stored = found[0][0]

    assert at_each_day(stored) == PlainCount([*history, *moves, *identity]).found()
    assert found[0] == found[1], "another order of the same facts left other rows"
    months: Counter[tuple[str, str, int]] = Counter()
    for (what, group, is_month, day), number in stored.items():
        months[what, group, day if is_month else month_of(day)] += number if is_month else -number
    assert not any(months.values()), "the months are not the sums of their days"


async def voices(world: World, events: Sequence[Event[Any]]) -> None:
    """Points and cases, one batch."""
    if events:
        async with world.db.write() as tx:
            await take_voices(world.metrics, tx, events)
