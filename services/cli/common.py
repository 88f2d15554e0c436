"""What every command shares: settings, a way to run, and errors that end in one line."""

import asyncio
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, NoReturn, TypeVar

import uvloop
from rich.console import Console
from shared.http.auth import AUTH_PREFIX, KeyRing
from sqlalchemy.exc import DBAPIError

from services.registry import SERVICES
from shared.config import PlatformSettings, load
from shared.db.embedded import borrowed
from shared.db.engine import Database, make_engine
from shared.errors import UserError
from shared.runtime.platform import settings_prefix
from shared.runtime.service import Service
from shared.runtime.trees import PLATFORM_SCHEMA

# Figures go to stdout for scripts; people read stderr.
console = Console(stderr=True, highlight=False)

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a command's work; what a person can mend ends in one line and an exit code."""
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(work)
    except KeyboardInterrupt:
        sys.exit(130)
    except UserError as error:
        fail(str(error), error.exit_code)
    except BaseExceptionGroup as group:
        mendable, rest = group.split(UserError)
        if mendable is None or rest is not None:
            raise
        fail(str(_first(mendable)), 1)
    except (DBAPIError, ConnectionError, TimeoutError) as error:
        reason = str(getattr(error, "orig", error)).splitlines()[0] if str(error) else type(error).__name__
        fail(f"The database or the bus did not answer: {reason}", 1)


def _first(group: BaseExceptionGroup[Any]) -> BaseException:
    inner = group.exceptions[0]
    return _first(inner) if isinstance(inner, BaseExceptionGroup) else inner


def fail(sentence: str, code: int = 1) -> NoReturn:
    """End the command with one line on stderr."""
    console.print(f"[bold red]tam:[/] {sentence}", soft_wrap=True, markup=True)
    sys.exit(code)


def read_settings() -> PlatformSettings:
    """The platform's settings from the environment; ends the command if one is wrong."""
    others = [settings_prefix(service) for service in SERVICES if service.settings is not None]
    try:
        return load(PlatformSettings, known_prefixes=[*others, AUTH_PREFIX])
    except UserError as error:
        fail(str(error), error.exit_code)


def pick(only: str | None) -> tuple[Service, ...]:
    """The services named in a comma-separated list; all for None."""
    if only is None:
        return SERVICES
    names = [name.strip() for name in only.split(",") if name.strip()]
    known = {service.name: service for service in SERVICES}
    for name in names:
        if name not in known:
            fail(f"There is no service {name!r}; there are {', '.join(known)}.", 2)
    return tuple(known[name] for name in names)


@asynccontextmanager
async def database_url(settings: PlatformSettings) -> AsyncIterator[str]:
    """The URL of the database: the configured one, that of a running instance, or our own for the while."""
    if settings.database_url is not None:
        yield settings.database_url
        return
    async with borrowed(settings.data_dir) as url:
        yield url


@asynccontextmanager
async def open_database(url: str, schema: str) -> AsyncIterator[Database]:
    """A service's database, for a command."""
    db = Database(make_engine(url, schema=schema, pool_size=None, application="tam-cli"), schema=schema)
    try:
        yield db
    finally:
        await db.dispose()


@asynccontextmanager
async def open_keyring(url: str) -> AsyncIterator[KeyRing]:
    """The key ring, for a command."""
    async with open_database(url, PLATFORM_SCHEMA) as db:
        yield KeyRing(db)
