"""From the database to files: one per schema, all of one moment, readable for nobody else."""

import asyncio
import hashlib
import os
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import IO

from shared.backup.errors import Failed, NotEmpty
from shared.backup.manifest import DumpFile, Manifest, written
from shared.backup.programs import Tools, demands_tls, environ_of, tools_for
from shared.backup.snapshot import Snapshot, snapshot
from shared.bus.base import Bus, Partition
from shared.db.migrate import Tree
from shared.ids import uuid7

_CHUNK = 1 << 20
# Called with the schema and the bytes of its file that were written since the last call.
Moved = Callable[[str, int], None]


async def back_up(
    url: str,
    folder: Path,
    trees: Sequence[Tree],
    services: Sequence[str],
    *,
    kafka: Bus | None,
    version: str,
    now: datetime,
    pg_bin: Path | None = None,
    compression: int = 1,
    moved: Moved = lambda _schema, _bytes: None,
) -> Manifest:
    """Back the schemas of these trees up into a new folder. `kafka`: the bus, unless it is tables of the database.

    `compression` is gzip's: 1 is quick, 9 makes a fifth less.

    Raises:
        NotEmpty: something is in the folder.
        NoTool, Failed: it cannot be done; what was written is no back-up.
    """
    schemas = list(dict.fromkeys(tree.schema for tree in trees))
    _make(folder)
    async with snapshot(url, schemas) as at:
        major, with_tls = int(at.server.split(".")[0]), demands_tls(url)
        tools = await asyncio.to_thread(tools_for, major, pg_bin, with_tls=with_tls)
        # After the moment: nobody has read further than the log went.
        log = await at.log_ends() if kafka is None else await _log_of(kafka, await _topics(at, services))
        said = {
            "bus": "postgres" if kafka is None else "kafka",
            "heads": await at.heads(trees),
            "positions": {name: await at.positions(name) for name in services},
            "waiting": {name: await at.waiting(name) for name in services},
        }
        files, digests = await _read_out(at, schemas, (tools, url, at.name), (folder, compression, moved))
        manifest = Manifest.model_validate(
            {
                **said,
                "id": uuid7(),
                "made_at": now,
                "tam": version,
                "server": at.server,
                "tool": tools.version,
                "log": log,
                "digests": digests,
                "files": files,
            }
        )
    await asyncio.to_thread(written, folder, manifest)
    return manifest


async def _read_out(
    at: Snapshot, schemas: Sequence[str], source: tuple[Tools, str, str], target: tuple[Path, int, Moved]
) -> tuple[dict[str, DumpFile], dict[str, str]]:
    """Files and digests, of one moment but in two sessions: both at once take little longer than one."""
    files: dict[str, DumpFile] = {}
    try:
        async with asyncio.TaskGroup() as group:
            digests = group.create_task(at.digests(schemas))
            for schema in schemas:
                files[f"{schema}.dump"] = await asyncio.to_thread(_dump, *source, schema, *target)
    except ExceptionGroup as group_of_one:
        raise group_of_one.exceptions[0] from None
    return files, digests.result()


def _make(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise NotEmpty(f"{folder} is not empty: each back-up has a folder of its own.")
        folder.chmod(0o700)
    except OSError as error:
        raise Failed(f"{folder} cannot be written: {error.strerror}.") from error


def _dump(
    tools: Tools, url: str, snapshot_name: str, schema: str, folder: Path, compression: int, moved: Moved
) -> DumpFile:
    command = [
        *(tools.path("pg_dump"), "--format=custom", f"--compress={compression}", "--no-owner", "--no-privileges"),
        *(f"--snapshot={snapshot_name}", f"--schema={schema}", "--strict-names", "--no-password"),
    ]
    path, digest, size = folder / f"{schema}.dump", hashlib.sha256(), 0
    try:
        with (
            os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file,
            tempfile.TemporaryFile() as said,
            subprocess.Popen(command, env=environ_of(url), stdout=subprocess.PIPE, stderr=said, cwd="/") as process,
        ):
            assert process.stdout is not None
            while chunk := process.stdout.read(_CHUNK):
                file.write(chunk)
                digest.update(chunk)
                size += len(chunk)
                moved(schema, len(chunk))
            if process.wait() != 0:
                raise Failed(f"pg_dump of {schema} failed: {last_line(said)}.")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise Failed(f"{path} cannot be written: {error.strerror}.") from error
    return DumpFile(bytes=size, sha256=digest.hexdigest())


def last_line(said: IO[bytes]) -> str:
    """The last thing a program said, without who says it."""
    said.seek(0)
    lines = said.read().decode(errors="replace").strip().splitlines()
    return lines[-1].rstrip(".") if lines else "it gave no reason"


async def _topics(at: Snapshot, services: Sequence[str]) -> list[str]:
    places = [place for name in services for group in (await at.positions(name)).values() for place in group]
    return sorted({place.rpartition("/")[0] for place in places})


async def _log_of(bus: Bus, topics: Sequence[str]) -> Mapping[str, tuple[int, int]]:
    found: dict[str, tuple[int, int]] = {}
    for topic in topics:
        starts = await bus.start_offsets(topic)
        for place, end in (await bus.end_offsets(topic)).items():
            found[text_of(place)] = (starts.get(place, 0), end)
    return found


def text_of(place: Partition) -> str:
    """`orders/3`."""
    return f"{place.topic}/{place.index}"
