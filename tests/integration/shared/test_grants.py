"""What the role of a service may do in the database: its own rows, and no more of the platform than it needs."""

from collections.abc import AsyncIterator
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio

from services.registry import NAMES, SERVICES
from shared.config import PlatformSettings
from shared.db.engine import make_engine
from shared.runtime.grants import grant
from shared.runtime.platform import migrate
from shared.runtime.trees import trees_of
from shared.testing.postgres import fresh_database

pytestmark = pytest.mark.asyncio(loop_scope="module")

PASSWORD = "one for all"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def installation(pg_url: str, template: str) -> AsyncIterator[tuple[str, str]]:
    """A database with a role for each service, and the prefix of their names; roles are the server's, so they go."""
    prefix = f"t{uuid4().hex[:8]}_"
    async with fresh_database(pg_url, template=template) as url:
        admin = await asyncpg.connect(url)
        try:
            for name in NAMES:
                await admin.execute(f"CREATE ROLE {prefix}{name} LOGIN PASSWORD '{PASSWORD}'")
            engine = make_engine(url, schema="public", pool_size=None)
            for _ in range(2):  # after each release again
                await grant(engine, trees_of(SERVICES), NAMES, prefix=prefix)
            await engine.dispose()
            yield url, prefix
        finally:
            for name in NAMES:
                await admin.execute(f"DROP OWNED BY {prefix}{name}; DROP ROLE {prefix}{name}")
            await admin.close()


@pytest_asyncio.fixture(loop_scope="module")
async def loyalty(installation: tuple[str, str]) -> AsyncIterator[asyncpg.Connection]:
    """What loyalty's role sees."""
    url, prefix = installation
    connection = await asyncpg.connect(url)
    await connection.execute(f'SET SESSION AUTHORIZATION "{prefix}loyalty"')
    yield connection
    await connection.close()


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT count(*) FROM loyalty.members",
        "DELETE FROM loyalty.inbox WHERE false",
        "SELECT hash FROM platform.api_keys",
        "UPDATE platform.api_keys SET last_used_at = now() WHERE false",
        "SELECT digest FROM platform.audit",
    ],
)
async def test_it_may_what_it_needs(loyalty: asyncpg.Connection, statement: str):
    await loyalty.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT count(*) FROM profiles.traits",
        "SELECT count(*) FROM metrics.inbox",
        "SELECT count(*) FROM bus.topics",
        "CREATE TABLE loyalty.mine (n int)",
        "CREATE SCHEMA mine",
        "DROP TABLE loyalty.inbox",
        "TRUNCATE loyalty.inbox",
        "UPDATE loyalty.alembic_version SET version_num = '9'",
        "INSERT INTO platform.api_keys (id, kind, name, hash) VALUES ('x', 'secret', 'x', sha256('x'))",
        "UPDATE platform.api_keys SET scopes = '{*}'",
        "DELETE FROM platform.audit",
        "UPDATE platform.installation SET secret = NULL",
    ],
)
async def test_it_may_no_more(loyalty: asyncpg.Connection, statement: str):
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await loyalty.execute(statement)


async def test_a_service_starts_with_its_role(installation: tuple[str, str]):
    """It sees that the schemas are up to date, without being able to bring them there."""
    url, prefix = installation
    parts = urlsplit(url)
    where = parts.netloc.rpartition("@")[2]
    own = PlatformSettings.model_validate(
        {
            "database_password": PASSWORD,
            "database_url": parts._replace(netloc=f"{prefix}loyalty@{where}").geturl(),
        }
    ).database_url
    assert own is not None

    await migrate(own, [each for each in SERVICES if each.name == "loyalty"], apply=False)
