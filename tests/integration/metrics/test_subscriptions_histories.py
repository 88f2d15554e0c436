"""Random subscriptions through the real consumers: whatever way facts come, the rows are those of a clean count.

What the rows mean is held against brute force in tests/unit/metrics/test_subscriptions_oracle.py.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import orjson
from metrics_world import World
from subscription_world import ZONE, changed, deliver, ended, on, paused, refused, renewed, resumed, started
from test_metrics_histories import TODAY, merges

from services.metrics.domain.calendar import day_number
from services.metrics.service import PROJECTION
from services.metrics.subscriptions.domain.facts import Subscription, fact_of
from services.metrics.subscriptions.domain.lives import NEVER, Tally
from services.metrics.subscriptions.domain.policy import Policy
from services.metrics.subscriptions.repository import own, reading, sums
from services.metrics.subscriptions.repository.own import counting
from shared.events.catalogue.profiles import CustomerMerged, CustomerUnmerged
from shared.events.envelope import Event
from shared.identity import mapping
from shared.ids import derived_id
from shared.runtime.progress import empty_projection

POLICIES = (
    Policy(recognition="at_request", dunning_days=None),
    Policy(recognition="after_grace", grace_days=10, dunning_days=3, pause_is_churn=False),
    Policy(free_is_churn=False),
)
PRICES: tuple[dict[str, Any], ...] = (
    {"mrr_minor": 1_000},
    {"mrr_minor": 0},
    {"price_minor": 300_000, "interval": "month", "currency": "VND"},
    {"price_minor": 999, "interval": "week", "interval_count": 2},
    {"price_minor": 12_345, "interval": "year", "quantity": 2},
    {},
)


@dataclass
class Life:
    """A few people, their subscriptions, and who turned out to be whom."""

    dice: random.Random
    people: list[UUID]
    facts: list[Event[Any]]
    identity: list[Event[Any]]

    @classmethod
    def of(cls, seed: str) -> "Life":
        dice = random.Random(seed)
        people = [derived_id(seed, str(number)) for number in range(dice.randint(1, 5))]
        facts = [
            each for number in range(dice.randint(1, 8)) for each in a_subscription(dice, people, f"{seed}-{number}")
        ]
        return cls(dice, people, facts, merges(dice, people))

    def delivery(self) -> list[list[Event[Any]]]:
        """Batches as a bad day brings them: shuffled, repeated, cut anywhere, topics mixed in any way."""
        batches: list[list[Event[Any]]] = []
        for log in (self.facts, self.identity):
            late = log + self.dice.sample(log, k=len(log) // 3)
            self.dice.shuffle(late)
            while late:
                size = self.dice.randint(1, 8)
                batches.append(late[:size])
                late = late[size:]
        self.dice.shuffle(batches)
        return batches

    def rows(self, policy: Policy) -> dict[str, Counter[tuple[Any, ...]]]:
        """What a clean count of everything keeps."""
        newest: dict[UUID, tuple[int, UUID | None]] = {}
        for event in self.identity:
            into = event.data.into_id if isinstance(event.data, CustomerMerged) else None
            newest[event.data.from_id] = max(newest.get(event.data.from_id, (-1, None)), (event.data.version, into))
        facts: defaultdict[str, list[Event[Any]]] = defaultdict(list)
        for event in self.facts:
            facts[event.data.subscription_id].append(event)
        persons: defaultdict[UUID, list[Subscription]] = defaultdict(list)
        for name, events in facts.items():
            root = min(events, key=lambda event: (event.time, event.id)).subject
            while (parent := newest.get(root, (0, None))[1]) is not None:
                root = parent
            persons[root].append(Subscription(name, ()).with_facts(map(fact_of, events)))
        tally = Tally()
        for subscriptions in persons.values():
            tally.add(subscriptions, policy, ZONE)
        return {
            "subscription_moves": Counter((*key, *kept) for key, kept in tally.moves.items() if any(kept)),
            "subscription_spells": Counter((*key, kept) for key, kept in tally.spells.items() if kept),
            "subscription_cohorts": Counter((*key, *kept) for key, kept in tally.cohorts.items() if any(kept)),
            "subscription_terms": Counter((*key, *kept) for key, kept in tally.terms.items() if any(kept)),
        }


def a_subscription(dice: random.Random, people: Sequence[UUID], name: str) -> list[Event[Any]]:
    """Something of everything that happens to one; rarely it is told of another key of its owner."""
    who, day = dice.choice(people), TODAY - timedelta(days=dice.choice((3, 40, 200)))
    facts: list[Event[Any]] = []
    for number in range(dice.randint(1, 7)):
        at = on(day + timedelta(days=dice.randint(0, 3) if number else 0), dice.choice((0, 12, 23)))
        day = at.astimezone(ZONE).date()
        said = dict(dice.choice(PRICES))
        if dice.random() < 0.3:
            said["period_end"] = at + timedelta(days=dice.choice((1, 30)))
        if dice.random() < 0.1:
            said["trial_ends_at"] = at + timedelta(days=14)
        key = who if dice.random() < 0.9 else dice.choice(people)
        kind = 0 if number == 0 and dice.random() < 0.8 else dice.randint(0, 7)
        make: Any = (started, renewed, changed, ended, ended, paused, resumed, refused)[kind]
        if make is started:
            facts.append(started(name, key, at, None, **said))
        elif make in (renewed, changed):
            facts.append(make(name, key, at, **said))
        elif make is ended:
            ends = dice.choice((None, at + timedelta(days=5), at - timedelta(days=2)))
            facts.append(ended(name, key, at, ends_at=ends, is_voluntary=dice.choice((None, True, False))))
        else:
            facts.append(make(name, key, at))
    return facts


async def stored(world: World) -> dict[str, Counter[tuple[Any, ...]]]:
    """The rows that are kept."""
    columns = {
        "subscription_moves": "day, kind, cause, currency, people, minor",
        "subscription_spells": "started, ended, back, cause, people",
        "subscription_cohorts": "month, day, currency, people, minor",
        "subscription_terms": "period, currency, started, lost_at, people, minor",
    }
    async with world.db.read() as tx:
        return {
            table: Counter(map(tuple, await tx.execute(f"SELECT {names} FROM {table}")))
            for table, names in columns.items()
        }


async def test_a_history_ends_in_the_rows_of_a_clean_count(world: World):
    """Late, repeated, reordered facts, merges and unmerges; then another policy; then all again, in another order."""
    rules = world.metrics.subscription_rules
    async with world.db.read() as tx:
        first = (await counting(tx)).whole
    assert first == Policy()
    held, seen = first, Counter[str]()
    for number in range(9):
        life = Life.of(f"subscriptions.{number}")
        for batch in life.delivery():
            await deliver(world, batch)
        expected = life.rows(held)
        assert await stored(world) == expected, number
        seen.update(table for table, rows in expected.items() if rows)

        held = POLICIES[number % len(POLICIES)]
        await rules.decide(held, None)
        assert await stored(world) == life.rows(held), (number, held)

        rows = await world.rows()
        await world.empty()
        for batch in life.delivery():
            await deliver(world, batch)
        assert await world.rows() == rows, number
        await world.empty()
    assert min(seen[table] for table in sums.TABLES) > 3


async def test_a_new_policy_is_counted_step_by_step_while_facts_go_on(world: World):
    """Facts, merges and unmerges come between the steps, one of which is broken off: till the end the old one holds."""
    held, seen = Policy(), Counter[str]()
    for number in range(6):
        life = Life.of(f"recounted.{number}")
        batches = life.delivery()
        told = Life(life.dice, life.people, [], [])
        wanted = POLICIES[number % len(POLICIES)]
        rules = replace(world.metrics.subscription_rules, at_once=1)
        begun_at = life.dice.randrange(len(batches) + 1)
        for place, batch in enumerate([*batches, []]):
            if place == begun_at:
                await rules.decide(wanted, None)
            elif batch and place > begun_at and life.dice.random() < 0.7:
                await a_step(world, is_broken_off=life.dice.random() < 0.3)
            if batch:
                await deliver(world, batch)
                is_who = isinstance(batch[0].data, CustomerMerged | CustomerUnmerged)
                (told.identity if is_who else told.facts).extend(batch)
            async with world.db.read() as tx:
                now = await counting(tx)
            holds = wanted if now.whole.version > held.version else held
            assert await stored(world) == told.rows(holds), (number, place)
            seen["before it is done"] += now.pending is not None and now.reached is not None
            seen["after it is done"] += holds is wanted
        await rules.recount()

        async with world.db.read() as tx:
            held = (await counting(tx)).whole
        assert held._replace(version=0) == wanted._replace(version=0)
        assert await stored(world) == life.rows(wanted)
        assert await rules.recount() == 0
        await world.empty()
    assert min(seen["before it is done"], seen["after it is done"]) > 5, seen


async def a_step(world: World, *, is_broken_off: bool) -> None:
    """Count one key further; or die before the commit."""
    rules = world.metrics.subscription_rules
    with suppress(KeyboardInterrupt):
        async with world.db.write() as tx:
            await mapping.hold(tx)
            await rules.subscribing.recount(tx, await own.claim(tx), 1)
            if is_broken_off:
                raise KeyboardInterrupt


async def test_a_policy_yields_to_a_newer_one_and_a_replay_begins_anew(world: World):
    rules = replace(world.metrics.subscription_rules, at_once=2)
    life = Life.of("yields")
    crowd = [started(f"s-{number}", f"c-{number}", on(TODAY)) for number in range(9)]
    await deliver(world, crowd)
    for batch in life.delivery():
        await deliver(world, batch)
    life.facts += crowd

    first = orjson.loads((await rules.decide(POLICIES[0], None)).body)
    second = orjson.loads((await rules.decide(POLICIES[1], None)).body)
    policies = await rules.policies()

    assert [(each["version"], each["is_counted"]) for each in (first, second)] == [(2, False), (3, False)]
    assert policies.current.version == 1
    assert policies.pending is not None
    assert policies.pending.recount is not None
    assert (policies.pending.version, policies.pending.recount.version) == (3, 3)
    assert 0 < policies.pending.recount.percent < 100
    assert [(each.version, each.recount) for each in policies.earlier] == [(2, None)]
    assert (await world.metrics.subscriptions.revenue(None, None)).counting.whole.version == 1
    assert await stored(world) == life.rows(Policy())
    await empty_projection(world.db, PROJECTION)
    await deliver(world, crowd)
    for batch in life.delivery():
        await deliver(world, batch)
    assert await stored(world) == life.rows(Policy())
    await rules.recount()
    assert await stored(world) == life.rows(POLICIES[1])
    assert (await rules.policies()).pending is None


def months_between(first: date, last: date) -> int:
    """Full months, by counting: on the same day of a month, or the first that comes after it, one is over."""
    full = 0
    while True:
        year, month = divmod(first.year * 12 + first.month - 1 + full + 1, 12)
        following = date(year + (month + 1) // 12, (month + 1) % 12 + 1, 1)
        anniversary = min(date(year, month + 1, 1) + timedelta(days=first.day - 1), following)
        if anniversary > last:
            return full
        full += 1


async def test_renewals_are_counted_by_the_calendar(world: World):
    """At which renewal a subscription was lost, and how many the others have done: by SQL, and by counting."""
    dice = random.Random(7)
    days = [TODAY - timedelta(days=dice.randint(0, 800)) for _ in range(150)]
    days += [date(2026, 1, 31), date(2025, 1, 31), date(2024, 2, 29), date(2026, 10, 21), date(2026, 10, 22), TODAY]
    expected: Counter[tuple[Any, ...]] = Counter()
    events = []
    for number, day in enumerate(days):
        length = (1, 12, 3)[number % 3]
        last = day + timedelta(days=dice.randint(0, 500)) if number % 2 else None
        events.append(
            started(
                f"s{number}",
                f"c{number}",
                on(day),
                None,
                price_minor=900 * length,
                interval="month",
                interval_count=length,
            )
        )
        done = months_between(day, TODAY) // length
        lost = NEVER
        if last is not None:
            events.append(ended(f"s{number}", f"c{number}", on(last)))
            # The one it did not come to pay.
            lost = next(each for each in range(1, 900) if months_between(day, last - timedelta(days=1)) < each * length)
        is_lost = last is not None and last <= TODAY and lost <= done
        expected[f"m{length}", lost if is_lost else done, is_lost, last is None] += 1
    await deliver(world, events)

    async with world.db.read() as tx:
        found = await reading.aged(tx, "USD", day_number(TODAY))

    # A day on which it both begins and ends was never subscribed on the evening: it is lost at the first renewal.
    assert Counter({each[:4]: each.people for each in found}) == expected
    assert sum(each.minor for each in found) == 900 * len(days)
