"""The product where nothing travels in clear: PostgreSQL wants TLS, Kafka wants TLS and a password."""

import asyncio
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import asyncpg
import httpx
import pytest
from demanding import PASSWORD, Demanding, DemandingBroker, demanding_kafka, demanding_postgres, tam

from shared.testing.kafka import KafkaMissing
from shared.testing.platform import PlatformProcess

PATIENCE_SECONDS = 60.0
WRONG = "canary-guess"
pytestmark = [pytest.mark.long, pytest.mark.timeout(500)]


@dataclass(frozen=True, slots=True)
class Fortress:
    """Both servers, and what to set for them."""

    postgres: Demanding
    kafka: DemandingBroker

    @property
    def right(self) -> Mapping[str, str]:
        """What the manual says."""
        return {"TAM_DATABASE_URL": self.postgres.right, "TAM_PARTITIONS": "2", "TAM_PORT": "0", **self.kafka.environ()}


@pytest.fixture(scope="module")
def fortress(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fortress]:
    try:
        with demanding_postgres() as postgres, demanding_kafka(tmp_path_factory.mktemp("broker")) as kafka:
            yield Fortress(postgres, kafka)
    except KafkaMissing as missing:
        reason = f"No broker that demands TLS can be run here: {missing}"
        if os.environ.get("TAM_REQUIRE_KAFKA") == "1":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)


async def made_ready(fortress: Fortress) -> tuple[str, str]:
    """Schemas, topics, and keys of both kinds."""
    for command in (("migrate",), ("topics", "--create")):
        assert (await tam(*command, **fortress.right))[0] == 0, command
    write = await tam("keys", "create", "shop", "--kind", "write", **fortress.right)
    secret = await tam("keys", "create", "crm", "--scope", "*", **fortress.right)
    return write.printed.strip(), secret.printed.strip()


async def test_an_order_becomes_a_figure_and_nothing_travels_in_clear(fortress: Fortress, tmp_path: Path):
    """An api and a worker of their own; a third process that only watches sees every connection encrypted."""
    write, secret = await made_ready(fortress)
    environ = {**fortress.right, "TAM_AUTO_MIGRATE": "false", "TAM_LOG_LEVEL": "DEBUG"}
    processes = [
        PlatformProcess(environ=environ, log=tmp_path / f"{role}.log", arguments=("--role", role))
        for role in ("api", "worker")
    ]
    try:
        for process in processes:
            await process.start(patience_seconds=PATIENCE_SECONDS)
        async with httpx.AsyncClient(base_url=processes[0].base_url, timeout=30, trust_env=False) as http:
            told = {"order_id": "o-1", "total": 250_000, "currency": "VND"}
            event = {"userId": "lan", "event": "Order Completed", "messageId": "m-1", "properties": told}
            answer = await http.post("/v1/track", auth=(write, ""), json=event)
            assert (answer.status_code, answer.json()["accepted"]) == (200, 1)
            await becomes_a_figure(http, secret)
        assert await ways_to(fortress.postgres) == {True}
        for process in processes:
            assert await process.stop() == 0
            said = process.log.read_text()
            assert "canary" not in said
            assert PASSWORD not in said
    finally:
        for process in processes:
            process.kill()


async def becomes_a_figure(http: httpx.AsyncClient, secret: str) -> None:
    deadline = monotonic() + PATIENCE_SECONDS
    headers = {"Authorization": f"Bearer {secret}"}
    while (answer := await http.get("/v1/metrics/customers/user_id:lan", headers=headers)).status_code != 200:
        assert monotonic() < deadline, answer.text
        await asyncio.sleep(0.2)
    assert answer.json()["orders"]["value"] == 1


async def ways_to(postgres: Demanding) -> set[bool]:
    """Whether connections of the product are encrypted: all that can be seen, by the server's word."""
    connection = await asyncpg.connect(postgres.right)
    try:
        rows = await connection.fetch(
            "SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) "
            "WHERE usename = 'tam' AND pid <> pg_backend_pid()"
        )
    finally:
        await connection.close()
    assert len(rows) > 5
    return {row["ssl"] for row in rows}


@pytest.mark.parametrize(
    ("what", "told", "role"),
    [
        ("kafka stranger", "tam_kafka_ssl_cafile", "api"),
        ("kafka stranger", "certificate of 127.0.0.1", "worker"),
        ("kafka password", "does not let this user in", "worker"),
        ("kafka in clear", "tam_kafka_security_protocol", "api"),
        ("postgres stranger", "certificate verify failed", "api"),
        ("postgres password", "password authentication failed", "worker"),
        ("postgres in clear", "no encryption", "api"),
    ],
)
async def test_with_a_wrong_setting_nothing_starts_and_one_line_says_why(
    fortress: Fortress, what: str, told: str, role: str
):
    """Not a hang, not a traceback, and no password in it."""
    postgres, kafka = fortress.postgres, fortress.kafka
    wrong = {
        "kafka stranger": kafka.environ(authority=kafka.stranger),
        "kafka password": kafka.environ(password=WRONG),
        "kafka in clear": {"TAM_KAFKA_SECURITY_PROTOCOL": "PLAINTEXT"},
        "postgres stranger": {"TAM_DATABASE_URL": postgres.url(f"sslmode=verify-full&sslrootcert={postgres.stranger}")},
        "postgres password": {
            "TAM_DATABASE_URL": postgres.url(f"sslmode=verify-full&sslrootcert={postgres.authority}", password=WRONG)
        },
        "postgres in clear": {"TAM_DATABASE_URL": postgres.url("sslmode=disable")},
    }
    code, said, _ = await tam("serve", "--role", role, **{**fortress.right, **wrong[what]})

    assert code == 1
    assert told in said.lower()
    assert said.count("\n") <= 2, said
    assert "Traceback" not in said
    assert "canary" not in said
