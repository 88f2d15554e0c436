"""The OpenAPI document is what the live platform does: no undocumented answer, no 5xx, every answer as its schema says.

Schemathesis makes the requests, right ones and wrong ones, for every operation.
"""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from services.cli.contracts import FOLDER
from shared.db.engine import Database, make_engine
from shared.http.auth import KeyRing
from shared.runtime.trees import PLATFORM_SCHEMA
from shared.testing.platform import PlatformProcess
from shared.testing.postgres import fresh_database
from shared.testing.zygote import PLAIN, Zygote

pytestmark = pytest.mark.long

EXAMPLES = 10
UNHURRIED = {"TAM_HTTP_RATE_PER_SECOND": "0", "TAM_HTTP_BAD_KEYS_PER_MINUTE": "0"}
# The routes of SDKs mend what they are sent rather than refuse it: a number for a name, null for nothing.
FORGIVING = re.compile(
    r"^/(v1/(batch|import|track|page|identify|screen|group|alias|m|projects/.*)|beacon/|pixel/|sourceC)"
)


@pytest.fixture(scope="module")
def live(pg_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """A platform of its own: its URL, and a key that may do everything."""
    log: Path = tmp_path_factory.mktemp("openapi") / "platform.log"
    zygote = Zygote(PLAIN)
    with asyncio.Runner() as runner:
        database = fresh_database(pg_url)
        url = runner.run(database.__aenter__())
        process = PlatformProcess(environ={"TAM_DATABASE_URL": url, **UNHURRIED}, log=log, zygote=zygote)
        try:
            runner.run(process.start())
            yield process.base_url, runner.run(_key(url))
        finally:
            process.kill()
            zygote.close()
            runner.run(database.__aexit__(None, None, None))


async def _key(url: str) -> str:
    db = Database(make_engine(url, schema=PLATFORM_SCHEMA, pool_size=None), schema=PLATFORM_SCHEMA)
    _, key = await KeyRing(db).create("secret", "schemathesis", scopes=("*",))
    return key


# What is committed is what is served: `test_events_contracts.py` holds the file to the code.
schema = schemathesis.openapi.from_path(FOLDER / "openapi.json")
# Wrong data may also be too much of them.
schema.config.checks.negative_data_rejection.expected_statuses = [
    *schema.config.checks.negative_data_rejection.expected_statuses,
    "413",
]
# Lines of JSON are text to whoever makes them up.
schemathesis.serializer.alias("application/x-ndjson", "text/plain")
# The one-letter addresses are the same routes.
schema = schema.exclude(path_regex=r"^/v1/[btpisga]$")


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
def test_every_operation_answers_as_documented(case: Case, live: tuple[str, str]):
    # A well-formed request may be refused all the same: a cursor of nobody's, a currency that is none.
    excluded = [positive_data_acceptance]
    if FORGIVING.fullmatch(case.path):
        excluded.append(negative_data_rejection)
    # What was known at a moment has to be read from the log first: that is said by 503, with when to ask again.
    if "known_at" in (case.query or {}):
        excluded.append(not_a_server_error)
    case.call_and_validate(base_url=live[0], headers={"Authorization": f"Bearer {live[1]}"}, excluded_checks=excluded)


def test_every_live_route_is_documented(live: tuple[str, str]):
    """Raw routes are documented by hand: one that is not would be found by nobody."""
    document = httpx.get(f"{live[0]}/openapi.json", trust_env=False, timeout=60).json()

    assert document["openapi"].startswith("3.1")
    assert len(document["paths"]) > 30
    for path in ("/v1/batch", "/v1/track", "/v1/events", "/v1/metrics/summary", "/v1/customers/{customer}"):
        assert path in document["paths"]
