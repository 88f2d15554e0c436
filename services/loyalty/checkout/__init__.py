"""Checkout: validate, reserve, commit, void, redeem, roll back.

Owns        reservations and what they hold, redemptions, roll-backs, uses per campaign and person key, quotes of
            points (which change nothing, so nothing is published of them); it moves the
            counters of campaigns and codes, which vouchers/ owns, and asks points/ to hold, spend and give back.
Consumes    OrderPlaced, OrderChanged, OrderRefunded, OrderCancelled: what comes back undoes what was redeemed for it
Publishes   VoucherReserved, VoucherRedeemed, VoucherRolledBack
URLs        /v1/loyalty/validations, /quotes, /reservations, /redemptions

Invariants
* Nothing is read first and written after: the rows that a guarded statement changed are the decision.
* Locks are taken in one order: idempotency key, household pool, persons, reservation, uses, campaigns, codes, wallets.
* A quote is honoured until it lapses, whatever terms come into force meanwhile, and not a moment longer.
* Whether a hold or a quote has run out is judged by the clock of the database; what has run out is free for whoever
  needs it, whether or not the job came by.
"""
