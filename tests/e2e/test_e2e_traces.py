"""One trace from the request to the figure it changed, as a collector gets it: over processes, outbox and bus."""

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from collector import Collector, Span, collecting
from e2e_world import Shop, clean_environ, client, eventually, fresh, make_keys, order, serving, tam

from shared.testing.kafka import KafkaBroker

MAIL = "lan.nguyen@khach.example"
WORDS = (MAIL, "Nguyễn Thị Lan", "0912345678", "12 Hàng Bạc")


@dataclass(frozen=True, slots=True)
class Traced:
    """Processes that export to a collector, and a door of each kind."""

    collector: Collector
    shop: Shop
    figures: str
    logs: tuple[Path, ...]


@contextmanager
def processes(pg_url: str, folder: Path, **environ: str) -> Iterator[Traced]:
    """Touchpoints' api and worker, and metrics with both, each in a process of its own."""
    with fresh(pg_url) as url, collecting() as collector, ExitStack() as stack:
        environ = {
            "TAM_DATABASE_URL": url,
            "TAM_TRACES_URL": collector.url,
            "TAM_TRACES_SHARE": "1",
            "TAM_TRACES_HEADERS": "x-tenant=t%C3%A2m,authorization=Bearer%20very-secret-token",
            **environ,
        }
        write, secret = make_keys(**environ)
        logs = tuple(folder / f"{name}.log" for name in ("api", "worker", "metrics"))
        kinds = (
            ("--only", "touchpoints", "--role", "api"),
            ("--only", "touchpoints", "--role", "worker"),
            ("--only", "metrics"),
        )
        api, _, metrics = (
            stack.enter_context(serving(log, kind, **environ)) for log, kind in zip(logs, kinds, strict=True)
        )
        yield Traced(collector, Shop(api.base_url, write, secret, environ), metrics.base_url, logs)


@pytest.fixture(scope="module")
def traced(pg_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traced]:
    with processes(pg_url, tmp_path_factory.mktemp("traced")) as world:
        yield world


def bought(world: Traced, *, flags: str = "01") -> str:
    """A shop that traces says that somebody bought; the id of the trace, once the figure has changed."""
    trace_id, who = uuid4().hex, f"u-{uuid4().hex}"
    event = order(f"o-{who}", 12.5, {"userId": who}) | {"context": {"traits": {"email": MAIL, "name": WORDS[1]}}}
    answer = world.shop.post("/v1/track", event, headers={"traceparent": f"00-{trace_id}-{'ab' * 8}-{flags}"})
    assert answer.status_code == 200, answer.text
    headers = {"Authorization": f"Bearer {world.shop.secret_key}"}
    path = f"{world.figures}/v1/metrics/customers/user_id:{who}"
    eventually(lambda: client().get(path, headers=headers).status_code, 200)
    return trace_id


def whole(world: Traced, trace_id: str, caller: str = "ab" * 8) -> list[Span]:
    """The spans of a trace that has come to its end. Each process sends its own when it is its turn: the last span of a
    trace may well be here before those that it hangs on."""

    def complete() -> list[Span]:
        found = world.collector.of(trace_id)
        known = {caller, *(each.span_id for each in found)}
        has_ended = any(each.name == "process metrics.orders" for each in found)
        return found if has_ended and all(each.parent_id in known for each in found) else []

    spans: list[Span] = world.collector.waits(complete)
    return spans


def chain(spans: list[Span], last: str) -> list[tuple[str, str, str]]:
    """From the first span to the one of this name: name, kind and process of each."""
    by_id = {each.span_id: each for each in spans}
    (span,) = [each for each in spans if each.name == last]
    found = []
    while span is not None:
        found.append((span.name, span.kind, span.process))
        top, span = span, by_id.get(span.parent_id)
    assert top.parent_id == "ab" * 8, "it begins with the span of the caller"
    return found[::-1]


EXPECTED = [
    ("POST /v1/track", "SERVER", "tam-touchpoints api"),
    ("process touchpoints.recorder", "CONSUMER", "tam-touchpoints worker"),
    ("send orders", "PRODUCER", "tam-touchpoints worker"),
    ("process metrics.orders", "CONSUMER", "tam-metrics all"),
]


def assert_one_trace(world: Traced) -> None:
    trace_id = bought(world)

    assert chain(whole(world, trace_id), "process metrics.orders") == EXPECTED


def test_one_trace_goes_from_the_request_to_the_figure_in_another_process(traced: Traced):
    assert_one_trace(traced)


def test_the_same_over_kafka(pg_url: str, kafka_broker: KafkaBroker, tmp_path: Path):
    prefix = f"traces-{uuid4().hex[:8]}."
    environ = {"TAM_KAFKA_BOOTSTRAP_SERVERS": kafka_broker.bootstrap_servers, "TAM_TOPIC_PREFIX": prefix}
    with processes(pg_url, tmp_path, **environ) as world:
        assert_one_trace(world)


