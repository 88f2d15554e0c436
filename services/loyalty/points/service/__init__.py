"""Use cases of points. `Points` is the ledger, which other rooms use inside their own transactions."""

from services.loyalty.points.domain.requests import (
    NEVER,
    WAITING,
    Balance,
    Credit,
    HoldRequest,
    Posted,
    Spend,
    Target,
)
from services.loyalty.points.service.ledger import Points

__all__ = ["NEVER", "WAITING", "Balance", "Credit", "HoldRequest", "Points", "Posted", "Spend", "Target"]
