"""The built service: its way in and its way out."""

from dataclasses import dataclass, field

from services.metrics.figures.service import Figures
from services.metrics.ledger.service import Ledger
from services.metrics.rights.service import MetricsRights


@dataclass(frozen=True, slots=True)
class MetricsService:
    """What `build` makes: consumers use the ledger, HTTP and Prometheus the figures."""

    ledger: Ledger
    figures: Figures
    rights: MetricsRights = field(default_factory=MetricsRights)
