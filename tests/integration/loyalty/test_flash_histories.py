"""Any history of claims, payments, merges and time, against a model of thirty lines: each answer, and what is left."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from flash_world import Shop, shop
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.loyalty.flash.domain.sale import Claim, claim_id, item_id
from shared.errors import AppError
from shared.ids import user_key
from shared.testing.postgres import fresh_database

ITEM, UNITS, MAX_OF_ITEM, MAX_OF_SALE, SECONDS = "áo dài", 5, 2, 3, 60
OTHER = "nón"
START = datetime(2031, 1, 1, tzinfo=UTC)
NUMBERS = count()

PEOPLE = st.integers(0, 3)
KEYS = st.sampled_from(["k1", "k2", "k3", "k4", "k5", "k6"])
STEPS = st.one_of(
    st.tuples(st.just("claim"), PEOPLE, KEYS, st.sampled_from([ITEM, ITEM, OTHER]), st.integers(1, 3)),
    st.tuples(st.just("confirm"), KEYS),
    st.tuples(st.just("release"), KEYS),
    st.tuples(st.just("merge"), PEOPLE, PEOPLE),
    st.tuples(st.just("unmerge"), PEOPLE),
    st.tuples(st.just("add"), st.integers(1, 2)),
    st.tuples(st.just("tick"), st.sampled_from([1, 30, 60])),
)

_LEFT = """
    SELECT units, taken, (SELECT coalesce(sum(c.units), 0) FROM flash_claims AS c
        WHERE c.item_id = i.id AND c.state = 'held' AND c.expires_at <= flash_now()) AS lapsed
    FROM flash_items AS i WHERE id = :item
