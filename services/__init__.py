"""What the system does. One folder owns its data, its topics and its URLs.

profiles     who the customer is
touchpoints  what happened to the customer: ingest, the recorder, clean facts
loyalty      points, tiers, rewards, vouchers, flash sales, referrals
metrics      live figures: orders, revenue, lifetime value, churn

`surveys` (what we asked and what they answered) follows;
`services/registry.py` names every service that runs.
"""
