"""What every command shares: settings, a way to run, a database, and errors that end in one line."""

import asyncio
import sys
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, NoReturn, TypeVar

import uvloop
from rich.console import Console
from rich.table import Table
from rich.text import Text
from sqlalchemy.exc import DBAPIError

from services import registry
from shared.bus.base import BusUnavailable
from shared.config import PlatformSettings, load
from shared.db.embedded import borrowed
from shared.db.engine import Database, make_engine
from shared.delivery.outbox import OutboxWriter
from shared.errors import UserError
from shared.http.auth import KeyRing
from shared.http.settings import AUTH_PREFIX, HTTP_PREFIX, AuthSettings, HttpSettings
from shared.runtime import platform
from shared.runtime.patience import patiently
from shared.runtime.service import Service
from shared.runtime.trees import PLATFORM_SCHEMA

# What a command was asked for goes to stdout, for scripts; everything it has to say goes to stderr.
console = Console(stderr=True, highlight=False)
_WIDTH_OF_A_PIPE = 240
# PostgreSQL: connection, authorization, read only, resources, operator intervention, privileges. Others are our bugs.
_STATES_OF_THE_SERVER = ("08", "25006", "28", "3D", "53", "57", "42501")

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a command's work; what a person can mend ends in one line and an exit code."""
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(work)
    except KeyboardInterrupt:
        fail("Stopped before the end; the same again goes on from there.", 130)
    except UserError as error:
        fail(str(error), error.exit_code)
    except BaseExceptionGroup as group:
        mendable, rest = group.split(UserError)
        if mendable is None or rest is not None:
            raise
        first = _first(mendable)
        fail(str(first), first.exit_code if isinstance(first, UserError) else 1)
    except DBAPIError as error:
        if not str(getattr(error.orig, "sqlstate", "")).startswith(_STATES_OF_THE_SERVER):
            raise
        fail(f"PostgreSQL: {error.orig}.")
    except (BusUnavailable, ConnectionError) as error:
        fail(f"The database or the bus did not answer: {error or type(error).__name__}.")
    except TimeoutError as error:
        fail(f"It took too long: {error or 'no answer in time'}.")


def _first(group: BaseExceptionGroup[Any]) -> BaseException:
    inner = group.exceptions[0]
    return _first(inner) if isinstance(inner, BaseExceptionGroup) else inner


def say(sentence: str) -> None:
    """Tell the person at the terminal, on stderr; the line is not broken, nor taken for markup."""
    console.print(sentence, markup=False, soft_wrap=True)


def fail(sentence: str, code: int = 1) -> NoReturn:
    """End the command with one line on stderr."""
    line = " ".join(sentence.split())
    console.print(Text.assemble(("tam: ", "bold red"), line), soft_wrap=True)
    sys.exit(code)


def show(table: Table) -> None:
    """Print a table to stdout; through a pipe it is plain and wide, a line per row."""
    out = Console(highlight=False)
    if not out.is_terminal:
        out = Console(highlight=False, width=_WIDTH_OF_A_PIPE, no_color=True)
    out.print(table)


def read_settings(manifests: Sequence[Service] | None = None) -> PlatformSettings:
    """The platform's settings from the environment; ends the command if one is wrong, also of the edge.

    Those of `manifests` are looked at too; of all services, if not given.
    """
    try:
        settings = platform.read_settings(registry.NAMES)
        platform.load_service_settings(registry.SERVICES if manifests is None else manifests)
        load(HttpSettings, prefix=HTTP_PREFIX)
        load(AuthSettings, prefix=AUTH_PREFIX)
        return settings
    except UserError as error:
        fail(str(error), error.exit_code)


def pick(only: str | None) -> tuple[Service, ...]:
    """The services named in a comma-separated list; all for None."""
    if only is None:
        return registry.SERVICES
    names = [name.strip() for name in only.split(",") if name.strip()]
    for name in names or [only]:
        if name not in registry.NAMES:
            fail(f"There is no service {name!r}; there are {', '.join(registry.NAMES)}.", 2)
    return tuple(registry.service(name) for name in registry.NAMES if name in names)


@asynccontextmanager
async def database_url(settings: PlatformSettings) -> AsyncIterator[str]:
    """The URL of an up-to-date database: the configured one, that of a running instance, or our own for the while.

    Raises:
        UserError: the database cannot be reached, or its schemas are behind and `TAM_AUTO_MIGRATE` is off.
    """
    if (url := settings.database_url) is not None:
        bring = partial(platform.migrate, url, registry.SERVICES, apply=settings.auto_migrate)
        await patiently(settings.start_patience_seconds, bring)
        yield url
        return
    async with borrowed(settings.data_dir) as url:
        await platform.migrate(url, registry.SERVICES, apply=settings.auto_migrate)
        yield url


@asynccontextmanager
async def open_database(url: str, schema: str) -> AsyncIterator[Database]:
    """A service's database, for a command."""
    engine = make_engine(url, schema=schema, pool_size=None, application="tam-cli")
    # What a command announces is relayed by whichever process runs next.
    db = Database(engine, schema=schema, outbox=OutboxWriter())
    try:
        yield db
    finally:
        await db.dispose()


@asynccontextmanager
async def open_keyring(url: str) -> AsyncIterator[KeyRing]:
    """The key ring, for a command."""
    async with open_database(url, PLATFORM_SCHEMA) as db:
        yield KeyRing(db)
