"""Simulations: what another programme would have come to in a past time, beside the one that was in force.

Owns       simulations, simulation_people, simulation_tallies, simulation_differences, simulation_examples.
Publishes  nothing.
Consumes   nothing; it reads what earning, tiers and the ledger keep.
Invariants the rules are those of production, called, not written again · no row of any other table changes ·
           same inputs, same digest · what differs between the two runs adds up exactly, month by month.
"""
