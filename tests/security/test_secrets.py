"""Secrets stay where they were put: a platform full of canaries runs, fails and is looked through from all sides."""

import asyncio
import base64
import os
import re
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

import asyncpg
import httpx
import pytest
import pytest_asyncio

from services.cli.common import read_settings
from services.cli.settings import _groups
from shared.bus.choose import open_bus
from shared.config import PlatformSettings
from shared.db.engine import Database, make_engine
from shared.errors import UserError
from shared.http.auth import KeyRing
from shared.http.key_text import new_key
from shared.runtime.platform import migrate
from shared.runtime.trees import PLATFORM_SCHEMA
from shared.testing.platform import PlatformProcess
from shared.testing.postgres import fresh_database

pytestmark = pytest.mark.asyncio(loop_scope="module")

# Words of a secret by name: whatever setting has one is shown to nobody.
TELLTALE = re.compile(r"password|secret|token|peppers|link_keys|_key$|_url$")
# Addresses, and what only looks like one.
HARMLESS = {
    "TAM_OIDC_JWKS_URL",
    "TAM_SURVEYS_PUBLIC_URL",
    "TAM_TOUCHPOINTS_PUBLIC_URL",
    "TAM_SURVEYS_PROFILES_URL",
    "TAM_TRACES_URL",
}


def _base64(word: str) -> str:
    return base64.b64encode(word.ljust(32, ".").encode()).decode()


# Each as it stands in its setting, and the words by which it would be known again.
SECRETS: Mapping[str, tuple[str, str]] = {
    "TAM_INSTALLATION_KEY": ("canary-installation-key-0123456789abcdef", "canary-installation"),
    "TAM_SURVEYS_LINK_KEYS": (_base64("canary-link-key"), _base64("canary-link-key")[:18]),
    "TAM_LOYALTY_CODE_PEPPERS": (_base64("canary-pepper"), _base64("canary-pepper")[:16]),
    "TAM_HTTP_METRICS_TOKEN": ("canary-metrics-token-0123", "canary-metrics"),
    "TAM_SURVEYS_PROFILES_KEY": ("canary-profiles-key", "canary-profiles"),
    "TAM_SURVEYS_SMTP_URL": (f"smtp://mailer:canary-mail@127.0.0.1:{9}", "canary-mail"),
}
DATABASE_PASSWORD = "canary-database"


@dataclass
class Told:
    """All that came out of a platform, and the words that must not be in it."""

    process: PlatformProcess
    environ: Mapping[str, str]
    url: str
    keys: list[str]
    answers: list[str]

    def found_in(self, text: str) -> list[str]:
        """The secrets in a text."""
        words = [word for _, word in SECRETS.values()] + [DATABASE_PASSWORD]
        # Of a key its id is no secret, what stands behind it is.
        words += [key.split("_")[3] for key in self.keys]
        return [word for word in words if word in text]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def told(pg_url: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Told]:
    folder = tmp_path_factory.mktemp("secrets")
    async with fresh_database(pg_url, template=template) as url:
        environ = {"TAM_DATABASE_URL": with_password(url), "TAM_LOG_LEVEL": "DEBUG"}
        environ |= {"TAM_SURVEYS_MAIL_FROM": "khao-sat@example.vn", "TAM_SURVEYS_PROFILES_URL": "http://127.0.0.1:9"}
        for number, (name, (value, _)) in enumerate(SECRETS.items()):
            file = folder / name
            file.write_text(value)
            # Half of them as a container has them, half as a shell has.
            environ |= {f"{name}_FILE": str(file)} if number % 2 else {name: value}
        process = PlatformProcess(environ=environ, log=folder / "log")
        keys = await make_keys(url)
        try:
            await process.start()
            found = Told(process, environ, url, keys, [])
            await knock_everywhere(found)
            await break_something(found)
            yield found
        finally:
            process.kill()


def with_password(url: str) -> str:
    parts = urlsplit(url)
    user, _, where = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{user.partition(':')[0]}:{quote(DATABASE_PASSWORD)}@{where}").geturl()


async def make_keys(url: str) -> list[str]:
    db = Database(make_engine(url, schema=PLATFORM_SCHEMA, pool_size=None), schema=PLATFORM_SCHEMA)
    ring = KeyRing(db)
    secret = (await ring.create("secret", "all", scopes=("*",)))[1]
    write = (await ring.create("write", "web", source="web"))[1]
    revoked, dead = await ring.create("secret", "gone", scopes=("*",))
    await ring.revoke(revoked.id)
    return [secret, write, dead, new_key("secret")[1]]


async def knock_everywhere(told: Told) -> None:
    """Right, wrong, broken: with every key, in every place where one may stand."""
    secret, write, dead, made_up = told.keys
    event = {"type": "track", "event": "x", "userId": "lan", "messageId": "1"}
    async with httpx.AsyncClient(base_url=told.process.base_url, trust_env=False, timeout=30) as client:

        async def say(method: str, path: str, key: str | None = secret, **rest: object) -> None:
            headers = {} if key is None else {"Authorization": f"Bearer {key}"}
            said = await client.request(method, path, headers=headers, **rest)  # type: ignore[arg-type]
            told.answers.append(f"{said.headers}\n{said.text}")

        for key in (secret, write, dead, made_up, made_up[:-1], None):
            await say("GET", "/v1/customers", key)
            await say("POST", "/v1/track", key, json=event)
            await say("POST", f"/v1/track?writeKey={key}", None, json=event)
            await say("POST", "/v1/batch", None, json={"batch": [event], "writeKey": key})
        for path in (
            "/v1/ops/consumers",
            "/v1/ops/dead-letters",
            "/readyz",
            "/",
            "/openapi.json",
            "/docs",
            "/v1/audit",
        ):
            await say("GET", path)
        await say("GET", f"/v1/customers/{secret}")
        await say("GET", "/v1/customers", params={"cursor": secret})
        await say("POST", "/v1/customers", content=b"{broken " + secret.encode())
        await say("POST", "/v1/customers", json={"user_id": "u", "password": "x"})
        await say("GET", "/metrics", SECRETS["TAM_HTTP_METRICS_TOKEN"][0])
        await say("GET", "/metrics", "canary-metrics-token-wrong")


