"""Customers without a contract: when silence is leaving, who comes back, and who they are by what they did.

Owns       `kept_scans`: what was counted by looking at everybody, which takes long, with its day and mark of the log;
           `past_days` and `past_walk`: how every past day was, by the last walk through all of them.
Publishes  nothing, and consumes nothing: it reads the sums and the purchases of the ledger, and members of segments.

Invariants
* Silences, waits, cohorts and scores of any day are what counting person by person gives, as facts are known now.
* Whoever is still being waited for counts for as long as they were watched: no share is taken of those alone who came.
* As of today all but groups by three scores, members of segments, and what widens intervals is read from sums that the
  ledger keeps as facts come: it is live, and costs days, not people. While purchases are known of days still to come,
  everybody is looked at; as of a past day too of few customers. Of many all past days are known before anybody asks, as
  of the last walk: what has come since is in the answers of the next, which somebody's asking brings on.
* What looks at everybody is never counted more than a twentieth of the time, and says how old it is; as of today nobody
  waits for it.
"""
