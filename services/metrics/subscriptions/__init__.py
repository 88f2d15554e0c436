"""Subscriptions: contractual churn and recurring revenue, live and as of any day.

Owns       subscriptions with all their facts (`subscriptions`), and four sums: movements by day (`subscription_moves`),
           times of subscribing that ended (`subscription_spells`), the same movements by the month in which people
           first came (`subscription_cohorts`), and how long subscriptions last (`subscription_terms`).
           What the firm enters itself: when a departure counts (`subscription_policies`), and rates (`fx_rates`).
Publishes  nothing
Consumes   `subscriptions` (started, renewed, changed, paused, resumed, payment failed, cancelled); merges and unmerges
           come by the ledger.
Gives      `MetricsService.subscriptions.monthly(as_of=None) -> Monthly`: monthly churn with its interval, and MRR.

Invariants
* What is stored is a function of the set of facts and of the firm's policy: late, repeated, reordered facts, merges
  and unmerges end in the same rows, and so does a replay. A new policy counts all history anew, person by person in
  the order of their keys, while facts go on: whom it has reached they are counted by both. Figures are of the policy
  before until it has reached all.
* Of each currency, and of all brought into one: start + five movements + row of rates = end, in whole minor units.
* start + new + reactivated − churned = end. Currencies are never added without a rate that the firm entered.
* A figure costs days, not people.
"""
