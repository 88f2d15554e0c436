"""The routers of all rooms."""

from services.metrics.figures.api import router as figures
from services.metrics.gap.api import ROUTERS as GAP
from services.metrics.retention.api import router as retention
from services.metrics.satisfaction.api import router as satisfaction
from services.metrics.value.api import router as value

ROUTERS = (figures, value, retention, satisfaction, *GAP)
