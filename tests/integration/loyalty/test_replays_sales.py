"""Flash sales, draws, referrals, spends of pools and closed months are rebuilt row by row from what was told."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson
import pytest
import pytest_asyncio
from earning_world import PER_10K, EarningWorld, placed
from loyalty_world import LoyaltyWorld
from referrals_world import programme
from replay_world import differences, rebuilt
from sqlalchemy import text

from services.loyalty.flash.schemas.draws import EntryIn
from services.loyalty.flash.schemas.sales import ClaimIn, ItemIn, SaleIn, UnitsIn
from services.loyalty.points.schemas import AdjustmentIn
from services.loyalty.pools.schemas import PoolHoldIn, PoolIn, ReturnIn, SpendIn
from services.loyalty.replays.consumers import known_to
from services.loyalty.reports.schemas import EstimateIn
from shared.events.catalogue.loyalty import FlashClaimed
from shared.ids import user_key

pytestmark = pytest.mark.asyncio(loop_scope="module")

ITEM = "áo dài"
ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
OPENS = datetime(2031, 3, 1, 5, tzinfo=UTC)
# What is planted in each table: past all triggers and constraints, as who has all rights in the database could.
PLANTS = {
    "flash_items": "taken = taken + 1",
    "flash_claims": "units = units + 1",
    "flash_entries": "won_at = won_at - interval '1 second'",
    "flash_draws": "drawn_at = drawn_at - interval '1 second'",
    "flash_item_draws": "promised = promised + 1",
    "referral_codes": "created_at = created_at - interval '1 second'",
    "referrals": "reasons = '{planted}'",
    "referral_milestones": "order_id = 'another'",
    "pool_spends": "returned = 0",
    "revenue_closings": "closed_by = 'somebody'",
    "revenue_cohorts": "deferred_minor = deferred_minor + 1",
}
# Where the first row has nothing that a plant changes.
WHICH = {
    "flash_entries": "WHERE won_at IS NOT NULL",
    "flash_draws": "WHERE drawn_at IS NOT NULL",
    "pool_spends": "WHERE returned > 0",
}


def local(moment: datetime) -> str:
    return moment.astimezone(ZONE).replace(tzinfo=None).isoformat()


class Shop:
    """Loyalty, its clock and that of the database, which stand still between steps."""

    def __init__(self, world: LoyaltyWorld) -> None:
        self.world, self.service = world, world.service

    async def at(self, moment: datetime) -> None:
        """Both clocks stand at this moment."""
        self.world.clock.time = moment
        async with self.world.db.write() as tx:
            await tx.execute(
                "CREATE OR REPLACE FUNCTION flash_now() RETURNS timestamptz LANGUAGE sql VOLATILE AS "
                f"'SELECT CAST(''{moment.isoformat()}'' AS timestamptz)'"
            )

    async def sale(self, units: int, **rest: Any) -> UUID:
        body = SaleIn.model_validate(
            {
                "name": "Nửa đêm 11.11",
                "starts_local": local(OPENS),
                "ends_local": local(OPENS + timedelta(days=1)),
                "zone": "Asia/Ho_Chi_Minh",
                "items": [ItemIn(item=ITEM, units=units, max_per_person=None)],
                **rest,
            }
        )
        answer = await self.service.flash_sales.create(body, by="test", idem=None)
        return UUID(orjson.loads(answer.body)["id"])

    async def claim(self, sale: UUID, who: str, units: int = 1) -> UUID:
        body = ClaimIn(key=who, item=ITEM, customer=f"user_id:{who}", units=units)
        return (await self.service.flash_claims.claim(sale, body))[0].id

    async def enter(self, sale: UUID, who: str) -> UUID:
        body = EntryIn(item=ITEM, customer=f"user_id:{who}", units=1)
        return (await self.service.flash_draws.enter(sale, body))[0].id

    async def tell(self) -> None:
        await self.service.flash_upkeep.announce()
        await self.service.flash_upkeep.tell()

    async def untold(self) -> int:
        """Rows that a job has still to tell of."""
        return int(
            await self.world.value(
                "SELECT (SELECT count(*) FROM flash_untold_claims) + (SELECT count(*) FROM flash_untold_entries) + "
                "(SELECT count(*) FROM flash_claims AS c LEFT JOIN flash_announced AS a ON a.item_id = c.item_id "
                "WHERE c.number > coalesce(a.upto, 0))"
            )
        )


async def first_come(shop: Shop) -> None:
    """Claims that stand at once, of which some are told of; more units, and another item."""
    sale = await shop.sale(6)
    for name in ("An", "Bình", "Chi"):
        await shop.claim(sale, name, 2)
    await shop.tell()
    await shop.service.flash_sales.add_units(sale, UnitsIn(item=ITEM, units=3), by="test", idem=None)
    other = ItemIn(item="nón lá", units=4, max_per_person=2)
    await shop.service.flash_sales.add_item(sale, other, by="test", idem=None)
    await shop.claim(sale, "Dung")
    await shop.claim(sale, "Giang")


async def paid_first(shop: Shop) -> None:
    """Claims that are held: confirmed before and after they were told of, given back, and expired both ways."""
    sale = await shop.sale(40, claim_seconds=60)
    early = await shop.claim(sale, "sớm")
    await shop.service.flash_claims.confirm(early, "o-sớm")
    back = await shop.claim(sale, "trả")
    await shop.tell()
    for name in ("An", "Bình", "Chi", "Dung"):
        await shop.claim(sale, name)
    await shop.service.flash_claims.release(back)
    await shop.tell()
    late = await shop.claim(sale, "muộn")
    held = await shop.claim(sale, "giữ", 3)
    await shop.service.flash_claims.release(held)
    await shop.service.flash_claims.confirm(late, None)
    await shop.at(OPENS + timedelta(minutes=2))
    # Four fall inside the statement that grants this one.
    await shop.claim(sale, "Giang")


async def lots(shop: Shop) -> None:
    """A draw that some withdraw from, two of whom turn out to be one; who is drawn claims, lets go, or is too late."""
    await shop.at(OPENS - timedelta(hours=2))
    times = {"enters_local": local(OPENS - timedelta(hours=2)), "enters_until_local": local(OPENS)}
    sale = await shop.sale(3, order="lottery", lottery={**times, "right_seconds": 60})
    tickets = {name: await shop.enter(sale, name) for name in ("An", "Bình", "Chi", "Dung", "Giang", "Hà", "Lan")}
    for name in ("Hà", "Lan"):
        await shop.service.flash_draws.withdraw(tickets[name])
    await shop.enter(sale, "Hà")
    await shop.world.merge(user_key("An"), user_key("Bình"))
    await shop.at(OPENS)
    await shop.service.flash_draws.run()
    won = await shop.world.rows(
        "SELECT e.id, e.person_id FROM flash_entries AS e WHERE e.sale_id = :sale AND e.state = 'won'", sale=sale
    )
    await shop.service.flash_draws.withdraw(won[0].id)
    names = {user_key(name): name for name in tickets}
    await shop.claim(sale, names[won[1].person_id])
    for change in (shop.service.flash_sales.pause, shop.service.flash_sales.resume):
        await change(sale, by="test", idem=None)
    await shop.at(OPENS + timedelta(minutes=3))
    await shop.service.flash_draws.run()


async def friends(world: LoyaltyWorld) -> None:
    """Referrals that are paid, taken back, reviewed, rejected, and hindered by a merge."""
    found = await programme(world)
    made = await found.made("An", "Bình")
    await found.order("Bình", "o-1")
    await found.wait(days=8)
    assert await found.states(made.id) == {"first_order": "paid"}
    await found.cancel("Bình", "o-1")
    assert await found.states(made.id) == {"first_order": "taken_back"}
    other = await found.made("An", "Chi")
    await found.order("Chi", "o-2")
    await found.decide(other.id, "reject")
    await found.made("Dung", "Giang")
    await found.merge("Giang", "Dung")
    await found.unmerge("Giang", "Dung")
    await found.made("Hà", "Lan")


async def pool(world: LoyaltyWorld) -> None:
    """A spend that comes back in part, and a hold that is captured."""
    owner = "user_id:chủ"
    body = AdjustmentIn(points=100, reason="goodwill")
    await world.service.counter.adjust(user_key("chủ"), body, by="test", idem=None)
    made = await world.service.pools.create(PoolIn(owner=owner), by="test", idem=None)
    key = UUID(orjson.loads(made.body)["id"])
    spent = await world.service.pools.spend(key, SpendIn(by=owner, points=30), actor="test", idem=None)
    spend = UUID(orjson.loads(spent.body)["id"])
    await world.service.pools.give_back(key, spend, ReturnIn(points=10), idem=None)
    await world.service.pools.hold(key, PoolHoldIn(by=owner, points=5), actor="test", idem=None)
    await world.service.pools.spend(key, SpendIn(by=owner, points=7), actor="test", idem=None)


async def books(world: LoyaltyWorld) -> None:
    """A month in which points came with orders and were spent is closed."""
    earning = EarningWorld(world)
    await earning.rule(PER_10K)
    month = world.clock.now().astimezone(ZONE).date().replace(day=1)
    said = {"month": f"{month:%Y-%m}", "currency": "VND", "minor_per_point": "1000", "redemption_rate": "0.9"}
    await world.service.reports.estimate(EstimateIn.model_validate(said), by="test", idem=None)
    await earning.hear(placed("o-sách", "khách", 900_000, at=world.clock.now()))
    hold = AdjustmentIn(points=-20, reason="goodwill")
    await world.service.counter.adjust(user_key("khách"), hold, by="test", idem=None)
    world.clock.forward(days=40)
    await world.service.reports.close(month, by="test", idem=None)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lived(module_world: LoyaltyWorld) -> LoyaltyWorld:
    """All of it, with much that no job has told of yet."""
    await friends(module_world)
    await pool(module_world)
    await books(module_world)
    shop = Shop(module_world)
    await shop.at(OPENS)
    await first_come(shop)
    await paid_first(shop)
    await lots(shop)
    return module_world


async def test_what_is_told_at_once_is_rebuilt_and_what_a_job_tells_of_is_not_missed(lived: LoyaltyWorld, pg_url: str):
    assert await Shop(lived).untold() > 10

    assert differences(await rebuilt(lived, pg_url)) == {}


async def test_when_all_is_told_all_is_rebuilt(lived: LoyaltyWorld, pg_url: str):
    await Shop(lived).tell()
    assert await Shop(lived).untold() == 0

    verdicts = await rebuilt(lived, pg_url, seed=3)

    assert differences(verdicts) == {}
    rows = {each.table: each.rebuilt_rows for each in verdicts}
    assert {table for table in PLANTS if not rows[table]} == set()
    states = {row.state for row in await lived.rows("SELECT DISTINCT state FROM flash_claims")}
    assert states == {"held", "confirmed", "released", "expired"}
    places = {row.state for row in await lived.rows("SELECT DISTINCT state FROM flash_entries")}
    assert {"claimed", "lapsed", "withdrawn", "duplicate", "won"} <= places
    paid = {row.state for row in await lived.rows("SELECT DISTINCT state FROM referral_milestones")}
    assert {"taken_back", "lost"} <= paid


async def test_what_the_live_tables_do_not_know_yet_is_left_out(lived: LoyaltyWorld):
    """As a comparison does that has looked at them before a job told of a claim."""
    shop = Shop(lived)
    sale = await shop.sale(5)
    claim = await shop.claim(sale, "mới")
    async with lived.db.read() as live:
        await live.execute("SELECT 1")
        await shop.tell()
        told = [each for each in await lived.announced(FlashClaimed) if each.data.claim_id == claim]
        assert len(told) == 1
        assert await known_to(live, told) == []
    async with lived.db.read() as live:
        assert await known_to(live, told) == told


@pytest.mark.parametrize("table", sorted(PLANTS))
async def test_what_is_planted_in_a_table_is_found_there(lived: LoyaltyWorld, pg_url: str, table: str):
    await Shop(lived).tell()
    where = WHICH.get(table, "")
    plant = f"UPDATE {table} SET {PLANTS[table]} WHERE ctid = (SELECT min(ctid) FROM {table} {where})"
    async with lived.db.engine.begin() as connection:
        await connection.execute(text("SET LOCAL session_replication_role = replica"))
        await connection.execute(text(f"CREATE TABLE kept AS SELECT * FROM {table}"))
        assert (await connection.execute(text(plant))).rowcount == 1
    try:
        found = differences(await rebuilt(lived, pg_url))
    finally:
        async with lived.db.engine.begin() as connection:
            await connection.execute(text("SET LOCAL session_replication_role = replica"))
            await connection.execute(text(f"DELETE FROM {table}"))
            await connection.execute(text(f"INSERT INTO {table} SELECT * FROM kept"))
            await connection.execute(text("DROP TABLE kept"))

    assert found.keys() == {table}
