"""Personas: who a group of customers is, in words that the whole firm shares, tied to a segment and its live size.

A persona describes a group and names nobody: what looks like an e-mail address, a phone number or a customer's id is
refused wherever it is written. Every change is a version that stays.

Beside the size belong the NPS, the churn and the CLV of the group: those are the metrics service's to tell, once it
knows segments; `figures` has room for them, and until then they are not there.
"""
