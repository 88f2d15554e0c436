"""The firm of `tam demo`: a Vietnamese shop as it stands today, so that every dashboard has something to show.

    past.py      a year of orders, deliveries, refunds and subscriptions, as events of an SDK
    voices.py    what its customers and its staff answered, in Vietnamese and English
    desk.py      the public API as the firm's systems call it, each request once
    office.py    programme, code, flash sale, referrals, surveys, targets, and who answers for what
    members.py   points and codes spent, a reward bought, a sale claimed, friends brought, consent given
    cases.py     what the desk did with complaints, and what staff believes
    story.py     all of it in its order

Invariants
* The same seed and day are the same firm: nothing is drawn from anything else. Sent again it changes nothing.
* All of it goes through the public API.
* No order of it is older than a year: figures of the purchase log as of its own days stay what they are.
"""
