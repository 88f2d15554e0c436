"""Draws Grafana's dashboards, one module each: `make dashboards` writes them as JSON, and tests compare.

An expression is written once, here; that each of them finds something in a running Prometheus is tested too.
"""

from drawing import delivery, gateway, ingest, loyalty, metrics, overview, profiles, surveys, touchpoints
from drawing.looks import Dashboard

DASHBOARDS: tuple[Dashboard, ...] = (
    overview.DASHBOARD,
    delivery.DASHBOARD,
    ingest.DASHBOARD,
    gateway.DASHBOARD,
    profiles.DASHBOARD,
    touchpoints.DASHBOARD,
    surveys.DASHBOARD,
    loyalty.DASHBOARD,
    metrics.DASHBOARD,
)
