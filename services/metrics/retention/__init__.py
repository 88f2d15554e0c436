"""Customers without a contract: when silence is leaving, who comes back, and who they are by what they did.

Owns       `kept_scans`: what was counted by looking at everybody, which takes long, with its day and mark of the log.
Publishes  nothing, and consumes nothing: it reads the sums and the purchases of the ledger, and members of segments.

Invariants
* Silences, waits, cohorts and scores of any day are what counting person by person gives, as facts are known now.
* Whoever is still being waited for counts for as long as they were watched: no share is taken of those alone who came.
* What is read from sums of days costs pairs of days; what looks at everybody is never counted more than a twentieth of
  the time, and says how old it is.
"""