"""


@dataclass
class Model:
    """What must be true: one list of claims."""

    units: dict[str, int] = field(default_factory=lambda: {ITEM: UNITS, OTHER: 2})
    claims: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    into: dict[int, int] = field(default_factory=dict)
    now: int = 0

    def root(self, person: int) -> int:
        return self.root(self.into[person]) if person in self.into else person

    def alive(self) -> list[dict[str, Any]]:
        for claim in self.claims.values():
            if claim["state"] == "held" and claim["until"] <= self.now:
                claim["state"] = "expired"
        return [claim for claim in self.claims.values() if claim["state"] in ("held", "confirmed")]

    def left(self, item: str) -> int:
        return self.units[item] - sum(claim["units"] for claim in self.alive() if claim["item"] == item)

    def claim(self, person: int, key: str, item: str, units: int) -> str:
        alive = self.alive()
        if known := self.claims.get((item, key)):
            same = self.root(known["person"]) == self.root(person) and known["units"] == units
            return known["state"] if same else "loyalty.flash_key_reused"
        mine = [claim for claim in alive if self.root(claim["person"]) == self.root(person)]
        of_item = sum(claim["units"] for claim in mine if claim["item"] == item)
        if item == ITEM and of_item + units > MAX_OF_ITEM:
            return "loyalty.flash_limit_reached"
        if sum(claim["units"] for claim in mine) + units > MAX_OF_SALE:
            return "loyalty.flash_limit_reached"
        if units > self.left(item):
            return "loyalty.flash_not_enough_left" if self.left(item) else "loyalty.flash_sold_out"
        self.claims[item, key] = {
            "person": person,
            "item": item,
            "units": units,
            "state": "held",
            "until": self.now + SECONDS,
        }
        return "held"

    def settle(self, key: str, wanted: str) -> str:
        self.alive()
        claim = self.claims.get((ITEM, key))
        if claim is None:
            return "loyalty.flash_claim_unknown"
        if claim["state"] == "held":
            claim["state"] = wanted
        if wanted == "confirmed":
            return "confirmed" if claim["state"] == "confirmed" else "loyalty.flash_claim_settled"
        return "loyalty.flash_claim_settled" if claim["state"] == "confirmed" else str(claim["state"])


@pytest.fixture(scope="module")
def world(pg_url: str, template: str) -> Iterator[tuple[asyncio.Runner, Shop]]:
    """One database for all histories: each has its own sale and its own people."""
    with asyncio.Runner() as runner:
        database = fresh_database(pg_url, template=template)
        store = shop(runner.run(database.__aenter__()), processes=2)
        made = runner.run(store.__aenter__())
        yield runner, made
        runner.run(store.__aexit__(None, None, None))
        runner.run(database.__aexit__(None, None, None))


@given(st.lists(STEPS, min_size=5, max_size=25))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_history_is_as_the_model_says(world: tuple[asyncio.Runner, Shop], steps: list[Any]):
    runner, store = world
    runner.run(play(store, steps))


async def play(store: Shop, steps: list[Any]) -> None:
    me, model = next(NUMBERS), Model()
    await store.set_clock(None)
    items = [{"item": ITEM, "units": UNITS, "max_per_person": MAX_OF_ITEM}, {"item": OTHER, "units": 2}]
    sale = await store.sale(
        1, items=items, max_per_person=MAX_OF_SALE, claim_seconds=SECONDS, ends_local="2040-01-01T00:00"
    )
    await store.set_clock(START)
    for number, (kind, *rest) in enumerate(steps):
        found, expected = await do(store, sale, me, number, kind, rest), said(model, kind, rest)
        assert found == expected, (number, kind, rest)
    for item in (ITEM, OTHER):
        rows = await store.rows(_LEFT, item=item_id(sale, item))
        assert rows[0].units - (rows[0].taken - rows[0].lapsed) == model.left(item)
    assert await store.faults() == {}


def said(model: Model, kind: str, rest: list[Any]) -> str | None:
    """What the model answers."""
    if kind == "claim":
        return model.claim(*rest)
    if kind in ("confirm", "release"):
        return model.settle(rest[0], "confirmed" if kind == "confirm" else "released")
    if kind == "merge" and (one := model.root(rest[0])) != (other := model.root(rest[1])):
        model.into[one] = other
    if kind == "unmerge":
        model.into.pop(rest[0], None)
    if kind == "add":
        model.units[ITEM] += rest[0]
    if kind == "tick":
        model.now += rest[0]
    return None


async def do(store: Shop, sale: UUID, me: int, number: int, kind: str, rest: list[Any]) -> str | None:
    """What loyalty answers, asked through one of two processes."""
    process = number % 2
    claims = store.processes[process].flash_claims
    # What a process remembers for a fifth of a second is proved elsewhere; here time stands still.
    for each in store.processes:
        for item in (ITEM, OTHER):
            each.flash_claims.lanes.forget(item_id(sale, item))
    try:
        if kind == "claim":
            person, key, item, units = rest
            answer = await store.claim(sale, f"{me}-{person}", key=key, units=units, process=process, item=item)
            return answer.state if isinstance(answer, Claim) else answer
        if kind in ("confirm", "release"):
            key = claim_id(item_id(sale, ITEM), rest[0])
            return (await (claims.confirm(key, None) if kind == "confirm" else claims.release(key))).state
    except AppError as refusal:
        return refusal.code
    if kind == "add":
        await store.add_units(sale, rest[0], process=process)
    elif kind == "tick":
        (row,) = await store.rows("SELECT flash_now() AS at")
        await store.set_clock(row.at + timedelta(seconds=rest[0]))
    else:
        await follow(store, me, number, kind, rest)
    return None


async def follow(store: Shop, me: int, number: int, kind: str, rest: list[Any]) -> None:
    one = user_key(f"{me}-{rest[0]}")
    if kind == "unmerge":
        await store.merge(one, None, number + 1)
        return
    roots = {row.raw_id: row.root_id for row in await store.rows("SELECT raw_id, root_id FROM identity")}
    other = user_key(f"{me}-{rest[1]}")
    one, other = roots.get(one, one), roots.get(other, other)
    if one != other:
        await store.merge(one, other, number + 1)
