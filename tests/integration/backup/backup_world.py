"""A little shop to back up, and our own eyes on what is in a database."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from services.registry import SERVICES
from shared.backup.digests import digests, tables_of
from shared.backup.manifest import Manifest
from shared.bus.postgres.connections import plain_url
from shared.runtime.trees import trees_of
from shared.testing.platform import Running

TREES = trees_of(SERVICES)
PEOPLE = ("Nguyễn Văn An", "Trần Thị Bình", "Lê Cường", "Phạm Dũng")


def order(number: int, person: int) -> dict[str, Any]:
    """An order of one of the shop's people."""
    return {
        "type": "track",
        "event": "Order Completed",
        "userId": f"khach-{person}",
        "messageId": f"m-{number}",
        "timestamp": f"2026-10-{number % 27 + 1:02}T08:00:00Z",
        "properties": {"order_id": f"don-{number}", "total": 125_000 + number, "currency": "VND"},
    }


def identify(person: int) -> dict[str, Any]:
    """Who one of them is."""
    traits = {"name": PEOPLE[person], "email": f"khach{person}@thu.example"}
    return {"type": "identify", "userId": f"khach-{person}", "messageId": f"i-{person}", "traits": traits}


async def send(shop: Running, calls: list[dict[str, Any]]) -> None:
    answer = await shop.shop.post("/v1/batch", json={"batch": calls})
    assert answer.status_code == 200, answer.text


async def digests_of(url: str) -> dict[str, str]:
    """Of every table of ours, with our own eyes."""
    connection = await asyncpg.connect(plain_url(url), server_settings={"timezone": "UTC"})
    try:
        schemas = [row[0] for row in await connection.fetch("SELECT nspname FROM pg_namespace")]
        ours = [name for name in schemas if name in {tree.schema for tree in TREES}]
        return await digests(connection, await tables_of(connection, ours))
    finally:
        await connection.close()


@dataclass(frozen=True, slots=True)
class BackedUp:
    """The back-up of the little shop, and what its figures were."""

    folder: Path
    manifest: Manifest
    money: Any


async def money(shop: Running) -> Any:
    """What executives see of it."""
    answer = await shop.crm.get("/v1/metrics/revenue", params={"from": "2026-10-01", "to": "2026-10-31"})
    assert answer.status_code == 200, answer.text
    return answer.json()
