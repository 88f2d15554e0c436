"""Use cases of checkout.

`quoting` what vouchers and points are worth · `reserving` · `redeeming` · `rolling_back` · `refunds` that orders tell ·
`taking` what all of them share: vouchers judged, counters moved, rows written
"""

from services.loyalty.checkout.repository.settling import settle
from services.loyalty.checkout.service.desk import Checkout

__all__ = ["Checkout", "settle"]
