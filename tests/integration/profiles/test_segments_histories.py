"""Random histories: after every step everybody is in exactly the segments whose rules hold, says the oracle."""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID

from profiles_world import NOW, World, touchpoint
from segments_oracle import Told, holds

from services.profiles.membership import service as membership
from services.profiles.schemas import MergeIn, UnmergeIn
from services.profiles.segments.schemas import ListChangeIn, SegmentChangeIn, SegmentIn, SegmentOut
from shared.delivery.inbox import take_new
from shared.errors import AppError
from shared.events.catalogue.profiles import SegmentEntered, SegmentLeft
from shared.events.catalogue.touchpoints import (
    OrderCancelled,
    OrderChanged,
    OrderPlaced,
    OrderRefunded,
    TouchpointRecorded,
)
from shared.events.envelope import Event
from shared.identity import mapping
from shared.ids import anonymous_key, derived_id, user_key

HISTORIES = 100
USERS, VISITORS = ("u", "w", "x"), ("a", "b", "c")
KEYS = [*map(user_key, USERS), *map(anonymous_key, VISITORS)]
REFERENCES = [*(f"user_id:{each}" for each in USERS), *(f"anonymous_id:{each}" for each in VISITORS)]
NAMES = ("Product Viewed", "Cart Viewed")
VALUES: tuple[Any, ...] = (
    None, "Huế", "Đà Nẵng", "", 1, 1.0, 17.5, True, False, ["Huế", 1], {"a": 1}, "2026-02-30", "2026-11-20",
    "2026-11-20T00:00:00+07:00", "2026-11-20T08:00:00", "0001-01-01", "2026-11-20T24:00:00Z",
)  # fmt: skip
ORDERED = ("gt", "gte", "lt", "lte")
TABLES = (
    "customers, identifiers, traits, links, decisions, merge_log, identity, event_days, orders, segments, "
    "segment_versions, list_members, memberships, standings, outbox, inbox"
)


def leaf(random: Random, lists: Sequence[UUID]) -> dict[str, Any]:
    """A condition of any kind."""
    op, name, days = random.choice(ORDERED), random.choice(NAMES), random.randint(0, 4)
    trait = random.choice(("city", "since"))
    numeric = random.choice((*ORDERED, "eq", "ne"))
    kinds: list[dict[str, Any]] = [
        {"trait": trait, random.choice(("eq", "ne", "contains")): random.choice(("Huế", "H", 1, True, 17.5, ""))},
        {"trait": trait, "in": random.sample(["Huế", 1, False, "x"], 2)},
        {"trait": trait, "exists": random.random() < 0.5},
        {"trait": trait, "starts_with": random.choice(("H", "2026", ""))},
        {"trait": trait, op: random.choice((1, 17.5, "2026-11-20", "2026-11-19T17:00:00Z", "2020-01-01"))},
        {"identified": random.random() < 0.5},
        {"event": name, "days_since_last": {op: random.randint(0, 2)}},
        {"event": name, "within_days": random.randint(1, 2)},
        {"event": name, "count": {numeric: random.randint(0, 3)}, "within_days": random.randint(1, 4)},
        {"event": name, "count": {numeric: random.randint(0, 3)}},
        {"event": name, "days_since_last": {op: days}},
        {"computed": "days_since_last_order", op: days},
        {"computed": "orders", numeric: random.randint(0, 2)},
        {"computed": random.choice(("net_minor", "gross_minor", "refunds_minor")), "currency": "VND", numeric: 500},
        {"computed": random.choice(("first_order_at", "last_order_at")), op: "2026-11-20"},
    ]
    kinds += [{"list": str(each)} for each in lists]
    return random.choice(kinds)


def rule(random: Random, lists: Sequence[UUID], depth: int = 0) -> dict[str, Any]:
    """A rule, mostly simple."""
    if depth > 2 or random.random() < 0.6:
        return leaf(random, lists)
    if random.random() < 0.3:
        return {"not": rule(random, lists, depth + 1)}
    return {random.choice(("and", "or")): [rule(random, lists, depth + 1) for _ in range(random.randint(1, 3))]}


