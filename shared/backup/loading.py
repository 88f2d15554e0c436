"""From files to an empty database, in one transaction: all of it, compared with what was backed up, or nothing.

So a restore that was killed anywhere left nothing behind and is begun anew.
"""

import asyncio
import contextlib
import os
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

import asyncpg
from alembic.util import CommandError

from shared.backup import manifest as manifests
from shared.backup.digests import check_script, quoted
from shared.backup.dumping import last_line
from shared.backup.errors import Damaged, Different, Failed, Newer, NotEmpty
from shared.backup.manifest import Manifest
from shared.backup.programs import Tools, demands_tls, environ_of, tools_for
from shared.backup.snapshot import APPLICATION, CONNECT_SECONDS, name_of
from shared.bus.postgres.connections import plain_url
from shared.db.migrate import Tree, knows

_CHUNK = 1 << 20
_DIFFERENT = "tam:different "
# pg_dump 17 and newer say this in every file, and older servers do not know it; nothing here is lost without it.
_OF_17 = b"SET transaction_timeout = 0;\n"
_FIRST_WITH_IT = 17
# Called with the bytes of files that were read since the last call.
Moved = Callable[[int], None]


async def checked(folder: Path, trees: Sequence[Tree]) -> Manifest:
    """The manifest of a back-up whose files are whole, and which this Tâm can read.

    Raises:
        Partial, Damaged, Newer: it is not.
    """
    found = await asyncio.to_thread(manifests.read, folder)
    known = {name_of(tree): tree for tree in trees}
    for name, revision in found.heads.items():
        try:
            is_known = name in known and knows(known[name], revision)
        except CommandError:
            is_known = False
        if not is_known:
            raise Newer(
                f"{folder} was made by Tâm {found.tam}, whose migration {revision} of {name} this one does not know: "
                "update it first."
            )
    await asyncio.to_thread(manifests.check_files, folder, found)
    return found


async def restore(
    url: str,
    folder: Path,
    manifest: Manifest,
    *,
    forget_positions: bool = False,
    pg_bin: Path | None = None,
    moved: Moved = lambda _: None,
) -> None:
    """Load a back-up that was `checked`; with `forget_positions` consumers begin at the beginning of a new log.

    Raises:
        NotEmpty: the database has one of its schemas.
        Newer: the server is older than the one that was backed up.
        Different: what arrived is not what was backed up.
        NoTool, Failed: it cannot be done. After any of these the database is as it was.
    """
    server = await _check_target(url, manifest)
    major, with_tls = int(manifest.tool.split(".")[0]), demands_tls(url)
    tools = await asyncio.to_thread(tools_for, major, pg_bin, with_tls=with_tls)
    tail = check_script(manifest.digests) + _end_of_the_old(manifest)
    if forget_positions:
        tail += "".join(f"DELETE FROM {quoted(name)}.offsets;\n" for name in manifest.positions)
    await asyncio.to_thread(_load, tools, url, folder, manifest, server, tail, moved)
    await _look_at_rows(url, manifest.schemas)


def _end_of_the_old(manifest: Manifest) -> str:
    """Processes of the old machine hold nothing here: a job of an hour would wait for their lease as long."""
    gone = [f"{quoted(name)}.leases" for name in manifest.positions]
    gone += ["bus.members"] if "bus" in manifest.schemas else []
    return "".join(f"DELETE FROM {table};\n" for table in gone)


async def _check_target(url: str, manifest: Manifest) -> int:
    connection = await _connect(url)
    try:
        server = int(await connection.fetchval("SHOW server_version_num")) // 10_000
        there = await connection.fetch(
            "SELECT nspname FROM pg_namespace WHERE nspname = ANY($1::text[])", manifest.schemas
        )
    finally:
        await connection.close(timeout=CONNECT_SECONDS)
    if there:
        names = ", ".join(sorted(row[0] for row in there))
        raise NotEmpty(f"The database has data of Tâm already ({names}): restore into an empty one.")
    if server < int(manifest.server.split(".")[0]):
        raise Newer(f"The back-up is of PostgreSQL {manifest.server}, and the server is {server}: take a newer one.")
    return server


async def _connect(url: str) -> asyncpg.Connection:
    settings = {"application_name": APPLICATION, "statement_timeout": "0"}
    return await asyncpg.connect(plain_url(url), timeout=CONNECT_SECONDS, server_settings=settings)


def _load(tools: Tools, url: str, folder: Path, manifest: Manifest, server: int, tail: str, moved: Moved) -> None:
    command = [tools.path("psql"), "--no-psqlrc", "--quiet", "--no-password", "--set=ON_ERROR_STOP=1", "--file=-"]
    # Terse: the details of an error quote rows.
    command += ["--set=VERBOSITY=terse", "--set=SHOW_CONTEXT=never"]
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(
            command, env=environ_of(url), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=said, cwd="/"
        ) as process,
    ):
        assert process.stdin is not None
        try:
            # The end of the stream without COMMIT, whoever was killed, is the end of the session: nothing stays.
            process.stdin.write(b"BEGIN;\nSET LOCAL synchronous_commit = on;\n")
            for name in manifest.files:
                _pour(tools, folder / name, process.stdin, moved, strip=server < _FIRST_WITH_IT)
            process.stdin.write(f"{tail}COMMIT;\n".encode())
        except BrokenPipeError:
            pass  # it has said why
        except BaseException:
            process.kill()
            raise
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        if process.wait() != 0:
            reason = last_line(said)
            if _DIFFERENT in reason:
                raise Different(
                    f"What was restored of {reason.partition(_DIFFERENT)[2]} is not what was backed up; "
                    "nothing was kept of it."
                )
            raise Failed(f"PostgreSQL refuses the back-up: {reason}.")


def _pour(tools: Tools, path: Path, into: IO[bytes], moved: Moved, *, strip: bool) -> None:
    """Write a file's statements and rows; `moved` hears how far it was read."""
    command = [tools.path("pg_restore"), "--file=-", "--no-owner", "--no-privileges"]
    with (
        path.open("rb") as file,
        tempfile.TemporaryFile() as said,
        subprocess.Popen(command, stdin=file, stdout=subprocess.PIPE, stderr=said) as process,
    ):
        assert process.stdout is not None
        before = 0
        try:
            while chunk := process.stdout.read(_CHUNK):
                if strip:
                    chunk, strip = chunk.replace(_OF_17, b"", 1), False
                into.write(chunk)
                # One file description with pg_restore, and so one place in the file.
                place = os.lseek(file.fileno(), 0, os.SEEK_CUR)
                moved(max(0, place - before))
                before = max(before, place)
        except BaseException:
            process.kill()
            raise
        if process.wait() != 0:
            raise Damaged(f"{path} cannot be read by pg_restore {tools.version}: {last_line(said)}.")


async def _look_at_rows(url: str, schemas: Sequence[str]) -> None:
    """Gather the statistics that plans are made with: a dump has none, and the first minutes would be slow."""
    connection = await _connect(url)
    try:
        for row in await connection.fetch(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname = ANY($1::text[])",
            list(schemas),
        ):
            await connection.execute(f"ANALYZE {row[0]}")
    finally:
        await connection.close(timeout=CONNECT_SECONDS)
