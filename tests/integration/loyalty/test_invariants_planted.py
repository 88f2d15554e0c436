"""Each check finds what it is for: a violation is planted past all constraints, found by name, and rolled back."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from loyalty_world import LoyaltyWorld
from sqlalchemy.ext.asyncio import AsyncConnection

from services.loyalty import invariants
from services.loyalty.earning.schemas.explaining import PreviewIn, QuoteIn
from services.loyalty.invariants.domain import Check
from services.loyalty.points.repository.checks import CHECKS as LEDGER
from services.loyalty.points.service import Spend
from shared.db.engine import WriteTx
from shared.identity import members
from shared.ids import user_key, uuid7
from shared.runtime.progress import digest

pytestmark = pytest.mark.asyncio(loop_scope="module")

ONE, TWO, THREE = (UUID(int=number) for number in (1, 2, 3))
PAST, FUTURE = datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
_PLAIN: dict[str, Any] = {
    "uuid": ONE, "text": "x", "bigint": 0, "integer": 0, "boolean": False, "jsonb": "{}", "bytea": b"", "numeric": 0,
    "timestamp with time zone": PAST, "date": PAST.date(), "timestamp without time zone": PAST.replace(tzinfo=None),
    "double precision": 0.0, "ARRAY": [], "smallint": 0,
}  # fmt: skip

Row = tuple[str, dict[str, Any]]
PLANTS: dict[str, tuple[Row | str, ...]] = {
    "postings_sum_to_zero": ("UPDATE transactions SET available = available + 1 WHERE version = 1",),
    "wallet_is_its_postings": ("UPDATE wallets SET pending = pending + 1",),
    "wallet_is_its_lots": ("UPDATE lots SET remaining = remaining - 1",),
    "wallet_is_its_holds": ("UPDATE wallets SET held = held + 1",),
    "hold_ends_once": (("holds", {"state": "open", "points": 5}),),
    "lot_is_its_allocations": ("UPDATE lots SET points = points + 1",),
    "returned_within_drawn": (("allocations", {"of_id": TWO, "points": -1}),),
    "source_is_its_transactions": (("sources", {"points": 3}),),
    "debt_by_clawback_alone": (("transactions", {"kind": "spent", "debt": 1}),),
    "debt_within_its_most": ("UPDATE wallets SET debt = 1000000000001",),
    "versions_without_gap": ("UPDATE wallets SET version = version + 1",),
    "chain_unbroken": ("UPDATE transactions SET reason = 'other' WHERE version = 1",),
    "nothing_drawn_after_its_end": ("UPDATE lots SET expires_at = '2020-01-01'",),
    "time_is_kept": ("UPDATE lots SET expires_at = '2020-01-01'",),
    "award_is_its_source": (("awards", {"points": 5}),),
    "award_is_of_its_order": (("awards", {"source": "order:1", "points": 5}),),
    "tier_is_recomputed": (("tier_differences", {}),),
    "tier_is_a_person_s": (("tier_states", {"person": ONE, "level": "gold"}), ("identity", {"root_id": TWO})),
    "tier_review_in_time": (("tier_states", {"review_at": PAST}),),
    "checkout_campaign_counters": (("campaigns", {"redeemed": 1}),),
    "checkout_campaign_limits": (("campaigns", {"redeemed": 2, "max_uses": 1}),),
    "checkout_voucher_counters": (("codes", {"id": ONE}), ("redemption_vouchers", {"voucher_id": ONE})),
    "checkout_person_uses": (("voucher_uses", {"redeemed": 1}),),
    "checkout_budget_counters": (("budget_counters", {"redeemed": 1}),),
    "checkout_budget_limits": (
        ("campaign_versions", {"terms": '{"budgets": [{"name": "x", "max_uses": 1}]}'}),
        ("budget_counters", {"who": "", "redeemed": 2}),
    ),
    "checkout_one_end": (("reservations", {"state": "committed"}),),
    "checkout_rollback_sums": (("redemptions", {"points_back": 1}),),
    "checkout_line_sums": (("redemption_vouchers", {"discount_minor": 1, "lines": "[]"}),),
    "checkout_points_held": (("reservations", {"state": "voided"}), ("holds", {"state": "open", "points": 5})),
    "checkout_points_spent": (("redemptions", {"points": 1}),),
    "flash_taken_is_its_claims": (("flash_items", {"taken": 1}),),
    "flash_never_oversold": (("flash_items", {"taken": 2, "units": 1}),),
    "flash_numbers_have_no_gap": (("flash_items", {"last_number": 1}),),
    "flash_limit_of_a_key": (
        ("flash_items", {"id": ONE, "max_per_person": 1}),
        ("flash_claims", {"item_id": ONE, "state": "held", "units": 2}),
    ),
    "referral_one_referrer": (("referrals", {"state": "active", "advocate_id": ONE, "friend_id": ONE}),),
    "referral_paid_stands": (("referrals", {"state": "rejected"}), ("referral_milestones", {"state": "paid"})),
    "referral_paid_once": (
        ("referrals", {"terms": '{"milestones": [{"name": "x", "advocate": {"points": 5}}]}'}),
        ("referral_milestones", {"milestone": "x", "state": "paid"}),
    ),
    "reward_taken_is_its_purchases": (("rewards", {"taken": 1}),),
    "reward_is_paid": (("reward_purchases", {"points": 1, "state": "bought"}),),
    "voucher_assignment_is_its_code": (("assignments", {}),),
    "voucher_job_is_done_or_waits": (("code_jobs", {"state": "done", "made": 1, "wanted": 2}),),
    "voucher_campaign_has_its_version": (("campaigns", {"name": "y"}),),
    "achievement_once": (
        ("achievement_awards", {"state": "reached", "customer": ONE}),
        ("achievement_awards", {"state": "reached", "customer": TWO}),
        ("identity", {"raw_id": TWO, "root_id": ONE}),
    ),
    "achievement_paid_once": (
        ("achievements", {"definition": '{"rewards": [{"points": 5, "wallet": "points"}]}'}),
        ("achievement_awards", {"state": "reached", "problem": None}),
    ),
    "pool_has_one_owner": (("pools", {}),),
    "pool_within_its_size": (("pools", {"max_members": 0}), ("pool_members", {"role": "owner"})),
    "pool_spend_is_its_transactions": (("pool_spends", {"points": 1, "operation": "x"}),),
    "pool_pays_what_it_noted": (("redemptions", {"pool": ONE}),),
    "flash_rights_are_there": (
        ("flash_items", {"id": ONE, "units": 1}),
        ("flash_entries", {"item_id": ONE, "state": "won", "units": 2}),
    ),
    "flash_drawn_as_promised": (("flash_draws", {"seed": b"another"}),),
    "flash_claims_of_the_drawn": (("flash_entries", {"state": "claimed"}),),
    "flash_promised_units": (("flash_item_draws", {"promised": 1}),),
    "flash_room_numbers": (("flash_rooms", {"sale_id": ONE}), ("flash_visitors", {"sale_id": ONE, "number": 1})),
    "voucher_pool_within_bounds": (("codes", {"pool": "made"}),),
    "voucher_loads_are_on_the_card": (("codes", {"id": ONE}), ("code_loads", {"code_id": ONE, "amount_minor": 1})),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sound(module_world: LoyaltyWorld) -> LoyaltyWorld:
    """Somebody has points, and has spent some: nothing is wrong."""
    an, points = user_key("an"), module_world.service.points
    async with module_world.db.write() as tx:
        await points.adjust(tx, uuid7(), an, "points", 50, reason="gift", actor="key")
        await points.adjust(tx, uuid7(), an, "points", -20, reason="correction", actor="key")
        await points.adjust(tx, uuid7(), an, "points", 9, reason="gift", actor="key", expires_at=FUTURE)
    async with module_world.db.write() as tx:
        await points.spend(tx, Spend(await members.lock(tx, an), "points", 5, "spend:1", "reward"))
    return module_world


async def put(tx: WriteTx, table: str, values: dict[str, Any]) -> None:
    """A row with these values, and plain ones where there must be some."""
    rows = await tx.execute(
        "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = current_schema() "
        "AND table_name = :table AND is_nullable = 'NO' AND column_default IS NULL AND is_generated = 'NEVER'",
        {"table": table},
    )
    whole = {row.column_name: _PLAIN[row.data_type] for row in rows} | values
    names = ", ".join(f'"{name}"' for name in whole)
    marks = ", ".join(f":{name}" for name in whole)
    await tx.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", whole)


async def let_anything_in(tx: WriteTx) -> None:
    """As nobody can who uses the service: no trigger, no foreign key, no check."""
    await tx.execute("SET LOCAL session_replication_role = replica")
    rows = await tx.execute(
        "SELECT conrelid::regclass AS relation, conname FROM pg_constraint "
        "WHERE contype = 'c' AND connamespace = current_schema()::regnamespace AND conrelid <> 0"
    )
    for row in rows.fetchall():
        await tx.execute(f'ALTER TABLE {row.relation} DROP CONSTRAINT "{row.conname}"')


async def found(tx: WriteTx, check: Check) -> list[Any]:
    return [row.what for row in await tx.execute(check.sql)]


async def test_nothing_is_found_where_nothing_is_wrong(sound: LoyaltyWorld):
    for each in await sound.service.invariants.check():
        assert (each.name, each.violations) == (each.name, 0)


@pytest.mark.parametrize("name", sorted(PLANTS))
async def test_what_is_planted_is_found(sound: LoyaltyWorld, name: str):
    check = next(each for each in sound.service.invariants.checks if each.name == name)
    async with sound.db.engine.connect() as connection:
        tx = WriteTx(connection)
        await let_anything_in(tx)
        assert await found(tx, check) == []
        for plant in PLANTS[name]:
            if isinstance(plant, str):
                await tx.execute(plant)
            else:
                await put(tx, *plant)
        assert await found(tx, check) != []
        await roll_back(connection)


async def roll_back(connection: AsyncConnection) -> None:
    """Nothing of it stays."""
    await connection.rollback()


COLUMNS = ("kind", "points", "available", "debt", "occurred_at", "recorded_at", "operation", "reference", "actor")


@pytest.mark.parametrize("column", COLUMNS)
async def test_a_transaction_that_was_touched_is_named(sound: LoyaltyWorld, column: str):
    check = next(each for each in LEDGER if each.name == "chain_unbroken")
    async with sound.db.engine.connect() as connection:
        tx = WriteTx(connection)
        await let_anything_in(tx)
        touched = (await tx.execute("SELECT id FROM transactions WHERE version = 2")).scalar_one()
        value = {"occurred_at": "now()", "recorded_at": "now()", "points": "7", "available": "7", "debt": "7"}
        await tx.execute(f"UPDATE transactions SET {column} = {value.get(column, chr(39) + 'z' + chr(39))} "
                         "WHERE version = 2")  # fmt: skip
        assert await found(tx, check) == [touched]
        await roll_back(connection)


async def test_every_invariant_is_planted(sound: LoyaltyWorld):
    assert {each.name for each in sound.service.invariants.checks} == PLANTS.keys()


async def test_each_invariant_names_what_proves_it(sound: LoyaltyWorld):
    said = invariants.__doc__ or ""
    tests = Path(__file__).parents[2]
    written = {word for file in tests.rglob("test_*.py") for word in re.findall(r"def (test_\w+)", file.read_text())}

    assert [int(each) for each in re.findall(r"^ ?(\d+)  ", said, re.MULTILINE)] == list(range(1, 33))
    assert set(re.findall(r"\btest_\w+", said)) - written == set()
    words = set(re.findall(r"\b[a-z]+(?:_[a-z]+)+\b", said)) - written
    assert words - {"tam_loyalty_replay_drift_rows"} - {each.name for each in sound.service.invariants.checks} == set()


async def test_who_only_tries_changes_no_row(sound: LoyaltyWorld):
    rows = await sound.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'loyalty' ORDER BY 1")
    tables = [row.tablename for row in rows]
    before = await digest(sound.db, tables)
    until, an = sound.clock.now() + timedelta(days=9), user_key("an")
    rule = {"trigger": {"on": "order"}, "effect": {"kind": "fixed", "points": 5}}
    await sound.service.simulation.preview(PreviewIn.model_validate({"rule": rule, "from": PAST.isoformat()}))
    await sound.service.simulation.quote(
        QuoteIn.model_validate({"customer": "user_id:an", "total_minor": 100_000, "currency": "VND"}), an
    )
    seen = await sound.service.accounts.get(an, as_of=until)
    await sound.service.reports.revenue(PAST.date())

    assert len(tables) > 40
    assert seen.seen[0].balance.available == 34
    assert await digest(sound.db, tables) == before
