"""What is known of a referral may come in any order, and twice: in the end everybody has the same."""

import random
from typing import Any

import pytest
from earning_world import EarningWorld, cancelled, placed, refunded
from loyalty_world import LoyaltyWorld
from referrals_world import FIRST_ORDER, Friends, programme

pytestmark = pytest.mark.asyncio(loop_scope="module")

MILESTONES = [FIRST_ORDER, {"name": "second", "event": "order", "nth": 2, "advocate": {"points": 7}}]
SEEDS = range(5)


def a_day(friends: Friends, dice: random.Random) -> list[Any]:
    """Facts about orders of two friends: placed, refunded in parts, cancelled."""
    facts: list[Any] = []
    for friend in ("binh", "cuc"):
        for number in range(dice.randint(1, 4)):
            order, who, at = f"{friend}{number}-{friends.mark}", friends.user(friend), friends.at(hours=number + 1)
            facts.append(placed(order, who, dice.choice([100_000, 200_000, 250_000]), at=at))
            if dice.random() < 0.5:
                facts += [
                    refunded(order, who, dice.choice([10_000, 60_000]), refund=f"r{each}", at=at) for each in range(2)
                ]
            if dice.random() < 0.3:
                facts.append(cancelled(order, who, at=at))
    return facts


async def lived(world: LoyaltyWorld, seed: int, *, shuffle: int | None) -> list[Any]:
    """What everybody has after a day of facts, in order or not, with a merge in between."""
    friends = await programme(world, milestones=MILESTONES, hold_days=1)
    dice = random.Random(seed)
    for friend in ("binh", "cuc"):
        await friends.made("an", friend)
    facts = a_day(friends, dice)
    is_one, splits = dice.random() < 0.5, dice.random() < 0.5
    steps: list[Any] = [*facts, "merge", "wait"] if is_one else [*facts, "wait"]
    if shuffle is not None:
        steps = [*steps, *random.Random(shuffle).sample(facts, k=len(facts) // 2)]
        random.Random(shuffle).shuffle(steps)
    for step in steps:
        if step == "merge":
            await friends.merge("cuc", "binh")
        elif step == "wait":
            await friends.wait(days=0.6)
        elif dice.random() < 0.3:
            await friends.hear(step)
        else:
            # Several facts may come before the job looks.
            await EarningWorld(world).hear(step)
    if is_one and splits:
        await friends.unmerge("cuc", "binh")
    await friends.wait(days=3)
    assert await friends.faults() == {}
    names = ("an", "binh", "cuc")
    return await friends.points(*names) if not is_one or splits else await friends.points(*names[:2])


async def test_the_order_in_which_facts_come_changes_nothing(module_world: LoyaltyWorld):
    outcomes = []
    for seed in SEEDS:
        straight = await lived(module_world, seed, shuffle=None)
        assert await lived(module_world, seed, shuffle=seed + 100) == straight, seed
        outcomes.append(tuple(straight))

    # Had they all ended with nothing, this would prove nothing.
    assert len(set(outcomes)) >= 3
    assert any(outcome[0] > 100 for outcome in outcomes)
