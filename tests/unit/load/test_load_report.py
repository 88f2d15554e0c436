"""The page about a load: it needs nothing else, shows what was seen, and takes nothing for markup."""

import re
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree

import pytest

from shared.load.judge import Difference, Verdict
from shared.load.order import Order
from shared.load.plot import plot
from shared.load.report import page
from shared.load.watch import Watch

ORDER = Order("shop", 7, 50.0, 1_000, 60.0, datetime(2026, 11, 22, 8, 0, tzinfo=UTC))


def document(verdict: Verdict | None, watch: Watch) -> dict[str, Any]:
    waits = {"p50": 3.0, "p95": 9.0, "p99": 12.5, "max": 40.0}
    return {
        "order": ORDER.document(),
        "sent": {
            "acts": 900,
            "events": 3_000,
            "seconds": 60.2,
            "events_per_second": 49.8,
            "generator_late_ms": waits,
            "answered_ms": {"say": waits},
        },
        "times": {"say": 900},
        "refusals": {"redeem: loyalty.points_short": 4},
        "outcomes": {"200": 900},
        "settled_seconds": 1.25,
        "watch": watch.document(),
        "verdict": None if verdict is None else verdict.document(),
    }


@pytest.fixture
def watch() -> Watch:
    made = Watch.of(60.0)
    for second in range(60):
        made.answered(second + 0.5, 0.004, 50)
    made.answered(30.2, 2.5, 10)
    made.at, made.behind = [0.0, 30.0, 60.0], [0, 40, 3]
    made.memory_mb["http://127.0.0.1:8000"] = [300.0, 310.0, 311.5]
    return made


def test_a_watch_tells_rate_and_latency_of_each_slot(watch: Watch):
    seen = watch.document()

    assert seen["slot_seconds"] == 1.0
    assert seen["events_per_second"] == [50.0] * 30 + [60.0] + [50.0] * 29
    assert (seen["p50_ms"][30], seen["p99_ms"][30], seen["p99_ms"][29]) == (2_500.0, 2_500.0, 4.0)


def test_the_page_needs_nothing_else_and_shows_what_was_found(watch: Watch):
    verdict = Verdict(12, 40, 300, 2_900)
    html = page(document(verdict, watch))

    assert not re.findall(r"(?:src|href)=|@import|url\(|<script", html)
    assert html.count("<svg") == 4
    for said in ("All right", "12 of 40 people", "3,000 events in 60.2 s", "redeem: loyalty.points_short", "12.5"):
        assert said in html
    for picture in re.findall(r"<svg.*?</svg>", html, re.DOTALL):
        ElementTree.fromstring(picture)


def test_differences_are_shown_and_taken_for_text(watch: Watch):
    verdict = Verdict(1, 1, 5, 5, [Difference("user_id:<b>Lan</b>", "orders", 2, 1)] * 201)
    html = page(document(verdict, watch))

    assert "201 differences" in html
    assert "<b>Lan" not in html
    assert "&lt;b&gt;Lan" in html
    assert "and 1 more" in html


def test_a_run_that_sent_nothing_has_a_page_too():
    sent = document(None, Watch.of(60.0))
    sent["sent"] = {**sent["sent"], "acts": 0, "answered_ms": {}}

    html = page(sent)

    assert "It was not checked" in html
    assert "<svg" not in html


def test_a_line_with_gaps_is_drawn_through_what_there_is():
    picture = plot("ms", [1.0, 2.0, 3.0], {"p50": [1.0, None, 3.0]}, seconds=3.0)

    points = re.findall(r'points="([^"]*)"', picture)[0].split()
    assert len(points) == 2
    assert [float(point.split(",")[0]) for point in points] == sorted(float(point.split(",")[0]) for point in points)
