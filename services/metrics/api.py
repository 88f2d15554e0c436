"""The routers of all rooms."""

from services.metrics.alarms.api import router as alarms
from services.metrics.figures.api import router as figures
from services.metrics.gap.api import ROUTERS as GAP
from services.metrics.retention.api import router as retention
from services.metrics.satisfaction.api import router as satisfaction
from services.metrics.scorecard.api import router as scorecard
from services.metrics.subscriptions.api import router as subscriptions
from services.metrics.value.api import router as value

ROUTERS = (figures, value, retention, subscriptions, satisfaction, *GAP, scorecard, alarms)
