"""What other services tell of customers, kept as computed traits: points and tiers.

One door for all of it. A service that begins to tell something (churn risk, CLV, NPS) is one more entry of
`domain.READERS`, one more event of the subscription, and a condition in the rule language.
"""
