"""Real processes and HTTP only: `tam` as a person starts it, the API as shops and CRMs call it."""

import asyncio
import atexit
import contextlib
import functools
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from shared.testing.platform import PlatformProcess
from shared.testing.postgres import fresh_database
from shared.testing.zygote import PLAIN, Zygote

PATIENCE_SECONDS = 60.0


@functools.cache
def client() -> httpx.Client:
    """One for all that is asked: to make one costs more than most answers."""
    made = httpx.Client(timeout=30, trust_env=False)
    atexit.register(made.close)
    return made


def clean_environ(**environ: str) -> dict[str, str]:
    """Our environment without any `TAM_` setting of the person who runs the tests, and with these."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("TAM_")}
    return {**ours, "NO_COLOR": "1", **environ}


@functools.cache
def zygote() -> Zygote:
    """Where processes come from: each is one of its own, but need not import everything anew."""
    made = Zygote(PLAIN)
    atexit.register(made.close)
    return made


def tam(*arguments: str, patience: float = 120, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    with TemporaryDirectory() as folder:
        out, err = Path(folder) / "out", Path(folder) / "err"
        process = zygote().spawn(arguments, environ=clean_environ(**environ), log=err, stdout=out)
        try:
            code = process.wait(patience)
        finally:
            process.kill()
        return subprocess.CompletedProcess(arguments, code, out.read_text(), err.read_text())


def eventually(probe: Callable[[], Any], expected: Any, *, patience: float = PATIENCE_SECONDS) -> None:
    """Wait until `probe` gives `expected`; asserts it, so that a failure shows both."""
    deadline = time.monotonic() + patience
    while (found := probe()) != expected and time.monotonic() < deadline:
        time.sleep(0.05)
    assert found == expected


@dataclass(frozen=True, slots=True)
class Shop:
    """One running platform, with keys."""

    base_url: str
    write_key: str
    secret_key: str
    environ: Mapping[str, str]

    def post(self, path: str, body: Any = None, **options: Any) -> httpx.Response:
        """Send with the write key."""
        options.setdefault("auth", (self.write_key, ""))
        if "content" not in options:
            options["json"] = body
        return client().post(self.base_url + path, **options)

    def get(self, path: str, *, key: str | None = None, **params: Any) -> httpx.Response:
        """Read with the secret key."""
        headers = {"Authorization": f"Bearer {key or self.secret_key}"}
        return client().get(self.base_url + path, params=params, headers=headers)

    def asked(self, method: str, path: str, body: Any) -> Any:
        """Ask as a CRM does, which must succeed."""
        headers = {"Authorization": f"Bearer {self.secret_key}"}
        response = client().request(method, self.base_url + path, json=body, headers=headers)
        assert response.is_success, (path, response.text)
        return response.json()

    def json(self, path: str, **params: Any) -> Any:
        """Read, which must succeed."""
        response = self.get(path, **params)
        assert response.status_code == 200, response.text
        return response.json()

    def figures(self, path: str = "/v1/metrics/summary", **params: Any) -> dict[str, Any]:
        """The values of all figures of an answer, by name."""
        return values(self.json(path, **params))

    def customer(self, reference: str) -> dict[str, Any]:
        """The values of a customer's figures; empty for one who never ordered."""
        response = self.get(f"/v1/metrics/customers/{reference}")
        if response.status_code == 404:
            return {}
        return {
            name: each["value"] for name, each in response.json().items() if isinstance(each, dict) and "value" in each
        }

    def touchpoints(self, reference: str) -> list[dict[str, Any]]:
        """A customer's journey, newest first; all its pages."""
        found: list[dict[str, Any]] = []
        cursor: dict[str, str] = {}
        while True:
            page = self.json(f"/v1/customers/{reference}/touchpoints", **cursor)
            found += page["items"]
            if page["next_cursor"] is None:
                return found
            cursor = {"cursor": page["next_cursor"]}

    def settled(self) -> None:
        """Wait until every consumer has read everything, for a while on end (the outbox is in between)."""
        quiet, deadline = 0, time.monotonic() + PATIENCE_SECONDS
        while quiet < 6:
            consumers = self.json("/v1/ops/consumers")["items"]
            assert consumers, "no consumer is shown"
            quiet = quiet + 1 if all(each["lag"] == 0 for each in consumers) else 0
            assert time.monotonic() < deadline, f"consumers do not come to rest: {consumers}"
            time.sleep(0.05)


def values(answer: Mapping[str, Any]) -> dict[str, Any]:
    """The bare values of an answer's figures, by name."""
    return {name: each["value"] for name, each in answer.items() if isinstance(each, dict) and "value" in each}


@contextlib.contextmanager
def fresh(pg_url: str) -> Iterator[str]:
    """A fresh database, for longer than one test."""
    with asyncio.Runner() as runner:
        database = fresh_database(pg_url)
        url = runner.run(database.__aenter__())
        try:
            yield url
        finally:
            runner.run(database.__aexit__(None, None, None))


@contextlib.contextmanager
def serving(
    log: Path, arguments: Sequence[str] = (), *, was_killed: bool = False, **environ: str
) -> Iterator[PlatformProcess]:
    """`tam serve` until the end of the block; it must then stop as asked, with exit code 0, or is killed."""
    process = PlatformProcess(environ=environ, log=log, arguments=arguments, zygote=zygote())
    asyncio.run(process.start())
    try:
        yield process
    except BaseException:
        process.kill()
        raise
    if was_killed:
        process.kill()
        return
    assert asyncio.run(process.stop()) == 0, log.read_text(errors="replace")[-4000:]


def make_keys(**environ: str) -> tuple[str, str]:
    """A write key of the source `web` and a secret key for everything."""
    made = [
        tam("keys", "create", "shop", "--kind", "write", "--source", "web", **environ),
        tam("keys", "create", "CRM", "--scope", "*", **environ),
    ]
    assert [each.returncode for each in made] == [0, 0], made[0].stderr + made[1].stderr
    write, secret = (each.stdout.strip() for each in made)
    return write, secret


def order(order_id: str, total: Any, who: Mapping[str, str], *, time: str | None = None) -> dict[str, Any]:
    """An Order Completed as an SDK sends it."""
    properties = {"order_id": order_id, "total": total, "currency": "USD"}
    event = {"type": "track", "event": "Order Completed", **who, "properties": properties}
    return event if time is None else {**event, "timestamp": time}
