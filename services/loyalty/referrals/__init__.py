"""Referrals: an advocate's code brings a friend, and what the friend does then rewards both.

What a referral has earned is a function of what is known: the terms of the day the friend came, the friend's orders,
who is whom, and what staff decided. It is worked out anew whenever one of these changes, and the difference is settled
with the ledger. So a refund takes a reward back, a merge that makes advocate and friend one person too, and an unmerge
gives it again.

Invariants
* A person has one referrer, over all their keys, and is not their own, however the keys were merged.
* Along rewarded referrals nobody comes back to themselves.
* Of a referral each milestone is paid at most once to each side, and stands only while what it was paid for stands.
* Nothing is paid before its hold-back is over, or while the referral waits for review.
* Of mail addresses nothing is kept, of devices and addresses digests of hashes.
"""
