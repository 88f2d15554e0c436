"""Household pools: several members who spend what they have together.

Nothing is moved into a pool: points stay in the wallet of who earned them, with their source and their end, and a
spend draws from the wallets of all, what ends first first. Who leaves takes along what is left of their own.

Invariants
* A person is in one pool at most. Merged out of two, they are in the one they joined first; taken apart, in both again.
* A pool that is not closed has one owner.
* What was spent from a pool is what its spend drew from wallets of its members, and no more of it came back.
* The pool, then its members, are locked: two who spend at once never spend the same points.
* What a member spends or holds stays within the limit of the pool for a day, and their own for a day, week or month;
  merged, their spends count together under the limit of the place that counts.
* What pays at the checkout or for a reward is noted here under its own key of the ledger, counts in the limit of the
  day, and comes back with the roll-back or the cancellation alone.
"""
