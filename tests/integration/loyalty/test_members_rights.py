"""Somebody asks what is kept of them, and is erased: the words go, and the books still add up."""

from typing import Any
from uuid import UUID

import orjson
from loyalty_world import LoyaltyWorld

from services.loyalty.app import service as manifest
from services.loyalty.points.schemas import AdjustmentIn
from services.loyalty.points.service import Credit, Spend
from services.loyalty.rights.domain import PLACES
from services.loyalty.vouchers.schemas.campaigns import CampaignIn, StateIn
from services.loyalty.vouchers.service.assignments import Assign
from shared.identity import members
from shared.ids import anonymous_key, user_key
from shared.rights.contract import Subject

AN, VISITOR, BINH = user_key("an"), anonymous_key("v-1"), user_key("bình")
SUBJECT = Subject(AN, tuple(sorted((AN, VISITOR))), ("Nguyễn Văn An",))
NOTE = "Khách Nguyễn Văn An gọi lên tổng đài"


async def a_life(world: LoyaltyWorld) -> None:
    """Points under two keys of one person, and of somebody else; some spent, some given by hand with a note."""
    for person in (AN, VISITOR, BINH):
        async with world.db.write() as tx:
            credit = Credit(person, "points", 100, "earned", "o-1", world.clock.now(), reference="o-1")
            await world.service.points.credit(tx, credit)
        body = AdjustmentIn(points=10, reason="goodwill", note=NOTE)
        await world.service.counter.adjust(person, body, by="key-1", idem=None)
    await world.merge(VISITOR, AN)
    async with world.db.write() as tx:
        await world.service.points.spend(tx, Spend(await members.lock(tx, AN), "points", 150, "s-1", "reward"))


async def exported(world: LoyaltyWorld) -> dict[str, Any]:
    assert manifest.rights is not None
    async with world.db.read() as tx:
        return {name: rows async for name, rows in manifest.rights.export(world.service, tx, SUBJECT)}


async def test_an_export_holds_all_that_is_kept_and_nothing_of_others(world: LoyaltyWorld):
    await a_life(world)
    found = await exported(world)

    assert sorted(row["available"] for row in found["wallets"]) == [0, 70]
    assert {row["kind"] for row in found["transactions"]} == {"earned", "adjusted", "spent"}
    assert [row["note"] for row in found["adjustments"]] == [NOTE, NOTE]
    assert len(found["lots"]) == 4
    assert str(BINH) not in str(found)


async def test_an_erasure_takes_the_words_and_leaves_sums_that_add_up(world: LoyaltyWorld):
    await a_life(world)
    assert manifest.rights is not None
    for _ in range(2):
        async with world.db.write() as tx:
            erased = await manifest.rights.erase(world.service, tx, SUBJECT)

    assert erased.removed == {}
    assert len(erased.kept) == 1
    notes = await world.rows("SELECT person_id, note FROM adjustments ORDER BY note")
    assert [row.note for row in notes] == ["", "", NOTE]
    assert notes[2].person_id == BINH
    found = await world.service.invariants.check()
    assert {each.name: each.examples for each in found if each.violations} == {}
    async with world.db.read() as tx:
        assert (await world.service.points.balance(tx, await members.find(tx, AN), "points")).available == 70


async def test_nobody_can_ask_for_the_codes_of_who_is_erased(world: LoyaltyWorld):
    said = {"name": "Sinh nhật", "currency": "VND", "terms": {"benefit": {"type": "percentage", "percent": 10}}}
    made = await world.service.campaigns.create(CampaignIn.model_validate(said), by="key-1", idem=None)
    campaign = UUID(str(orjson.loads(made.body)["id"]))
    await world.service.campaigns.set_state(campaign, StateIn(state="active"), idem=None)
    async with world.db.write() as tx:
        await world.service.assignments.assign(tx, Assign(campaign, AN, "sinh nhật của An", None, "key-1"))
    assert manifest.rights is not None
    async with world.db.write() as tx:
        await manifest.rights.erase(world.service, tx, SUBJECT)

    assert [row.sealed for row in await world.rows("SELECT sealed FROM codes WHERE holder IS NOT NULL")] == [None]
    assert "An" not in str(await world.rows("SELECT key FROM assignments"))
    found = await world.service.invariants.check()
    assert {each.name: each.examples for each in found if each.violations} == {}


async def test_every_table_that_knows_people_is_told_of(world: LoyaltyWorld):
    """A table that is added later must be added to the places too, or say here why it knows nobody."""
    rows = await world.rows(
        "SELECT DISTINCT table_name FROM information_schema.columns WHERE table_schema = 'loyalty' "
        "AND (column_name IN ('person', 'person_id', 'customer', 'holder') OR column_name LIKE '%\\_id' "
        "AND column_name IN ('sender_id', 'recipient_id', 'advocate_id', 'friend_id')) AND data_type = 'uuid'"
    )
    # Codes are exported without what opens them; the queue and the differences hold work in hand.
    elsewhere = {"codes", "earning_queue", "tier_differences", "tier_balance_queue", "achievement_queue"}

    assert {row.table_name for row in rows} - elsewhere - {place.table for place in PLACES} == set()
