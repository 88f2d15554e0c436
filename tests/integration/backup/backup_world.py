"""A little shop to back up, and our own eyes on what is in a database."""

import asyncio
from collections.abc import Mapping
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


# What the old machine's processes held: a restore lets go of it.
HELD = ("leases", "members", "assignments")


def lasting(digests: Mapping[str, str]) -> dict[str, str]:
    """Without what is only held by processes."""
    return {name: digest for name, digest in digests.items() if name.partition(".")[2] not in HELD}


async def digests_of(url: str) -> dict[str, str]:
    """Of every table of ours that lasts, with our own eyes."""
    connection = await asyncpg.connect(plain_url(url), server_settings={"timezone": "UTC"})
    try:
        schemas = [row[0] for row in await connection.fetch("SELECT nspname FROM pg_namespace")]
        ours = [name for name in schemas if name in {tree.schema for tree in TREES}]
        return lasting(await digests(connection, await tables_of(connection, ours)))
    finally:
        await connection.close()


@dataclass(frozen=True, slots=True)
class BackedUp:
    """The back-up of the little shop, and what its figures were."""

    folder: Path
    manifest: Manifest
    figures: dict[str, Any]
    journal: Path


async def figures(shop: Running) -> dict[str, Any]:
    """What executives see of it."""
    answer = await shop.crm.get("/v1/metrics/summary", params={"currency": "VND"})
    assert answer.status_code == 200, answer.text
    return {name: answer.json()[name]["value"] for name in ("orders", "gross", "refunds", "net")}


async def erased(shop: Running, person: int) -> str:
    """One of them is forgotten, everywhere; the id of the case."""
    body = {"kind": "erasure", "verified_by": "in_person"}
    answer = await shop.crm.post(f"/v1/customers/user_id:khach-{person}/rights", json=body)
    assert answer.status_code == 202, answer.text
    await is_done(shop, answer.json()["id"])
    return str(answer.json()["id"])


async def is_done(shop: Running, case_id: str) -> None:
    """Wait until a case is at its end."""
    async with asyncio.timeout(40):
        while (case := (await shop.crm.get(f"/v1/rights/{case_id}")).json()).get("state") != "done":
            await asyncio.sleep(0.1)
    assert case["state"] == "done"


async def naming(url: str, text: str) -> list[str]:
    """The tables that hold a text, also as bytes."""
    connection = await asyncpg.connect(plain_url(url))
    try:
        found = []
        for table in await tables_of(connection, sorted({tree.schema for tree in TREES})):
            statement = f"SELECT count(*) FROM {table.quoted} AS r WHERE position($1 IN r::text) > 0"
            if sum([await connection.fetchval(statement, form) for form in (text, text.encode().hex())]):
                found.append(f"{table.schema}.{table.name}")
        return found
    finally:
        await connection.close()
