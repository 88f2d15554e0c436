"""How content customers are: NPS, CSAT and CES, live, from answers.

Owns       answers, invitations and cases as facts; who is in which segment; and three sums: scores by day
           (`score_days`), answers that a later one of the same person follows (`score_followed`), who was asked
           (`ask_days`). Scores are summed by the number of a slot; `score_slots` says of what it is.
           What the firm enters itself: the formula of each survey's CES, benchmarks, targets.
Publishes  SatisfactionTold
Consumes   `surveys` (published, invited, delivered, expired, answered, cases) and `segments` (members, personas);
           merges and unmerges come by the ledger.

Invariants
* What is stored is a function of the set of facts: of a response the highest revision, of an invitation all that was
  said, of a person all their keys. Late, repeated, reordered facts, merges and unmerges end in the same rows.
* An answer counts on the local day it was given, once for each dimension; the values of a dimension add up to all, but
  for segments, which overlap. Who is in a segment is who is in it now, for past days too.
* Only the newest answer of a person to a question within the period counts, unless all are asked for: so answers are
  independent, as intervals take them to be, and nobody votes twice. A later answer outside the period changes nothing.
* A figure costs days, not people.
"""
