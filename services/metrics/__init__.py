"""Metrics: the live figures of a customer-centric firm, per customer and in total.

Owns       the orders as facts (`orders`), each person's purchases by day (`activity`), and the sums of them that every
           total is read from: `cells` (how many customers bought on a day and next on another), `histories` and
           `spends` (all that models of buying and of spending need), `life_sums`, `rfm_crowds` and `rfm_worths` (all
           of retention), and `day_money`. Mirror waves with what staff believes; promises and what came of them; why
           people became customers, and who was brought. Answers to surveys, invitations, and who is in which segment,
           with sums of them by day. Subscriptions, with theirs.
Publishes  on `metrics`: SatisfactionTold, AlarmRaised, AlarmCleared, and bands of value and of churn
           risk, when they have moved.
Consumes   `orders` (placed, changed, refunded, cancelled) and `identity` (merged, unmerged); of `surveys` what was
           published, asked and answered, cases and mirror waves; of `segments` members and personas; of `loyalty`
           referrals that came true, of `touchpoints` what was promised and delivered; all of `subscriptions`.
Rooms      `ledger` takes facts in, `figures` gives figures out, `domain` is the arithmetic of both; `satisfaction` is
           NPS, CSAT and CES, `gap` sets belief and promises beside what customers say, `earned` tells growth that was
           earned from growth that was bought, `value` says what customers will probably bring, `retention` when silence
           is leaving, who comes back, and who customers are by what they did; `alarms` says what has changed;
           `subscriptions` who subscribes, who leaves, and what that brings in a month; `knowledge` what figures were
           believed to be at a moment.

Invariants
* What is stored is a function of the set of facts: late, repeated, reordered and corrected facts, merges and unmerges
  end in the same rows as a clean run, and so does a replay.
* A total never scans customers: what it costs depends on the number of days, not on the number of people. Where it has
  to (members of segments, groups by three scores, orders of earned growth, most of retention as of a past day) it is
  counted in the background, kept, and says how old it is.
* Money is whole minor units per currency; currencies are never added.
"""
