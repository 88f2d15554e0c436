"""The score card: on one page what an executive must know of customers, and why it changed.

Owns       what no other room counts: members' points and complaints as facts, and sums of them by day and segment
           (`engagement_sums`). Targets and their owners, as the firm enters them, with their history. Figures that cost
           too much to be read, as the clock computes them.
Consumes   `loyalty` (points earned, spent, expired, reversed) and `surveys` (cases), in the group of the delivery gap;
           who is whom and who is in which segment by the rooms that hear of it.

Invariants
* A figure here is that of its own room, computed from the same sums; nothing is counted twice.
* What is stored is a function of the set of facts; contributions to a change sum to it exactly.
* A light says met or missed only where the whole interval does.
* A card costs days and segments, not people.
"""
