"""Earned growth: how much of what the firm grew came back, or was brought, and how much was bought.

Why somebody became a customer is known from what they answer to a survey of that purpose, and from referrals that came
true. Both are facts under the raw person key; who is whom is asked at each read, and so is the money, of the ledger's
orders: a merge, a refund or an answer that comes late changes past figures as if it had been known from the start.
"""
