"""PostgreSQL over TLS: a server that takes no plain connection, and clients that take no other server.

The server of the wheel knows no TLS: these tests want one of the system (Debian: apt install postgresql).
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from demanding import PASSWORD, QUOTED, Demanding, demanding_postgres, tam

from shared.bus.postgres import PostgresBus
from shared.config import PlatformSettings, load
from shared.db.engine import Database, make_engine
from shared.errors import ConfigError, UserError
from shared.runtime.platform import migrate
from shared.testing.platform import PlatformProcess


@pytest.fixture(scope="module")
def demanding() -> Iterator[Demanding]:
    with demanding_postgres() as found:
        yield found


async def test_everything_that_connects_is_encrypted(demanding: Demanding):
    """The services' pools, the log of events and the migrations: each by the URL alone."""
    settings = load(PlatformSettings, environ={"TAM_DATABASE_URL": demanding.right})
    assert settings.database_url is not None
    await migrate(settings.database_url, ())
    db = Database(make_engine(settings.database_url, schema="public", pool_size=2), schema="public")
    bus = PostgresBus(settings.database_url, sole=False)
    try:
        await bus.start()
        rows = await db.call(
            "SELECT DISTINCT ssl, version FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = 'tam'"
        )
        assert await bus.ready() is None
        assert await db.ready() is None
    finally:
        await bus.stop()
        await db.dispose()
    assert [tuple(row) for row in rows] == [(True, "TLSv1.3")]


async def test_the_password_may_stand_in_a_file_of_its_own(demanding: Demanding, tmp_path: Path):
    """As in containers: the URL has no password, a file has it, with characters that a URL would not take."""
    (tmp_path / "password").write_text(PASSWORD + "\n")
    url = demanding.right.replace(f":{QUOTED}@", "@")
    environ = {"TAM_DATABASE_URL": url, "TAM_DATABASE_PASSWORD_FILE": str(tmp_path / "password")}
    found = load(PlatformSettings, environ=environ).database_url
    assert found is not None
    await migrate(found, (), apply=False)


@pytest.mark.parametrize(
    ("query", "host", "password", "told"),
    [
        ("sslmode=verify-full&sslrootcert={stranger}", "127.0.0.1", QUOTED, "certificate verify failed"),
        ("sslmode=verify-full&sslrootcert={authority}", "localhost", QUOTED, "hostname mismatch"),
        ("sslmode=disable", "127.0.0.1", QUOTED, "no encryption"),
        ("sslmode=verify-full&sslrootcert=/nowhere.pem", "127.0.0.1", QUOTED, "no such file"),
        ("sslmode=verify-fully&sslrootcert={authority}", "127.0.0.1", QUOTED, "sslmode"),
        ("sslmode=verify-full&sslrootcert={authority}", "127.0.0.1", "canary-guess", "password authentication failed"),
    ],
    ids=["stranger", "name", "plain", "no file", "mode", "password"],
)
async def test_a_wrong_setting_ends_in_one_sentence(
    demanding: Demanding, query: str, host: str, password: str, told: str
):
    """It says what is wrong, and holds no password."""
    query = query.format(stranger=demanding.stranger, authority=demanding.authority)
    with pytest.raises(UserError) as refused:
        await migrate(demanding.url(query, host, password), ())

    sentence = str(refused.value)
    assert told in sentence.lower()
    assert "canary" not in sentence
    assert "\n" not in sentence.strip()


def test_a_url_that_cannot_be_read_says_nothing_of_its_password():
    """A slash in a password makes a port of it: the library would quote it."""
    for url in ("postgresql://tam:canary/word@db:5432/tam", "postgresql://tam:canary#word@db/tam"):
        with pytest.raises(ConfigError) as refused:
            load(PlatformSettings, environ={"TAM_DATABASE_URL": url})
        assert "TAM_DATABASE_URL" in str(refused.value)
        assert "canary" not in str(refused.value)


@pytest.mark.long
@pytest.mark.timeout(600)
async def test_every_way_to_run_the_product(demanding: Demanding, tmp_path: Path):
    """Migrations, commands, an api and a worker: each works over TLS, and ends in a line where it may not."""
    right = {"TAM_DATABASE_URL": demanding.right}
    wrong = {"TAM_DATABASE_URL": demanding.url(f"sslmode=verify-full&sslrootcert={demanding.stranger}")}
    for command in (("migrate",), ("keys", "list"), ("topics", "--create"), ("dlq", "list")):
        ended = await tam(*command, **right)
        assert ended[0] == 0, ended
        code, said, _ = await tam(*command, **wrong)
        assert (code, said.count("\n")) == (1, 1)
        assert "certificate verify failed" in said
        assert "canary" not in said
    for role in ("api", "worker"):
        process = PlatformProcess(environ=right, log=tmp_path / f"{role}.log", arguments=("--role", role))
        await process.start()
        assert await process.stop() == 0
        assert "canary" not in process.log.read_text()
        code, said, _ = await tam("serve", "--role", role, **wrong)
        assert code == 1
        assert "certificate verify failed" in said
