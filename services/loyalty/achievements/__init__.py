"""Achievements: what customers can reach by what they do, with badges and rewards, once or in every period.

What somebody has reached is a function of the facts known of them (orders net of what went back, touchpoints, answers,
referrals) in the order of their times; a change of facts queues the person, and the difference is settled: points
through the ledger, vouchers, badges. Progress is worked out at the moment of asking.

Invariants
* Of an achievement a person holds each number of each period once, whatever keys they have, and has its reward once.
* What is held is what the facts come to: late events, repeats, refunds, a merge and its unmerge change nothing else.
"""
