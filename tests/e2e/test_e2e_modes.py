"""The three ways to run give the same figures for the same day of a shop."""

import contextlib
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from e2e_world import Shop, clean_environ, eventually, fresh, make_keys, order, serving

from shared.testing.kafka import GivenBroker, KafkaBroker

README = Path(__file__).parents[2] / "README.md"


def a_day(shop: Shop) -> dict[str, Any]:
    """Ten customers, thirty orders, a refund, a cancellation, a duplicate batch and a late event."""
    batch = [
        order(f"o-{number}", "10.10", {"userId": f"u-{number % 10}"}, time=f"2026-11-{number % 20 + 1:02}T10:00:00Z")
        for number in range(30)
    ]
    batch = [{**event, "messageId": f"m-{number}"} for number, event in enumerate(batch)]
    about = {"order_id": "o-1", "currency": "USD"}
    batch.append(
        {"type": "track", "userId": "u-1", "event": "Order Refunded", "properties": {**about, "total": "1.10"}}
    )
    batch.append({"type": "track", "userId": "u-2", "event": "Order Cancelled", "properties": {"order_id": "o-2"}})
    for _ in range(2):
        answer = shop.post("/v1/batch", {"batch": batch[:30]})
        assert (answer.status_code, answer.json()["rejected"]) == (200, [])
    assert shop.post("/v1/batch", {"batch": batch[30:]}).status_code == 200
    eventually(lambda: shop.figures()["orders"], 29)
    shop.settled()
    figures = shop.figures(as_of="2026-11-21")
    assert (figures["orders"], figures["customers"], figures["gross"]) == (29, 10, "292.90")
    assert len(shop.touchpoints("user_id:u-1")) == 4
    return figures


@contextlib.contextmanager
def split(logs: Path, name: str, **environ: str) -> Iterator[Shop]:
    """One process that answers, two that work."""
    write, secret = make_keys(**environ)
    with contextlib.ExitStack() as stack:
        for number in (1, 2):
            stack.enter_context(serving(logs / f"{name}-worker-{number}.log", ["--role", "worker"], **environ))
        api = stack.enter_context(serving(logs / f"{name}-api.log", ["--role", "api"], **environ))
        yield Shop(api.base_url, write, secret, environ)


def test_one_box_in_one_process_and_in_three(empty_shop: Shop, pg_url: str, logs: Path):
    together = a_day(empty_shop)
    with fresh(pg_url) as url, split(logs, "one-box", TAM_DATABASE_URL=url) as shop:
        apart = a_day(shop)

    assert apart == together


def test_kafka_in_three_processes(pg_url: str, logs: Path, kafka_broker: KafkaBroker | GivenBroker):
    environ = {
        "TAM_KAFKA_BOOTSTRAP_SERVERS": kafka_broker.bootstrap_servers,
        "TAM_TOPIC_PREFIX": f"e2e-{uuid4().hex[:8]}.",
    }
    with fresh(pg_url) as url, split(logs, "kafka", TAM_DATABASE_URL=url, **environ) as shop:
        a_day(shop)


def test_a_worker_of_one_service_answers_probes_only(pg_url: str, logs: Path):
    with fresh(pg_url) as url:
        environ = {"TAM_DATABASE_URL": url}
        _, secret = make_keys(**environ)
        with (
            serving(logs / "metrics.log", ["--only", "metrics", "--role", "worker"], **environ) as process,
            httpx.Client(base_url=process.base_url, trust_env=False) as client,
        ):
            statuses = [client.get(path).status_code for path in ("/healthz", "/readyz", "/metrics")]
            assert statuses == [200, 200, 200]
            answer = client.get("/v1/metrics/summary", headers={"Authorization": f"Bearer {secret}"})
            assert answer.status_code == 404


def test_the_readmes_first_event_first_points_and_first_answer(data_dir: Path, logs: Path):
    """Its curl commands, as they stand there, against a first start with nothing set but where to be."""
    commands = re.findall(r"^curl .*?(?<!\\)$(?=\n\n|\n```|\ncurl)", README.read_text(), re.M | re.S)
    assert len(commands) == 11, commands
    log = logs / "readme.log"
    with serving(log, TAM_DATA_DIR=str(data_dir / "data")) as process:
        said = log.read_text()
        keys = {
            "WRITE_KEY": re.search(r"(tam_wk_\S+)", said),
            "SECRET_KEY": re.search(r"(tam_sk_\S+)", said),
        }
        environ = clean_environ(**{name: found[1] for name, found in keys.items() if found})

        def run(command: str) -> str:
            here = command.replace("http://127.0.0.1:8000", process.base_url)
            ended = subprocess.run(
                ["sh", "-c", f"{here} --silent --show-error"],
                env=environ,
                capture_output=True,
                text=True,
                check=False,
            )
            assert ended.returncode == 0, ended.stderr
            return ended.stdout

        assert '"success":true' in run(commands[0])
        eventually(lambda: '"gross":{"value":"250000"' in run(commands[1]), True)
        assert '"version":1' in run(commands[2])
        assert '"success":true' in run(commands[3])
        eventually(lambda: '"available":25' in run(commands[4]), True)
        environ["SURVEY"] = json.loads(run(commands[5]))["id"]
        assert '"state":"active"' in run(commands[6])
        assert '"version":1' in run(commands[7])
        assert '"state":"complete"' in run(commands[8])
        eventually(lambda: '"value":-100.0' in run(commands[9]), True)
        eventually(lambda: '"code":"complaint_open"' in run(commands[10]), True)
