"""Recorded requests of the official SDKs, and a request to judge events in."""

import json
from pathlib import Path
from typing import Any

import pytest

WIRE = Path(__file__).parents[2] / "contract" / "fixtures" / "sdk-wire.jsonl"


@pytest.fixture(scope="session")
def wire() -> list[dict[str, Any]]:
    """Requests of the official SDKs, as recorded: m, path, headers, body (decompressed)."""
    return [json.loads(line) for line in WIRE.read_text().splitlines()]
