"""What loyalty keeps of people, table by table, and what becomes of it when somebody is erased."""

from typing import NamedTuple


class Place(NamedTuple):
    """Rows of people: those of `table` whose `where` is true of `:keys`, the raw keys of a person.

    `words` are columns of free text: emptied on erasure. `goes`: the rows are removed then.
    """

    table: str
    where: str
    words: tuple[str, ...] = ()
    goes: bool = False


_WALLETS = "(SELECT id FROM wallets WHERE person_id = ANY(:keys))"
_LOTS = f"(SELECT id FROM lots WHERE wallet_id IN {_WALLETS})"
_REDEMPTIONS = "(SELECT id FROM redemptions WHERE person = ANY(:keys))"

PLACES = (
    Place("wallets", "person_id = ANY(:keys)"),
    Place("transactions", f"wallet_id IN {_WALLETS}"),
    Place("lots", f"wallet_id IN {_WALLETS}"),
    Place("allocations", f"lot_id IN {_LOTS}"),
    Place("sources", f"wallet_id IN {_WALLETS}"),
    Place("expiry_notices", f"wallet_id IN {_WALLETS}"),
    Place("holds", "person_id = ANY(:keys)"),
    Place("adjustments", "person_id = ANY(:keys)", words=("note",)),
    Place("transfers", "sender_id = ANY(:keys) OR recipient_id = ANY(:keys)"),
    Place("awards", "customer = ANY(:keys)"),
    Place("orders", "customer = ANY(:keys)"),
    Place("checkout_orders", "customer = ANY(:keys)"),
    Place("happenings", "customer = ANY(:keys)"),
    Place("first_seen", "customer = ANY(:keys)"),
    Place("segment_moves", "customer = ANY(:keys)", goes=True),
    Place("tier_states", "person = ANY(:keys)"),
    Place("tier_near", "person = ANY(:keys)"),
    Place("tier_grants", "customer = ANY(:keys)", words=("reason",)),
    Place("assignments", "person = ANY(:keys)"),
    Place("code_loads", "code_id IN (SELECT id FROM codes WHERE holder = ANY(:keys))", words=("reference",)),
    Place("voucher_uses", "person = ANY(:keys)"),
    Place("budget_counters", "who = ANY(SELECT 'c:' || unnest(CAST(:keys AS uuid[])))"),
    Place("point_quotes", "person = ANY(:keys)", goes=True),
    Place("reservations", "person = ANY(:keys)"),
    Place("redemptions", "person = ANY(:keys)"),
    Place("redemption_vouchers", f"redemption_id IN {_REDEMPTIONS}"),
    Place("rollbacks", f"redemption_id IN {_REDEMPTIONS}", words=("reason",)),
    Place("reward_purchases", "person_id = ANY(:keys)", words=("note",)),
    Place("flash_claims", "person_id = ANY(:keys)"),
    Place("flash_entries", "person_id = ANY(:keys)"),
    Place("flash_visitors", "person_id = ANY(:keys)", goes=True),
    Place("referral_codes", "person_id = ANY(:keys)"),
    Place("referrals", "advocate_id = ANY(:keys) OR friend_id = ANY(:keys)", words=("decision",)),
    Place("referral_touchpoints", "person_id = ANY(:keys)"),
    Place("pool_members", "person_id = ANY(:keys)"),
    Place("pool_invitations", "person_id = ANY(:keys)", goes=True),
    Place("pool_spends", "person_id = ANY(:keys)"),
    Place("achievement_awards", "customer = ANY(:keys)"),
    Place("simulation_people", "person = ANY(:keys)", goes=True),
    Place("simulation_examples", "person = ANY(:keys)", goes=True),
    Place("referral_signals", "person_id = ANY(:keys)", goes=True),
    Place("identity", "raw_id = ANY(:keys) OR root_id = ANY(:keys)"),
)
