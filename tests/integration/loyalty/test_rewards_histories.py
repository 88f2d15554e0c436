"""Any history of purchases, cancellations, deliveries, restocking and merges: each answer, and what is left."""

import random
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest
from loyalty_world import LoyaltyWorld
from test_rewards_flow import a_reward, available, buy, faults, read, somebody

from services.loyalty.rewards.errors import PurchaseSettled, StockTaken
from services.loyalty.rewards.schemas import NoteIn, PurchaseOut, StockIn
from shared.ids import user_key

pytestmark = pytest.mark.asyncio(loop_scope="module")

PRICE, LIMIT, STOCK, POINTS = 100, 4, 6, 500


@dataclass
class Model:
    """What must be true: purchases, who is whom, and what each person spent in all."""

    stock: int = STOCK
    into: dict[int, int] = field(default_factory=dict)
    purchases: list[dict[str, Any]] = field(default_factory=list)

    def root(self, person: int) -> int:
        return self.root(self.into[person]) if person in self.into else person

    def alive(self) -> list[dict[str, Any]]:
        return [each for each in self.purchases if each["state"] != "cancelled"]

    def obstacles(self, person: int, quantity: int, can_spend: int) -> list[str]:
        alive = self.alive()
        mine = sum(each["quantity"] for each in alive if self.root(each["person"]) == self.root(person))
        found = []
        if mine + quantity > LIMIT:
            found.append("limit_reached")
        if sum(each["quantity"] for each in alive) + quantity > self.stock:
            found.append("out_of_stock")
        if quantity * PRICE > can_spend:
            found.append("insufficient_points")
        return found


async def lived(world: LoyaltyWorld, seed: int) -> set[str]:
    """A history; the kinds of answers that came in it."""
    dice, model = random.Random(seed), Model()
    reward = await a_reward(world, points=PRICE, stock=STOCK, max_per_person=LIMIT)
    people = [await somebody(world, POINTS) for _ in range(3)]
    seen: set[str] = set()
    for _ in range(24):
        step = dice.choice(["buy", "buy", "buy", "cancel", "fulfil", "merge", "unmerge", "stock"])
        if step == "buy":
            person, quantity = dice.randrange(3), dice.randint(1, 3)
            can_spend = await available(world, people[person])
            found = await buy(world, reward, people[person], quantity)
            expected = model.obstacles(person, quantity, can_spend)
            assert (found if isinstance(found, list) else []) == expected, (seed, step)
            seen.update(expected or ["bought"])
            if isinstance(found, PurchaseOut):
                model.purchases.append({"id": found.id, "person": person, "quantity": quantity, "state": "ordered"})
        elif step in ("cancel", "fulfil") and model.purchases:
            await end(world, dice.choice(model.purchases), step, seen)
        elif step == "merge" and model.root(0) != model.root(1):
            await world.merge(user_key(people[0]), user_key(people[1]))
            model.into[0] = 1
        elif step == "unmerge" and 0 in model.into:
            await world.unmerge(user_key(people[0]), user_key(people[1]))
            del model.into[0]
        elif step == "stock":
            await restock(world, reward.id, model, dice.randint(-2, 2), seen)
    if 0 in model.into:
        await world.unmerge(user_key(people[0]), user_key(people[1]))
    left = sum([await available(world, name) for name in people])
    assert left == 3 * POINTS - PRICE * sum(each["quantity"] for each in model.alive())
    assert (await world.service.rewards.get(reward.id)).taken == sum(each["quantity"] for each in model.alive())
    assert await faults(world) == {}
    return seen


async def end(world: LoyaltyWorld, purchase: dict[str, Any], step: str, seen: set[str]) -> None:
    """Cancel or fulfil; what has ended the other way stays."""
    wanted = "cancelled" if step == "cancel" else "fulfilled"
    verb = world.service.rewards.cancel if step == "cancel" else world.service.rewards.fulfil
    try:
        state = read(await verb(purchase["id"], NoteIn(note=None), by="test", idem=None))["state"]
    except PurchaseSettled as refusal:
        state = refusal.data["state"]
    if purchase["state"] == "ordered":
        purchase["state"] = wanted
        seen.add(wanted)
    assert state == purchase["state"]


async def restock(world: LoyaltyWorld, reward: UUID, model: Model, units: int, seen: set[str]) -> None:
    """More or fewer units; never fewer than were bought."""
    taken = sum(each["quantity"] for each in model.alive())
    try:
        await world.service.rewards.add_stock(reward, StockIn(units=units), by="test", idem=None)
    except StockTaken:
        assert model.stock + units < taken
        seen.add("stock_taken")
    else:
        model.stock += units
        assert model.stock >= taken


async def test_any_history_is_as_the_model_says(module_world: LoyaltyWorld):
    seen: set[str] = set()
    for seed in range(6):
        seen |= await lived(module_world, seed)

    # Had they not met all of these, they would prove little.
    assert {"bought", "limit_reached", "out_of_stock", "insufficient_points", "cancelled", "fulfilled"} <= seen
