"""After `make demo` a person opens Grafana: every panel of every dashboard shows a number."""

import contextlib
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from e2e_world import Shop, clean_environ
from prometheus_world import asked, found_prometheus, questions, shows, watching

from shared.testing.ports import free_port
from shared.testing.postgres import scratch_folder

PATIENCE = 1_200
# Alarms and score cards are worked out every five minutes, models every two.
JOBS_SECONDS = 600.0
# What people open now and then, one page of each service: who asks nothing for five minutes has no time to answer.
PAGES = ("/v1/metrics/summary", "/v1/segments", "/v1/loyalty/tiers", "/v1/surveys", "/v1/touchpoints/quarantine")
# Panels that may be empty after the demo, each with the reason.
EMPTY: dict[str, str] = {}

pytestmark = [pytest.mark.timeout(PATIENCE + JOBS_SECONDS), pytest.mark.long]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Shop, httpx.Client, str]]:
    """`tam demo` with everything told, as it goes on serving, a Prometheus that watched it, and what it said."""
    found_prometheus()
    port = free_port()
    with scratch_folder() as folder, contextlib.ExitStack() as stack:
        watch = stack.enter_context(watching(f"127.0.0.1:{port}", tmp_path_factory.mktemp("prometheus"), every="5s"))
        log = folder / "said"
        with log.open("wb") as said:
            process = subprocess.Popen(
                [sys.executable, "-m", "services", "demo"],
                env=clean_environ(TAM_DATA_DIR=str(folder / "data"), TAM_PORT=str(port)),
                stdout=said,
                stderr=said,
            )
        try:
            text = told(log, process)
            key = re.search(r"export TAM_KEY=(\S+)", text)
            assert key is not None, text
            yield Shop(f"http://127.0.0.1:{port}", "", key[1], {}), watch, text
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=60)


def told(log: Path, process: "subprocess.Popen[bytes]") -> str:
    """What the demo says until it is done."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        text = log.read_text(errors="replace")
        if "Ctrl-C ends it" in text:
            return text
        time.sleep(0.5)
    raise AssertionError(f"the demo did not come to its end: {log.read_text(errors='replace')[-4000:]}")


def test_the_demo_shows_the_log_and_the_firm_of_today(demo: tuple[Shop, httpx.Client, str]):
    said = demo[2]

    for figure in ("69,659", "23,570", "2,500,315.63 USD", "The firm today"):
        assert figure in said
    assert re.search(r"^nps +[\d.]+ +50.0 +Lan", said, re.MULTILINE), said


def test_every_panel_of_every_dashboard_shows_a_number(demo: tuple[Shop, httpx.Client, str]):
    """Looked at until all did: a rate shows something while there is traffic, an alarm once its job has run."""
    waiting = {each for each in questions() if each.panel not in EMPTY}
    assert len(waiting) > 90
    deadline = time.monotonic() + JOBS_SECONDS
    while waiting and time.monotonic() < deadline:
        # Whoever is busy now answers the next time.
        with contextlib.suppress(httpx.TransportError):
            for page in PAGES:
                demo[0].get(page)
            waiting = {each for each in waiting if not shows(demo[1], each.expr)}
        time.sleep(2)
    assert waiting == set()


def test_what_is_listed_as_empty_is_empty(demo: tuple[Shop, httpx.Client, str]):
    assert {each.panel for each in questions()} >= EMPTY.keys()
    assert not [each for each in questions() if each.panel in EMPTY and shows(demo[1], each.expr)]


def test_nothing_of_the_firm_waits_or_was_lost(demo: tuple[Shop, httpx.Client, str]):
    shop, watch, _ = demo
    shop.settled()

    assert shop.json("/v1/ops/dead-letters")["items"] == []
    assert [each["value"][1] for each in asked(watch, "max(tam_dead_letters_open)")] in ([], ["0"])
    assert shop.json("/v1/loyalty/invariants")["holds"]
