"""Each service's database is a server of its own: backed up by itself, at a moment of its own, and lost.

Restored, they go on together: what was sent over Kafka since is read again by each from where its own back-up stands.
"""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import httpx
import pytest
from installation import Install, Installation
from load_run import PEPPER, Traffic
from restoring import lasting, restored

from shared.backup.manifest import read
from shared.bus.postgres.connections import plain_url
from shared.clock import SystemClock
from shared.load.journal import Journal
from shared.load.order import Order
from shared.load.session import Session
from shared.load.wire import Wire
from shared.testing.outage import private_postgres
from shared.testing.platform import PlatformProcess
from shared.testing.postgres import fresh_database

pytestmark = [pytest.mark.long, pytest.mark.timeout(400)]

LOYALTY, REST = "loyalty", "profiles,touchpoints,surveys,metrics"
TOGETHER = {**PEPPER, "TAM_INSTALLATION_KEY": "one-key-for-all-databases-of-a-firm-0123456789"}


@pytest.fixture
async def firm(install: Install, database_url: str) -> AsyncIterator[Installation]:
    async with install(database_url, **TOGETHER) as made:
        yield made


@pytest.fixture
async def apart(pg_url: str, template: str, firm: Installation) -> AsyncIterator[str]:
    """A database for loyalty alone, with the firm's keys."""
    async with fresh_database(pg_url, template=template) as url:
        await copied("platform.api_keys", firm.url, url)
        yield url


async def copied(table: str, source: str, target: str) -> None:
    """Rows of a table, from one database to another that has none."""
    here, there = await asyncpg.connect(plain_url(source)), await asyncpg.connect(plain_url(target))
    try:
        rows = await here.fetch(f"SELECT * FROM {table}")
        await there.copy_records_to_table(
            table.partition(".")[2], schema_name=table.partition(".")[0], records=rows, columns=list(rows[0].keys())
        )
    finally:
        await here.close()
        await there.close()


class Gateway(httpx.AsyncHTTPTransport):
    """One door before both, as deploy/gateway/Caddyfile has it."""

    def __init__(self, loyalty: str, rest: str) -> None:
        super().__init__()
        self._hosts = {LOYALTY: httpx.URL(loyalty), REST: httpx.URL(rest)}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path.startswith("/v1/ops/"):
            told = re.fullmatch(r"/v1/ops/(\w+)(/.+)", path)
            if told is None:
                return httpx.Response(404, json={"code": "not_found"})
            service, path = told[1], f"/v1/ops{told[2]}"
        else:
            service = "loyalty" if path.startswith("/v1/loyalty") else "another"
        host = self._hosts[LOYALTY if service == "loyalty" else REST]
        request.url = request.url.copy_with(scheme=host.scheme, host=host.host, port=host.port, path=path)
        return await super().handle_async_request(request)


def serving(firm: Installation, only: str, url: str, log: Path, port: int | None = None) -> PlatformProcess:
    """A process of these services on their database; it ends with the test."""
    made = PlatformProcess(
        environ={**firm.environ, "TAM_DATABASE_URL": url}, log=log, arguments=("--only", only), port=port
    )
    firm.processes.append(made)
    return made


@asynccontextmanager
async def orders(firm: Installation, loyalty: PlatformProcess, rest: PlatformProcess) -> AsyncIterator[Traffic]:
    """What SDKs send; it all travels over Kafka, and so nothing of it is in a database alone."""
    gateway = Gateway(loyalty.base_url, rest.base_url)
    async with AsyncExitStack() as stack:
        client = httpx.AsyncClient(transport=gateway, base_url="http://shop.example", timeout=30)
        wire = Wire([await stack.enter_async_context(client)], firm.write_key, firm.secret_key, 200.0)
        journal = Journal(firm.folder / "load.jsonl")
        stack.callback(journal.close)
        order = Order("sdk", firm.seed, 30.0, 100, 7_200.0, datetime.now(UTC))
        made = Traffic(await Session.opened(wire, SystemClock(), journal, order))
        stack.push_async_callback(made.stop)
        yield made


@pytest.mark.parametrize("kafka", ["kafka"], indirect=True)
async def test_databases_of_single_services_are_backed_up_and_restored_each_by_itself(
    firm: Installation, apart: str, tmp_path: Path
):
    processes = [serving(firm, LOYALTY, apart, tmp_path / "l.log"), serving(firm, REST, firm.url, tmp_path / "r.log")]
    for each in processes:
        await each.start(patience_seconds=200)
    parts = {LOYALTY: apart, REST: firm.url}
    async with AsyncExitStack() as stack:
        load = await stack.enter_async_context(orders(firm, *processes))
        for number, (only, url) in enumerate(parts.items()):
            await load.goes_on(40)
            here = replace(firm, environ={**firm.environ, "TAM_DATABASE_URL": url})
            await here.command("backup", str(tmp_path / str(number)), "--only", only)
        await load.goes_on(40)
        for each in processes:
            each.kill()

        server = await stack.enter_async_context(private_postgres())
        for number, only in enumerate(parts):
            url = await stack.enter_async_context(fresh_database(server.url))
            there = replace(firm, environ={**firm.environ, "TAM_DATABASE_URL": url})
            await there.command("restore", str(tmp_path / str(number)), "--no-erasures")
            manifest = read(tmp_path / str(number))
            assert set(manifest.positions) == set(only.split(","))
            assert await restored(url, manifest) == lasting(manifest.digests)
            log, port = tmp_path / f"again-{number}.log", processes[number].port
            await serving(firm, only, url, log, port).start(patience_seconds=200)
        await load.goes_on(40)
        verdict = await load.judged()

    print(f"{load.story()}; {verdict.events} events, {verdict.facts} facts of {verdict.persons} people")
    assert verdict.differences == []
    assert verdict.events > 150
