"""Points and complaints, taken in: each call is part of the consumer's transaction, and idempotent.

Whatever touches a person locks the person first, takes their whole part out of the sums, applies what came, and puts
their part in again; the sums that many share are touched last.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from services.metrics.domain.calendar import day_of
from services.metrics.scorecard.domain.engagement import Complaint, Flow, Person, PointsDay, Status, SumKey, sums_of
from services.metrics.scorecard.repository import facts
from shared.db.engine import WriteTx
from shared.errors import Retry
from shared.events.catalogue.loyalty import PointsEarned, PointsExpired, PointsReversed, PointsSpent
from shared.events.catalogue.surveys import CaseChanged, CaseClosed, CaseOpened
from shared.events.envelope import Event, EventData, those_of
from shared.identity import mapping, members
from shared.runtime.service import Projection

Points = PointsEarned | PointsSpent | PointsExpired | PointsReversed
Case = CaseOpened | CaseChanged | CaseClosed
HEARD: tuple[type[EventData], ...] = (
    PointsEarned,
    PointsSpent,
    PointsExpired,
    PointsReversed,
    CaseOpened,
    CaseChanged,
    CaseClosed,
)
# Heard by a group that others have.
PROJECTION = Projection(tables=("wallet_versions", "wallet_days", "complaints", "engagement_sums"), groups=())
_FLOWS: Mapping[type[Any], Flow] = {
    PointsEarned: "earned",
    PointsSpent: "spent",
    PointsExpired: "expired",
    PointsReversed: "reversed",
}


@dataclass(frozen=True, slots=True)
class Engagement:
    """Takes in what the score card alone counts. `zone` is the firm's: its days are counted."""

    zone: ZoneInfo

    async def take(self, tx: WriteTx, events: Sequence[Event[Any]]) -> None:
        """Fold a batch of facts about points and cases; the rows are the same whatever their order and repeats."""
        points = those_of(events, _FLOWS)
        cases = those_of(events, (CaseOpened, CaseChanged, CaseClosed))
        if not points and not cases:
            return
        case_ids = {each.data.case_id for each in cases}
        subjects = {each.subject for each in (*points, *cases)}
        known = {each.customer for each in await facts.complaints(tx, (), case_ids)} if cases else set()
        roots, raws = await _locked(tx, subjects | known)
        segments = await facts.segments(tx, raws)
        wallets = await facts.points(tx, raws)
        complaints = {each.case_id: each for each in await facts.complaints(tx, raws, case_ids)}
        if not {each.customer for each in complaints.values()} <= roots.keys():
            raise Retry("another worker stored one of these cases at the same time, under another key")
        before = _persons(roots, wallets, complaints.values(), segments)
        changed = await self._count_points(tx, points, wallets)
        moved = _follow_cases(cases, complaints)
        await facts.store_points(tx, {key: wallets[key[0]][key[1], key[2]] for key in changed})
        await facts.store_complaints(tx, moved)
        after = _persons(roots, wallets, complaints.values(), segments)
        await self._carry(tx, before, after)

    async def resegment(self, tx: WriteTx, before: Mapping[UUID, Set[UUID]]) -> None:
        """Carry over what people count for who entered or left segments: `before` is what their keys were in.

        They are locked, and what they are in now is stored.
        """
        if not before:
            return
        families = await members.find_many(tx, before)
        known = await facts.known_of(tx, {raw for each in families.values() for raw in each.keys})
        roots = {raw: each.root for each in families.values() if not known.isdisjoint(each.keys) for raw in each.keys}
        if not roots:
            return
        now = await facts.segments(tx, roots)
        was = now | {raw: found for raw, found in before.items() if raw in roots}
        wallets, complaints = await facts.points(tx, roots), await facts.complaints(tx, roots)
        await self._carry(tx, _persons(roots, wallets, complaints, was), _persons(roots, wallets, complaints, now))

    async def regroup(self, tx: WriteTx, moved: Mapping[UUID, tuple[UUID, UUID]]) -> None:
        """Carry points and complaints over when keys went from one person to another; the mapping is ours alone."""
        if not moved:
            return
        touched = {root for pair in moved.values() for root in pair}
        raws = set(moved) | {raw for found in (await mapping.members(tx, touched)).values() for raw in found}
        now = await mapping.roots(tx, raws)
        before = {raw: moved[raw][0] if raw in moved else root for raw, root in now.items()}
        wallets, complaints = await facts.points(tx, raws), await facts.complaints(tx, raws)
        segments = await facts.segments(tx, raws)
        await self._carry(
            tx, _persons(before, wallets, complaints, segments), _persons(now, wallets, complaints, segments)
        )

    async def _count_points(
        self, tx: WriteTx, events: Sequence[Event[Points]], wallets: dict[UUID, dict[tuple[str, int], PointsDay]]
    ) -> set[tuple[UUID, str, int]]:
        """Count what was not counted; the days that have changed."""
        seen = await facts.versions(tx, {each.subject for each in events}) if events else {}
        news: dict[tuple[UUID, str], facts.Spans] = {}
        changed: set[tuple[UUID, str, int]] = set()
        for event in events:
            said, wallet = event.data, (event.subject, event.data.wallet)
            spans = news.get(wallet) or seen.get(wallet) or []
            if (more := with_version(spans, said.version)) is None:
                continue
            news[wallet] = more
            day = day_of(event.time, self.zone)
            days = wallets.setdefault(event.subject, {})
            flow = _FLOWS[type(said)]
            old = days.get((said.wallet, day), PointsDay())
            days[said.wallet, day] = old._replace(**{flow: getattr(old, flow) + said.points})
            changed.add((event.subject, said.wallet, day))
        await facts.store_versions(tx, news)
        return changed

    async def _carry(self, tx: WriteTx, before: Mapping[UUID, Person], after: Mapping[UUID, Person]) -> None:
        changes: Counter[SumKey] = Counter()
        for root in before.keys() | after.keys():
            changes.subtract(sums_of(before[root], self.zone) if root in before else {})
            changes.update(sums_of(after[root], self.zone) if root in after else {})
        await facts.add(tx, changes)


