"""The platform with touchpoints alone, in this process, on a fresh database and the PostgreSQL log."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from services.touchpoints.app import service
from shared.testing.platform import Running, running_platform

WIRE = Path(__file__).parents[2] / "contract" / "fixtures" / "sdk-wire.jsonl"


@pytest.fixture
def wire() -> list[dict[str, Any]]:
    """Requests of the official SDKs, as recorded: m, path, headers, body (decompressed)."""
    return [json.loads(line) for line in WIRE.read_text().splitlines()]


@pytest.fixture
async def running(database_url: str) -> AsyncIterator[Running]:
    """The platform at work."""
    async with running_platform(database_url, [service], currency="USD") as running:
        yield running


@pytest.fixture
async def door(database_url: str) -> AsyncIterator[Running]:
    """The door alone: nothing consumes, so what is on the log was put there before the answer."""
    async with running_platform(database_url, [service], role="api") as running:
        yield running
