"""The way of an order to a figure, through processes of their own, to servers that demand something of them."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from time import monotonic

import asyncpg
import httpx
from demanding import Demanding, tam

from shared.testing.platform import PlatformProcess

PATIENCE_SECONDS = 60.0


async def journey(right: Mapping[str, str], postgres: Demanding, folder: Path) -> list[Path]:
    """An api and a worker take an order to its figure, over encrypted connections alone, and end; their logs."""
    write, secret = await _made_ready(right)
    environ = {**right, "TAM_AUTO_MIGRATE": "false", "TAM_LOG_LEVEL": "DEBUG"}
    processes = [
        PlatformProcess(environ=environ, log=folder / f"{role}.log", arguments=("--role", role))
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
            await _becomes_a_figure(http, secret)
        assert await _ways_to(postgres) == {True}
        for process in processes:
            assert await process.stop() == 0
    finally:
        for process in processes:
            process.kill()
    return [process.log for process in processes]


async def _made_ready(right: Mapping[str, str]) -> tuple[str, str]:
    """Schemas, topics, and keys of both kinds."""
    for command in (("migrate",), ("topics", "--create")):
        assert (await tam(*command, **right))[0] == 0, command
    write = await tam("keys", "create", "shop", "--kind", "write", **right)
    secret = await tam("keys", "create", "crm", "--scope", "*", **right)
    return write.printed.strip(), secret.printed.strip()


async def _becomes_a_figure(http: httpx.AsyncClient, secret: str) -> None:
    deadline = monotonic() + PATIENCE_SECONDS
    headers = {"Authorization": f"Bearer {secret}"}
    while (answer := await http.get("/v1/metrics/customers/user_id:lan", headers=headers)).status_code != 200:
        assert monotonic() < deadline, answer.text
        await asyncio.sleep(0.2)
    assert answer.json()["orders"]["value"] == 1


async def _ways_to(postgres: Demanding) -> set[bool]:
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