def test_spans_tell_names_and_numbers_and_nothing_of_anybody(traced: Traced):
    trace_id = bought(traced)
    spans = whole(traced, trace_id)

    (request,) = [each for each in spans if each.kind == "SERVER"]
    assert request.attributes == {
        "http.request.method": "POST",
        "http.route": "/v1/track",
        "http.response.status_code": 200,
    }
    (process,) = [each for each in spans if each.name == "process metrics.orders"]
    assert process.attributes["messaging.destination.name"] == "orders"
    assert process.attributes["messaging.consumer.group.name"] == "metrics.orders"
    assert process.attributes["messaging.batch.message_count"] >= 1
    assert process.seconds > 0
    assert {each.resource["service.namespace"] for each in spans} == {"tam"}
    said = b"".join(traced.collector.bodies)
    assert b"process metrics.orders" in said, "the control: what is there is found"
    for word in (*WORDS, traced.shop.write_key, traced.shop.secret_key):
        assert word.encode() not in said


def test_the_collector_is_sent_the_headers_it_wants(traced: Traced):
    bought(traced)
    headers = traced.collector.waits(lambda: traced.collector.headers)

    assert {each["authorization"] for each in headers} == {"Bearer very-secret-token"}
    assert "very-secret-token" not in tam("settings", **traced.shop.environ).stdout


def test_a_caller_who_does_not_want_a_trace_gets_none(traced: Traced):
    unwanted = bought(traced, flags="00")
    wanted = bought(traced)

    traced.collector.waits(lambda: [each for each in traced.collector.of(wanted) if "metrics.orders" in each.name])
    assert traced.collector.of(unwanted) == []


def test_each_of_many_at_once_has_a_trace_of_its_own(traced: Traced):
    ids = [uuid4().hex for _ in range(12)]
    headers = [{"traceparent": f"00-{each}-{'cd' * 8}-01"} for each in ids]

    async def send_all() -> None:
        auth = (traced.shop.write_key, "")
        async with httpx.AsyncClient(base_url=traced.shop.base_url, auth=auth, timeout=30) as shop:
            await asyncio.gather(
                *(
                    shop.post("/v1/track", json=order(f"o-{each}", 3, {"userId": f"u-{each}"}), headers=header)
                    for each, header in zip(ids, headers, strict=True)
                )
            )

    asyncio.run(send_all())

    for each in ids:
        by_id = {span.span_id: span for span in whole(traced, each, caller="cd" * 8)}
        (last,) = [span for span in by_id.values() if span.name == "process metrics.orders"]
        assert by_id[last.parent_id].name == "send orders", "handled in its own trace, whatever it was in a batch with"


def test_probes_and_scrapes_are_no_traces(traced: Traced):
    for path in ("/healthz", "/readyz", "/metrics"):
        assert client().get(traced.shop.base_url + path).status_code == 200
    known = bought(traced)

    traced.collector.waits(lambda: traced.collector.of(known))
    assert not [each for each in traced.collector.spans if each.name.endswith(("healthz", "readyz", "/metrics", "GET"))]


def test_lines_of_the_log_tell_which_trace_they_belong_to(traced: Traced):
    trace_id = uuid4().hex
    big = {"userId": "u-1", "traits": {f"t{number}": "x" * 60_000 for number in range(3)}}
    traced.shop.post("/v1/identify", big, headers={"traceparent": f"00-{trace_id}-{'ab' * 8}-01"})

    lines = [json.loads(line) for log in traced.logs for line in log.read_text().splitlines() if line.startswith("{")]
    assert all(set(line) >= {"event", "level", "timestamp", "logger"} for line in lines)
    assert all(len(line["trace_id"]) == 32 and len(line["span_id"]) == 16 for line in lines if "trace_id" in line)


def test_a_collector_that_hangs_or_is_away_holds_up_nobody(pg_url: str, tmp_path: Path):
    with fresh(pg_url) as url, socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(1)  # takes connections, and never answers
        port = deaf.getsockname()[1]
        environ = {
            "TAM_DATABASE_URL": url,
            "TAM_TRACES_URL": f"http://127.0.0.1:{port}/v1/traces",
            "TAM_TRACES_SHARE": "1",
        }
        write, secret = make_keys(**environ)
        with serving(tmp_path / "deaf.log", ("--only", "touchpoints"), **environ) as process:
            shop = Shop(process.base_url, write, secret, environ)
            for number in range(300):
                answer = shop.post("/v1/track", order(f"o-{number}", 1, {"userId": "u-deaf"}))
                assert answer.status_code == 200
            assert client().get(process.base_url + "/readyz").status_code == 200


def test_without_a_collector_nothing_of_the_exporter_is_loaded():
    code = (
        "import sys, services.cli.serve; "
        "print([m for m in sys.modules if m.startswith(('opentelemetry.sdk', 'opentelemetry.exporter', 'google.'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=clean_environ(), check=True)
    assert done.stdout.strip() == "[]"
