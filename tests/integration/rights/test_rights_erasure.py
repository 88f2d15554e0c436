"""An erasure on the running platform: nothing is left, nobody comes back, and no figure moves."""

import json
from typing import Any

import pytest
from rights_world import (
    EMAIL,
    NAME,
    STRINGS,
    USER,
    asked,
    done,
    everything,
    found_in_log,
    found_in_tables,
    log_of,
    other,
    sent,
)

from services.registry import SERVICES
from shared.testing.platform import Running, running_platform


@pytest.fixture
async def running(database_url: str) -> Any:
    async with running_platform(database_url, SERVICES) as platform:
        yield platform


async def figures(running: Running) -> Any:
    """The figures that hang on customers."""
    answer = await running.crm.get("/v1/metrics/summary")
    assert answer.status_code == 200, answer.text
    return [{key: each[key] for key in each if key not in ("as_of", "staleness_seconds")} for each in answer.json()]


async def test_nothing_is_left_of_an_erased_person(running: Running, database_url: str):
    await sent(running, [*everything(), *other()])
    await sent(running, everything())
    crm = running.crm
    said = await crm.post(
        f"/v1/customers/user_id:{USER}/consent",
        json={
            "changes": [{"purpose": "marketing", "channel": "email", "state": "granted"}],
            "text_version": "1",
            "proof": {"signed_as": NAME},
        },
        headers={"Idempotency-Key": "one"},
    )
    assert said.status_code == 200, said.text
    assert {table.split(".")[0] for table in await found_in_tables(database_url, STRINGS)} >= {
        "profiles",
        "touchpoints",
    }
    assert found_in_log(await log_of(running.platform.bus), STRINGS)

    case = await done(crm, (await asked(crm, f"email:{EMAIL}", "erasure"))["id"])
    await running.settled()

    assert await found_in_tables(database_url, STRINGS) == {}
    assert found_in_log(await log_of(running.platform.bus), STRINGS) == []
    assert (await crm.get(f"/v1/customers/user_id:{USER}")).status_code == 404
    print(json.dumps(case, indent=1))
