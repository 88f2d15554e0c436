"""Timed work of satisfaction, and its gauges: the same figures as over HTTP, set before each scrape."""

from datetime import timedelta

from prometheus_client import Gauge

from services.metrics.satisfaction.domain.report import Line
from services.metrics.service import MetricsService
from shared.observability.metrics import REGISTRY, FigureGauge
from shared.runtime.service import Job

NPS = FigureGauge("tam_metrics_nps_points", "NPS over the last 90 days, −100 to 100.", registry=REGISTRY)
CSAT = FigureGauge("tam_metrics_csat_percent", "CSAT (top two steps) over the last 90 days.", registry=REGISTRY)
CES = Gauge(
    "tam_metrics_ces", "CES over the last 90 days, by the formula its surveys use.", ["formula"], registry=REGISTRY
)
ANSWERS = Gauge(
    "tam_metrics_satisfaction_answers",
    "Answers behind a figure of satisfaction over the last 90 days.",
    ["metric"],
    registry=REGISTRY,
)
RESPONSE = Gauge(
    "tam_metrics_survey_response_ratio",
    "Share of those reached in the last 90 days who have answered.",
    ["metric"],
    registry=REGISTRY,
)
OPEN_CASES = Gauge("tam_metrics_open_cases", "Cases of unhappy customers that are not closed.", registry=REGISTRY)


async def tell(metrics: MetricsService) -> None:
    """Tell who shows figures what has changed."""
    await metrics.telling.tell()


async def refresh_gauges(metrics: MetricsService) -> None:
    """Set the gauges; what has no answer is not shown, nor a CES without a common formula."""
    found = await metrics.satisfaction.gauges()
    NPS.set(_value(found.lines["nps"]))
    CSAT.set(_value(found.lines["csat"]))
    CES.clear()
    RESPONSE.clear()
    ces = found.lines["ces"]
    if ces is not None and (value := _value(ces)) is not None:
        formula = ces.measure.definition.partition(".")[0].removeprefix("ces_")
        CES.labels(formula).set(value)
    for metric, line in found.lines.items():
        reading = None if line is None else line.reading
        ANSWERS.labels(metric).set(0 if reading is None else reading.n)
        rate = None if line is None or line.response is None else line.response.rate(0.95)
        if rate is not None:
            RESPONSE.labels(metric).set(rate[0])
    OPEN_CASES.set(found.open_cases)


def _value(line: Line | None) -> float | None:
    reading = None if line is None else line.reading
    return None if reading is None else reading.value


JOBS = (Job("metrics.tell", timedelta(minutes=1), tell),)
