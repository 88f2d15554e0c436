"""All tables of loyalty, and where each comes from when the database is lost: a new one has to say so here.

* rebuilt        made anew row by row from what loyalty itself has told; compared every night.
* heard          made anew by hearing the topics of other services again: a function of their facts.
* configuration  what staff, or a household, has decided: in back-ups, not in events. A decision holds because somebody
                 made it, no fact leads to it; and its words are for those who run the programme, not for whoever hears.
* derived        worked out anew from other tables: by a job, or when it is asked for.
* ephemeral      of the moment, or of a job that runs: nothing is lost with it but work that is done again.

So what happened is all in events, and what is in back-ups alone is what somebody decided: configuration. Of a waiting
room that is its rate; who waits where is of the moment, and whoever lost their place asks for another.
"""

from collections.abc import Mapping
from typing import Literal

Origin = Literal["rebuilt", "heard", "configuration", "derived", "ephemeral"]

_REBUILT = """
    transactions wallets lots allocations sources
    holds adjustments transfers expiry_notices
    tier_states tier_near tier_grants
    rewards reward_purchases achievement_awards
    reservations reservation_vouchers redemptions redemption_vouchers rollbacks
    codes code_loads assignments campaigns voucher_uses budget_counters
    flash_items flash_claims flash_entries flash_draws flash_item_draws
    referral_codes referrals referral_milestones
    pool_spends revenue_closings revenue_cohorts
"""
# Of rewards, campaigns and draws what people do to them is rebuilt (stock and what is taken; counters; the seed that
# was drawn with); what staff said of them is configuration. What is not told of a row, such as the words of a note, is
# in the `Table` it is read into.
_HEARD = "orders checkout_orders segment_moves first_seen happenings"
_CONFIGURATION = """
    programs program_phases program_versions
    earning_rules earning_rule_versions tier_tracks tier_track_versions achievements
    campaign_versions stacking_rules peppers
    flash_sales flash_rooms
    referral_programs
    point_estimates pools pool_members pool_invitations
"""
_DERIVED = """
    awards points_standing tier_differences invariant_findings replay_findings verifications code_shapes
"""
_EPHEMERAL = """
    earning_queue tier_balance_queue achievement_queue referral_queue tier_round throttle_buckets
    code_jobs code_batches code_imports code_import_seen code_import_refusals
    flash_visitors flash_announced flash_untold_claims flash_untold_entries
    referral_signals referral_touchpoints point_quotes
    simulations simulation_people simulation_tallies simulation_examples simulation_differences
"""
LISTS: tuple[tuple[Origin, str], ...] = (
    ("rebuilt", _REBUILT),
    ("heard", _HEARD),
    ("configuration", _CONFIGURATION),
    ("derived", _DERIVED),
    ("ephemeral", _EPHEMERAL),
)
TABLES: Mapping[str, Origin] = {name: origin for origin, names in LISTS for name in names.split()}
