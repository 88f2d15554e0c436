"""Every table of loyalty says where it comes from when the database is lost, and what it says is so."""

from collections import Counter
from itertools import chain

import pytest
from loyalty_world import LoyaltyWorld

from services.loyalty.replays.consumers import READINGS, RECOVERIES
from services.loyalty.replays.domain.tables import LISTS, TABLES

pytestmark = pytest.mark.asyncio(loop_scope="module")

# What every service carries, whatever it is for.
CARRIED = {
    *("outbox", "inbox", "offsets", "leases", "dead_letters", "idempotency_keys", "identity", "members"),
    *("alembic_delivery", "alembic_identity", "alembic_rights", "alembic_version", "suppressed", "rights_tasks"),
}


async def test_every_table_says_where_it_comes_from(module_world: LoyaltyWorld):
    rows = await module_world.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'loyalty'")

    assert {row.tablename for row in rows} - CARRIED == TABLES.keys()
    assert [name for name, times in Counter(chain(*(names.split() for _, names in LISTS))).items() if times > 1] == []


async def test_what_is_said_to_be_rebuilt_is_compared_and_nothing_else():
    compared = {name for each in RECOVERIES for name in each.relations}

    assert compared == {name for name, origin in TABLES.items() if origin == "rebuilt"}


async def test_what_no_fact_tells_of_a_row_is_named(module_world: LoyaltyWorld):
    """Each column is told, or known to be untold: a new one has to be told, or to be put here with a reason."""
    untold = {
        **dict.fromkeys(("holds", "transfers", "expiry_notices", "tier_near"), frozenset[str]()),
        # Words of people, perhaps personal, stand in no event.
        "adjustments": {"note"},
        "tier_grants": {"reason"},
        "reward_purchases": {"note"},
        # A job looks again at once, and says when next.
        "tier_states": {"review_at"},
        "achievement_awards": {"retry_at"},
        # What a shop calls a claim: its id is made of it.
        "flash_claims": {"key"},
        **dict.fromkeys(("flash_items", "flash_entries", "flash_item_draws", "referral_codes"), frozenset[str]()),
        # The terms are those of the programme; who has told earning of a milestone tells it again, once for ever.
        "referrals": {"decision", "terms"},
        "referral_milestones": {"is_told"},
        **dict.fromkeys(("pool_spends", "revenue_closings", "revenue_cohorts"), frozenset[str]()),
        # Configuration.
        "flash_draws": {
            *("enters_local", "enters_until_local", "enters_at", "enters_until", "right_seconds"),
            *("seed_hash", "kid", "sealed_seed"),
        },
        "rewards": {
            *("name", "kind", "state", "terms", "starts_at", "ends_at"),
            *("created_at", "created_by", "updated_at", "updated_by"),
        },
    }
    tables = {reading.table.name: reading.table for reading in READINGS.values()}
    for name, left_out in untold.items():
        table = tables[name]
        rows = await module_world.rows(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = 'loyalty' AND table_name = :name",
            name=name,
        )
        said = {*(name for name in table.kinds if name not in table.unsaid), *table.also}
        assert {row.column_name for row in rows} - said == left_out, name
