"""Alarms: what has changed, since when, and who is to be told.

Owns       what is watched (`alarm_watches`, five from the start), what the last look at each came to (`alarm_arms`),
           alarms (`alarms`) and all that was ever said of each (`alarm_revisions`).
Publishes  AlarmRaised, AlarmCleared: once for each change of state, with the owner. Who acts on them: surveys may open
           a case for the owner, engagement write to them; loyalty's earning rules of a segment may answer a rise in
           lapses with an offer, and profiles' segments (`churn_risk`) say to whom. None of that is decided here.
Consumes   nothing: it reads the sums by day that figures are read from, when a day is over (two hours after midnight).

Which chart, and why. A CUSUM of log-likelihood ratios (Page 1954; Hawkins and Olwell 1998) finds lasting changes of a
known size soonest, and tells when they began. For lapses each who could reach the window on a day is a trial: customers
who bought on the day `window` days before, those with one order apart from all others. So neither a sale a quarter ago
nor many new customers raise anything by their number (the risk-adjusted CUSUM of Steiner et al. 2000). For answers it
is that of their histogram: two outcomes for CSAT, three for NPS, the steps of the scale for CES. Streaming detectors
made for error streams (ADWIN, Page–Hinkley with their defaults) never speak on daily rates; p-charts speak too often.

False alarms. `arl0_days` are the days between them by the mean, of the whole watch: each of two directions has twice as
many. The threshold is Siegmund's (1985), averaged over what the level of before, which is estimated, may be wrong by.
Measured by `tests/benchmarks/bench_alarms.py` over 40,000 days each, over what is stated (1 is just right, more is
fewer false alarms), with 26 weeks of base unless said; the p-chart's three standard deviations state 1 in 741 days:

    0.1 % of 10,000 a day, up      1.08   p-chart 2.5    NPS of 10 a day, down               1.13
    0.5 % of 2,000, up             1.03   p-chart 2.5    CES (mean) of 10 a day, down        0.96
    0.5 % of 2,000, down           0.87                  8 weeks of base, 52 weeks           1.19, 1.18
    5 % of 100, up                 1.15   p-chart 3.2    weekdays unlike by half             1.19
    20 % of 50, up                 1.16   p-chart 2.0    two risks, 80 % and 30 %            1.18
    30 % of 20, up, ARL0 365       1.07   p-chart 1.5    weeks vary twice as much as chance  0.95

Of subscriptions two figures are watched, of all subscribers or of a segment: who of the morning had left by the
evening, and what of the morning's recurring revenue had gone, in one currency. Revenue goes by few and unlike steps, so
its threshold is that of days which are made so (`domain.jumps`). Where less than twenty left, nothing is said of it.
Measured by `test_alarms_losses.py` over 10^5 days each of five firms, lognormal prices with a spread of 0.8 (of whales:
1.2), over what is stated:

    0.5 % of 2,000, up                1.08          0.1 % of 5,000                     1.07
    the same, ARL0 365                1.11          0.1 % of 20,000                    1.07
    0.5 % of 2,000, down              1.10          20 % of 200, whales                1.11
    0.5 % of 200, whales              0.89          1 % of 5,000, whales               1.17
    1 % of 200, whales                1.21          0.5 % of 200,000                   0.92

A change of just the size looked for is found in 0.86 to 0.97 times the days that are stated (`days_to_find`), one of
twice the size in a third of them; it lies within the interval of its date in 97 to 99 of 100 cases. With five watches
and half a million cells a look costs 0.3 s of the database and 0.03 s of ours, 0.15 s where a day has changed; each
direction of a watch over revenue 0.04 s more.

Seasons. Each weekday is held against its own level. Holidays (Tết) and campaigns are not foreseen: what they change is
raised, and whether that is news the owner knows.

Invariants
* A path is a function of the days and the watch: made anew whenever a day changed, whatever order facts came in; a new
  day changes nothing of those before, so day by day and all at once are the same.
* An alarm is known again by its days. Late facts move it, or take it back, and each revision is kept. It does not flap:
  to clear needs as much evidence as to raise, and what comes near the threshold still stands.
* Nothing is said of figures that are more than a quarter of an hour behind, as they are while they are replayed.
* Where too little is known the state is `cannot_say`, with what is missing; no path shows what fewer than five said
  anonymously.
* What was over before it was first seen is kept, and told to nobody.
"""
