"""Workers that meet: each test holds one batch open while another that needs the same rows comes."""

import asyncio
import random
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from metrics_world import NOW, World, cancelled, merged, placed, refunded, unmerged
from sqlalchemy.exc import DBAPIError

from shared.delivery.passing import is_passing
from shared.errors import Retry
from shared.events.envelope import Event

YESTERDAY = NOW - timedelta(days=1)


async def clean_rows(world: World, *batches: Sequence[Event[Any]]) -> list[str]:
    """The rows of a run without company; the world is empty again after it."""
    for batch in batches:
        await world.consume(*batch)
    found = await world.rows()
    await world.empty()
    return found


async def meets(world: World, first: Sequence[Event[Any]], second: Sequence[Event[Any]]) -> asyncio.Task[None]:
    """Consume `first`, and `second` before it commits; the second must wait, and is given back when it is done."""
    async with world.db.write() as tx:
        await world.consume_in(tx, first)
        waiting = asyncio.create_task(world.consume(*second))
        done, _ = await asyncio.wait([waiting], timeout=0.3)
        assert not done, "the second batch did not wait for the first"
    await asyncio.wait([waiting])
    return waiting


async def test_two_keys_of_one_person_buy_for_the_first_time_at_once(world: World):
    """Neither key has a row yet that could be locked: without the root's both would be a new customer."""
    merge = [merged("a", "root", 1), merged("b", "root", 2)]
    first, second = [placed("o1", "a", NOW)], [placed("o2", "b", YESTERDAY)]
    expected = await clean_rows(world, merge, first, second)
    await world.consume(*merge)

    done = await meets(world, first, second)

    assert done.exception() is None
    assert await world.rows() == expected


async def test_a_key_is_added_while_another_batch_waits_for_its_person(world: World):
    """The waiting batch must see the row that the first one inserted, not only those it updated."""
    merge, before = [merged("a", "root", 1), merged("b", "root", 2)], [placed("o0", "root", NOW)]
    first, second = [placed("o1", "a", YESTERDAY)], [placed("o2", "b", NOW - timedelta(days=9))]
    expected = await clean_rows(world, merge, before, first, second)
    await world.consume(*merge)
    await world.consume(*before)

    done = await meets(world, first, second)

    assert done.exception() is None
    assert await world.rows() == expected


async def test_the_same_new_order_comes_to_two_workers(world: World):
    first, second = [placed("o1", "a", NOW, 700)], [placed("o1", "a", YESTERDAY, 500)]
    expected = await clean_rows(world, first, second)

    done = await meets(world, first, second)

    assert isinstance(done.exception(), Retry)
    await world.consume(*second)
    assert await world.rows() == expected


async def test_the_same_new_customer_comes_to_two_workers(world: World):
    first, second = [placed("o1", "a", NOW)], [placed("o2", "a", YESTERDAY)]
    expected = await clean_rows(world, first, second)

    done = await meets(world, first, second)

    assert isinstance(done.exception(), Retry)
    await world.consume(*second)
    assert await world.rows() == expected


async def test_the_last_purchase_goes_while_another_batch_waits(world: World):
    """The row of the root that both lock is deleted by the first."""
    merge, before = [merged("a", "root", 1)], [placed("o0", "root", NOW)]
    first, second = [cancelled("o0", "root", NOW)], [placed("o2", "a", YESTERDAY)]
    expected = await clean_rows(world, merge, before, first, second)
    await world.consume(*merge)
    await world.consume(*before)

    done = await meets(world, first, second)

    assert done.exception() is None
    assert await world.rows() == expected


async def test_a_known_order_is_refunded_and_cancelled_at_once(world: World):
    before = [placed("o1", "a", YESTERDAY)]
    first, second = [refunded("o1", "a", NOW)], [cancelled("o1", "a", NOW)]
    expected = await clean_rows(world, before, first, second)
    await world.consume(*before)

    done = await meets(world, first, second)

    assert done.exception() is None
    assert await world.rows() == expected


@pytest.mark.parametrize("is_order_first", [True, False])
async def test_a_merge_meets_an_order_of_the_same_person(world: World, is_order_first: bool):
    before = [placed("o0", "a", NOW), placed("o1", "b", YESTERDAY)]
    order, merge = [placed("o2", "b", NOW)], [merged("b", "a", 1)]
    expected = await clean_rows(world, before, order, merge)
    await world.consume(*before)

    done = await meets(world, *((order, merge) if is_order_first else (merge, order)))

    assert done.exception() is None
    assert await world.rows() == expected


@pytest.mark.parametrize("seed", range(4))
async def test_many_workers_on_the_same_few_people_and_orders(world: World, seed: int):
    dice = random.Random(seed)
    people = [f"p{number}" for number in range(12)]
    facts: list[Event[Any]] = []
    for number in range(120):
        who, at = dice.choice(people), NOW - timedelta(hours=dice.randrange(2000))
        facts += [placed(f"o{number}", who, at, 1000), placed(f"o{number}", dice.choice(people), at, 900)]
        facts += [refunded(f"o{number}", who, at, 400, refund=str(nth)) for nth in range(dice.choice((0, 0, 1, 3)))]
        facts += [cancelled(f"o{number}", who, at)] * dice.choice((0, 0, 0, 1))
    links: list[Event[Any]] = []
    for number in range(1, 9):
        links.append(merged(people[number], people[number // 2], 2 * number))
        if dice.random() < 0.3:
            links.append(unmerged(people[number], people[number // 2], 2 * number + 1))
    expected = await clean_rows(world, facts, links)
    batches = [[link] for link in links]
    dice.shuffle(facts)
    while facts:
        batches.append(facts[:25])
        facts = facts[25:]
    dice.shuffle(batches)
    collisions = 0

    async def work() -> None:
        nonlocal collisions
        while batches:
            batch = batches.pop()
            while True:
                try:
                    await world.consume(*batch)
                    break
                except (Retry, DBAPIError) as error:
                    if not is_passing(error):
                        raise
                    collisions += 1
                    await asyncio.sleep(dice.random() / 50)

    await asyncio.gather(*(work() for _ in range(5)))

    assert await world.rows() == expected
    assert collisions > 0