async def break_something(told: Told) -> None:
    """Take a service's tables away, and ask it: what nobody foresaw is logged with all that is known of it."""
    connection = await asyncpg.connect(told.url)
    await connection.execute("ALTER SCHEMA loyalty RENAME TO gone")
    await connection.close()
    secret, headers = told.keys[0], {"Authorization": f"Bearer {told.keys[0]}"}
    async with httpx.AsyncClient(base_url=told.process.base_url, trust_env=False, timeout=30) as client:
        said = await client.get("/v1/loyalty/rewards", headers=headers, params={"cursor": ""})
        said = await client.get(f"/v1/loyalty/customers/user_id:{secret}/vouchers", headers=headers)
        assert said.status_code == 500, said.text
        told.answers.append(said.text)


async def test_no_secret_is_told_anywhere(told: Told):
    """INVARIANT: neither log nor answer, metric, operators' route or argument of a process holds one."""
    log = told.process.log.read_text()
    proc = Path(f"/proc/{told.process.pid}")
    arguments = proc.joinpath("cmdline").read_bytes().decode() + proc.joinpath("comm").read_text()

    assert len(told.answers) > 30
    assert "request_failed" in log
    assert "UndefinedTable" in log
    assert told.found_in(log) == []
    assert told.found_in(arguments) == []
    assert [told.found_in(each) for each in told.answers if told.found_in(each)] == []


async def test_the_settings_show_of_a_secret_that_it_is_set(told: Told):
    code, shown = await tam(told.environ, "settings")

    assert code == 0
    assert told.found_in(shown) == []
    for name in SECRETS:
        (line,) = [line for line in shown.splitlines() if line.startswith(name + " ")]
        assert "(set)" in line


async def test_the_database_holds_no_key_and_no_secret_of_ours(told: Told):
    """Whoever has a copy of the database can neither call us nor sign for us."""
    connection = await asyncpg.connect(told.url)
    try:
        tables = await connection.fetch(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables "
            "WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        )
        content = "".join([str(row) for (name,) in tables for row in await connection.fetch(f"SELECT * FROM {name}")])
    finally:
        await connection.close()
    assert "api_keys" in str(tables)
    assert "web" in content
    assert told.found_in(content) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"TAM_DATABASE_URL": f"postgresql://tam:{DATABASE_PASSWORD}/x@127.0.0.1/tam"},
        {"TAM_HTTP_METRICS_TOKEN": "canary"},
        {"TAM_SURVEYS_LINK_KEYS": "canary-link-key"},
        {"TAM_SURVEYS_SMTP_URL": "ftp://mailer:canary-mail@127.0.0.1"},
        {"TAM_SURVEYS_SMTP_URL": "smtp://mailer:canary-mail/x@127.0.0.1"},
        {"TAM_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9", "TAM_KAFKA_SECURITY_PROTOCOL": "canary"},
    ],
    ids=["slash", "short token", "link key", "scheme", "mail port", "protocol"],
)
async def test_a_wrong_setting_is_named_without_its_value(
    wrong: Mapping[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    for name, value in wrong.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit):
        read_settings()

    said = capsys.readouterr().err
    assert next(iter(wrong)).split("_")[1] in said
    assert said.count("\n") == 1
    assert "canary" not in said


async def test_a_start_that_fails_says_no_secret():
    with pytest.raises(UserError) as refused:
        await migrate(f"postgresql://tam:{DATABASE_PASSWORD}@127.0.0.1:9/tam", ())
    assert "cannot be reached" in str(refused.value)
    assert "canary" not in str(refused.value)
    half = PlatformSettings(
        kafka_bootstrap_servers="127.0.0.1:9", kafka_security_protocol="SASL_PLAINTEXT", kafka_sasl_password="canary"
    )
    with pytest.raises(UserError, match="TAM_KAFKA_SASL_USERNAME") as refused:
        open_bus(half, "postgresql://", sole=False)
    assert "canary" not in str(refused.value)


async def test_what_sounds_like_a_secret_is_shown_by_no_group_of_settings():
    """Neither by `repr`, which tracebacks and debuggers use, nor by `tam settings`."""
    shown = [
        prefix + name.upper()
        for prefix, group in _groups()
        for name, field in type(group).model_fields.items()
        if TELLTALE.search(name) and field.repr
    ]
    assert sorted(set(shown) - HARMLESS) == []


async def tam(environ: Mapping[str, str], *arguments: str) -> tuple[int, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TAM_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services", *arguments, env={**clean, **environ}, stdout=-1, stderr=-2
    )
    said, _ = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode or 0, said.decode()
