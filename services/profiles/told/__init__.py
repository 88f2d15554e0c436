"""What other services tell of customers, kept as computed traits: points and tiers, the last NPS, open complaints,
churn risk and lifetime value.

One door for all of it. A service that begins to tell something is one more entry of `domain.READERS`, and a condition
in the rule language.
"""
