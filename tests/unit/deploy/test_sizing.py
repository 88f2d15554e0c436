"""The page about sizes: it says what was measured, reckons as it says, and more of something never needs less."""

import json
import sys
from itertools import pairwise
from pathlib import Path

import pytest

DEPLOY = Path(__file__).parents[3] / "deploy"
sys.path.insert(0, str(DEPLOY))

import sizing  # noqa: E402

RUN = {
    "events": 1_000,
    "people": 100,
    "cpu_us_per_event": {"api": 500, "worker/metrics": 1_000, "postgresql": 2_000, "kafka": 1_000},
    "idle_cores": {"api": 0.1, "worker/metrics": 0.2, "postgresql": 0.05, "kafka": 0.1},
    "memory_mb": {"api": 100, **{f"worker/{name}": 100 for name in sizing.WORKERS}, "kafka": 400},
    "kafka_log_bytes_per_event": 700,
    "bytes": {
        "touchpoints": {
            "touchpoints": {"rows": 400_000, "indexes": 100_000},
            "inbox_1": {"rows": 50_000, "indexes": 0},
        },
        "metrics": {"orders": {"rows": 20_000, "indexes": 10_000}},
    },
}


def test_the_page_is_what_the_figures_say():
    made = sizing.page(json.loads(sizing.MEASURED.read_text()), sizing.Assumed())

    assert sizing.PAGE.read_text(encoding="utf-8") == made, "run: python deploy/sizing.py"


def test_it_reckons_as_by_hand():
    made, assumed = sizing.cost(RUN), sizing.Assumed()

    assert (made.log_bytes, made.touchpoint_bytes, made.passing_bytes, made.customer_bytes) == (700, 500, 50, 300)
    # 10,000 events × 1 ms are 10 cores, at half of a core 20, and a fifth of one idle.
    assert sizing.cores(made, "metrics", 10_000, assumed) == pytest.approx(20.2)
    assert sizing.processes(made, "metrics", 10_000, assumed) == 21
    disk = sizing.disk_gb(made, 1_000, 1_000_000, assumed)
    # 500 events/s in the mean × 86,400 s × 90 days × 700 bytes × 3 copies.
    assert disk["log"] == pytest.approx(8_164.8)
    assert disk["database"] == pytest.approx((8_640 + 19.44 + 0.3) * 1.5 * 2)


@pytest.mark.parametrize("what", ["rate", "customers"])
def test_more_never_needs_less(what: str):
    made, assumed = sizing.cost(RUN), sizing.Assumed()
    sizes = [(rate, 1_000_000) for rate in sizing.RATES] if what == "rate" else [(1_000, n) for n in sizing.CUSTOMERS]
    needs = [sizing.need(made, rate, customers, assumed) for rate, customers in sizes]

    for less, more in pairwise(needs):
        assert more.dollars > less.dollars
        assert more.database > less.database
        assert more.partitions >= less.partitions
    assert min(needs[0].processes.values()) >= 2
