"""Invariants: what must always hold between the tables of loyalty, checked while it runs, and what proves the rest.

`GET /v1/loyalty/invariants` and Prometheus tell of each check how many violations it found, which, and when. A check of
each room stands beside its SQL; that each finds what it is for: test_what_is_planted_is_found. CHECK: a constraint of
the database refuses it, too.

 1  postings sum to zero            postings_sum_to_zero, CHECK · test_any_history_is_what_the_model_says
 2  balance is what lots have       wallet_is_its_lots · test_any_history_is_what_the_model_says
 3  balance is its postings         wallet_is_its_postings · test_any_history_is_what_the_model_says
 4  nothing below zero              CHECK · test_nobody_spends_what_they_have_not
 5  debt by taking back alone       debt_by_clawback_alone, debt_within_its_most · test_taking_back_more_than_there_is
 6  lot is its allocations          lot_is_its_allocations, returned_within_drawn, CHECK
 7  nothing drawn after its end     nothing_drawn_after_its_end ·
                                    test_points_count_until_local_midnight_whether_or_not_a_job_came
 8  earliest end first              test_any_history_is_what_the_model_says (ends move later: no row says it afterwards)
 9  uses and holds within limits    checkout_campaign_limits, CHECK · test_a_limit_of_500_gives_exactly_500
10  counters are what rows say      checkout_campaign_counters, checkout_voucher_counters, checkout_budget_counters
11  uses of a customer              checkout_person_uses · test_one_use_per_customer_is_one,
                                    test_once_per_customer_holds_over_all_their_keys
12  money within budgets            checkout_campaign_limits, checkout_budget_limits, CHECK ·
                                    test_a_budget_is_never_overdrawn_and_given_to_the_last_dong
13  flash stock                     flash_taken_is_its_claims, flash_never_oversold ·
                                    test_a_crowd_gets_exactly_what_there_is
14  single use, one rollback        checkout_voucher_counters, checkout_rollback_sums ·
                                    test_of_fifty_rollbacks_one_counts
15  a reservation ends once         checkout_one_end · test_a_commit_and_the_sweeper_never_both_win
16  what was held comes back        checkout_points_held, wallet_is_its_holds, hold_ends_once ·
                                    test_ended_backends_lose_and_double_nothing
17  one key, one effect             test_fifty_requests_with_one_key_have_one_effect_and_one_answer
18  a fact earns once               award_is_its_source, award_is_of_its_order · test_any_order_of_telling_ends_the_same
19  parts of refunds                checkout_rollback_sums, source_is_its_transactions ·
                                    test_fifty_parts_never_sum_to_more_than_the_whole
20  rounding of lines               test_points_by_line_add_up_to_the_points,
                                    test_shares_add_up_and_are_off_by_less_than_one
21  tier is what facts lead to      tier_is_recomputed · test_the_walk_is_what_a_look_at_every_midnight_finds
22  down only in its time           tier_review_in_time · test_nobody_is_lowered_before_their_time_by_higher_thresholds
23  valid until local midnight      time_is_kept · test_a_day_ends_when_its_last_moment_has_passed_in_all_zones
24  merge and unmerge               tier_is_a_person_s ·
                                    test_a_person_has_what_their_keys_have_together_and_each_gets_its_own_back
25  referrals                       referral_one_referrer, referral_paid_once, referral_paid_stands, CHECK
26  no plain code anywhere          test_no_secret_code_stands_anywhere_in_clear
27  answers tell nothing            test_no_answer_takes_longer_because_there_is_something,
                                    test_nothing_tells_whose_failures_they_were
28  the throttle                    test_an_attacker_with_many_addresses_finds_next_to_nothing
29  each told once, in order        versions_without_gap · test_ended_backends_lose_and_double_nothing
30  what was told is what there is  tam_loyalty_replay_drift_rows ·
                                    test_any_history_over_http_and_of_facts_is_rebuilt_and_what_was_changed_by_hand_is_found,
                                    test_a_history_of_everything_is_rebuilt_row_by_row
31  trying changes nothing          test_who_only_tries_changes_no_row
32  order of codes, sums of lines   checkout_line_sums ·
                                    test_nothing_is_below_zero_and_the_order_of_the_request_does_not_matter
    the ledger was not touched      chain_unbroken · test_a_transaction_that_was_touched_is_named
"""