class History:
    """One run: what is told to the service is told to the oracle too."""

    def __init__(self, world: World, random: Random) -> None:
        self.world, self.random, self.told = world, random, Told()
        self.rules: dict[UUID, dict[str, Any] | None] = {}
        self.versions: dict[UUID, int] = {}
        self.pool: list[Event[Any]] = []
        self.number = 0

    async def segment(self) -> None:
        lists = [each for each, document in self.rules.items() if document is None]
        document = rule(self.random, lists) if lists else None
        body = SegmentIn(kind="rule" if document else "static", name=f"S {len(self.versions)}", rule=document)
        made = SegmentOut.model_validate_json(
            (await self.world.service.segments.create(body, by="test", idem=None)).body
        )
        self.rules[made.id], self.versions[made.id] = document, 1
        if document is None:
            self.told.lists[made.id] = set()

    async def redefine(self) -> None:
        segment_id = self.random.choice([each for each, document in self.rules.items() if document is not None])
        document = rule(self.random, list(self.told.lists))
        if self.random.random() < 0.3:
            await self.world.service.segments.delete(segment_id)
            del self.rules[segment_id]
        else:
            body = SegmentChangeIn(version=self.versions[segment_id], name=str(segment_id), rule=document)
            await self.world.service.segments.change(segment_id, body, by="test", idem=None)
            self.rules[segment_id] = document
            self.versions[segment_id] += 1
        await self.world.service.upkeep.run()

    async def listing(self) -> None:
        segment_id = self.random.choice(list(self.told.lists))
        add, remove = self.random.sample(range(6), 1), self.random.sample(range(6), 1)
        body = ListChangeIn(add=[REFERENCES[each] for each in add], remove=[REFERENCES[each] for each in remove])
        roots, members = await self.people()
        await self.world.service.segments.change_list(segment_id, body, by="test", idem=None)
        listed = self.told.lists[segment_id]
        for each in add:
            root = roots[KEYS[each]]
            if self.told.seen.keys() & members[root] and not listed & members[root]:
                listed.add(root)
        for each in remove:
            listed -= members[roots[KEYS[each]]]

    def fact(self) -> Event[Any]:
        """Something new, at a time of the last five days."""
        random, self.number = self.random, self.number + 1
        ago = timedelta(hours=random.choice((0, 0, 5, 24, 48, 96)), minutes=random.randint(0, 300))
        at, key, id_ = self.world.clock.time - ago, random.choice(KEYS), derived_id("fact", str(self.number))
        order = f"o{random.randint(0, 3)}"
        money = {"order_id": order, "total_minor": random.choice((0, 400, 600)), "currency": "VND", "source": "web"}
        data = random.choice(
            (
                TouchpointRecorded(source="web", call="track", name=random.choice(NAMES)),
                TouchpointRecorded(source="web", call="track", name=random.choice(NAMES)),
                TouchpointRecorded(source="web", call="track", name="Other"),
                OrderPlaced.model_validate(money),
                OrderChanged.model_validate(money),
                OrderRefunded(
                    order_id=order, refund_id=str(random.randint(0, 1)), amount_minor=random.choice((None, 150)),
                    currency=random.choice((None, "VND", "USD")), source="web",
                ),
                OrderCancelled(order_id=order, source="web"),
                None,
                None,
            )
        )  # fmt: skip
        if data is not None and not (isinstance(data, OrderCancelled) and random.random() < 0.7):
            return Event(id_, key, at, at, data)
        return touchpoint(
            str(self.number),
            user=random.choice((*USERS, None)),
            anonymous=random.choice(VISITORS),
            call="identify",
            minute=(at - NOW + timedelta(days=1)) / timedelta(minutes=1),
            recorded=self.world.clock.time,
            traits={random.choice(("city", "since")): random.choice(VALUES)},
        )

    async def facts(self) -> None:
        """A batch, with some that were told before."""
        self.pool += [self.fact() for _ in range(self.random.randint(2, 8))]
        batch = [*self.pool[-6:], *self.random.choices(self.pool, k=self.random.randint(0, 2))]
        events = [event for event in batch if isinstance(event.data, TouchpointRecorded)]
        orders = [event for event in batch if hasattr(event.data, "order_id")]
        calls = [event for event in batch if event not in events and event not in orders]
        async with self.world.db.write() as tx:
            new = await take_new(tx, "profiles.activity", [event.id for event in events])
            once = {event.id: event for event in events if event.id in new}
            await self.world.service.activity.record(tx, [*once.values(), *orders])
        await self.world.play(*calls)
        self.told.events |= {event.id: (event.subject, event.data.name, event.time) for event in events}
        self.told.orders |= {event.id: event for event in orders}
        for event in calls:
            self.told.seen[event.subject] = event.data.user_id is not None
            self.told.traits += [
                (event.subject, name, value, event.time, event.id) for name, value in event.data.traits.items()
            ]

    async def decision(self) -> None:
        one, other = self.random.sample(REFERENCES, 2)
        with suppress(AppError):
            if self.random.random() < 0.5:
                await self.world.service.merge(one, MergeIn(into=other, reason="same"), by="test", idem=None)
            else:
                await self.world.service.unmerge(one, UnmergeIn(reason="another"), by="test", idem=None)

    async def later(self) -> None:
        self.world.clock.time += timedelta(hours=self.random.choice((1, 7, 24, 24, 60)))
        await self.world.service.upkeep.run()

    async def people(self) -> tuple[dict[UUID, UUID], dict[UUID, set[UUID]]]:
        async with self.world.db.read() as tx:
            roots = await mapping.roots(tx, KEYS)
        members: dict[UUID, set[UUID]] = {}
        for key, root in roots.items():
            members.setdefault(root, {root}).add(key)
        return roots, members

    async def check(self) -> None:
        """Who is in what is what the oracle says."""
        _, members = await self.people()
        people = {root: self.told.person(root, keys) for root, keys in members.items()}
        wanted = {
            (segment_id, root)
            for segment_id, document in self.rules.items()
            for root, person in people.items()
            if person.is_known and holds(document or {"list": str(segment_id)}, person, self.world.clock.time)
        }
        rows = await self.world.rows("SELECT segment_id, customer_id FROM memberships")
        found = {(row.segment_id, row.customer_id) for row in rows}
        assert found == wanted, [(self.rules[each[0]], people.get(each[1])) for each in found ^ wanted]

    async def check_events(self) -> Counter[str]:
        """Entering and leaving take turns, and end where the table is."""
        inside: set[tuple[UUID, UUID]] = set()
        causes: Counter[str] = Counter()
        for event in await self.world.announced(SegmentEntered, SegmentLeft):
            pair = (event.data.segment_id, event.subject)
            assert (pair in inside) is isinstance(event.data, SegmentLeft)
            inside ^= {pair}
            causes[f"{type(event.data).__name__} {event.data.cause}"] += 1
        rows = await self.world.rows("SELECT segment_id, customer_id FROM memberships")
        assert inside == {(row.segment_id, row.customer_id) for row in rows}
        return causes


async def test_membership_equals_brute_force_at_every_step(world: World, monkeypatch: Any) -> None:
    """INVARIANT: membership is a function of facts, mapping, rules and time, and its events tell it exactly.

    Breaks if a change is not looked at, if time is not watched for any condition, or if a merged key keeps a segment.
    """
    monkeypatch.setattr(membership, "PIECE", 2)
    causes: Counter[str] = Counter()
    for seed in range(HISTORIES):
        async with world.db.write() as tx:
            await tx.execute(f"TRUNCATE {TABLES} CASCADE")
        world.clock.time = NOW
        history = History(world, Random(seed))
        for _ in range(history.random.randint(4, 8)):
            await history.segment()
        await world.service.upkeep.run()
        await history.facts()
        await history.facts()
        for _ in range(8):
            step = history.random.choices(
                (history.facts, history.decision, history.later, history.listing, history.redefine),
                weights=(6, 2, 4, 1, 1),
            )[0]
            await step()
            await history.check()
        causes += await history.check_events()
    assert {key for key, number in causes.items() if number >= 10} == {
        f"{what} {cause}" for what in ("SegmentEntered", "SegmentLeft") for cause in ("fact", "time", "rule")
    }