def with_version(spans: facts.Spans, version: int) -> facts.Spans | None:
    """The versions with one more; None if it is among them."""
    found: facts.Spans = []
    first, after = version, version + 1
    for low, high in spans:
        if low <= version < high:
            return None
        if high < first or low > after:
            found.append((low, high))
        else:
            first, after = min(first, low), max(after, high)
    return sorted([*found, (first, after)])


async def _locked(tx: WriteTx, keys: Collection[UUID]) -> tuple[dict[UUID, UUID], set[UUID]]:
    """Who these keys belong to, who stay who they are; and all keys of theirs."""
    found = await members.lock_many(tx, keys)
    roots = {raw: member.root for member in found.values() for raw in member.keys}
    return roots, set(roots)


def _persons(
    roots: Mapping[UUID, UUID],
    wallets: Mapping[UUID, Mapping[tuple[str, int], PointsDay]],
    complaints: Collection[Complaint],
    segments: Mapping[UUID, Collection[UUID]],
) -> dict[UUID, Person]:
    points: defaultdict[UUID, dict[tuple[str, int], PointsDay]] = defaultdict(dict)
    cases: defaultdict[UUID, list[Complaint]] = defaultdict(list)
    groups: defaultdict[UUID, set[UUID]] = defaultdict(set)
    for customer, days in wallets.items():
        whole = points[roots[customer]]
        for key, each in days.items():
            whole[key] = PointsDay(*map(sum, zip(whole.get(key, PointsDay()), each, strict=True)))
    for complaint in complaints:
        # A copy: facts that come are put into the one that is stored.
        copy = Complaint(
            complaint.case_id, complaint.customer, complaint.opened_at, complaint.due_at, dict(complaint.steps)
        )
        cases[roots[complaint.customer]].append(copy)
    for customer, found in segments.items():
        groups[roots[customer]] |= set(found)
    return {root: Person(points[root], cases[root], groups[root]) for root in points.keys() | cases.keys()}


def _follow_cases(events: Sequence[Event[Case]], known: dict[UUID, Complaint]) -> list[Complaint]:
    """Know more of the cases; those of which something was said."""
    for event in events:
        said = event.data
        case = known.setdefault(said.case_id, Complaint(said.case_id, event.subject))
        case.steps[said.version] = (event.time, _status(said))
        if isinstance(said, CaseOpened):
            case.opened_at, case.due_at, case.customer = event.time, said.resolve_due_at, event.subject
    return [known[each] for each in {event.data.case_id: None for event in events}]


def _status(case: Case) -> Status:
    match case:
        case CaseChanged(merged_into=None, status=status):
            return "closed" if status == "closed" else "resolved" if status == "resolved" else "open"
        case CaseOpened():
            return "open"
    # One that was merged goes on as the other.
    return "closed"
