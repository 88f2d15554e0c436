"""The services, as one tuple: the only file that imports them all."""

from services.loyalty.app import service as loyalty
from services.metrics.app import service as metrics
from services.profiles.app import service as profiles
from services.surveys.app import service as surveys
from services.touchpoints.app import service as touchpoints
from shared.runtime.service import Service

SERVICES: tuple[Service, ...] = (profiles, touchpoints, surveys, loyalty, metrics)
