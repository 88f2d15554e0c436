"""Rewards: what points buy.

A purchase takes the units and the points in one transaction, each by a statement whose count of rows is the decision;
a cancellation gives both back, the points to the lots they came from.

Invariants
* The units of purchases that are not cancelled are what the reward says is taken, and never more than its stock.
* Of each purchase exactly its points are spent; of a cancelled one all of them came back, once.
* A purchase ends once: fulfilled or cancelled.
* A person, whatever keys they have, buys no more than the limit; a merge resets nothing.
"""
