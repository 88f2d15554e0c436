"""What a back-up says of itself, in `manifest.json`; it names nobody and holds no secret.

It is written last and at once: a folder without one is no back-up. `checksum` is of all the rest of it.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Literal
from uuid import UUID

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from shared.backup.errors import BackupError, Damaged, Newer, Partial
from shared.bus.base import Partition

FORMAT = 1
NAME = "manifest.json"
_CHUNK = 1 << 20


class DumpFile(BaseModel):
    """One file of pg_dump."""

    model_config = ConfigDict(frozen=True)

    bytes: int
    sha256: str


class Manifest(BaseModel):
    """The moment of a back-up.

    `heads`: the migration of each tree (`schema/version table`). `positions`: the next record of each consumer, by
    service, consumer and `topic/partition`. `log`: the oldest record and the end of each partition. `waiting`: events
    in outboxes. `digests`: of each table.
    """

    model_config = ConfigDict(frozen=True)

    format: int = FORMAT
    id: UUID
    made_at: datetime
    tam: str
    server: str
    tool: str
    bus: Literal["postgres", "kafka"]
    heads: Mapping[str, str]
    positions: Mapping[str, Mapping[str, Mapping[str, int]]]
    log: Mapping[str, tuple[int, int]]
    waiting: Mapping[str, int]
    digests: Mapping[str, str]
    files: Mapping[str, DumpFile]

    @property
    def schemas(self) -> list[str]:
        """The schemas in it."""
        return [name.removesuffix(".dump") for name in self.files]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.bytes for file in self.files.values())

    def read_on(self) -> Iterator[tuple[str, Partition, int]]:
        """Each consumer's partitions and where it goes on."""
        for groups in self.positions.values():
            for group, places in groups.items():
                for place, position in places.items():
                    topic, _, index = place.rpartition("/")
                    yield group, Partition(topic, int(index)), position


def written(folder: Path, manifest: Manifest) -> None:
    """Write it beside the files; they and it are on the disk when this returns."""
    said = orjson.loads(manifest.model_dump_json())
    said["checksum"] = _checksum(said)
    draft = folder / f".{NAME}.new"
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(orjson.dumps(said, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS))
        file.flush()
        os.fsync(file.fileno())
    draft.rename(folder / NAME)
    handle = os.open(folder, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)


def read(folder: Path) -> Manifest:
    """What the back-up in a folder says of itself.

    Raises:
        Partial: there is no manifest.
        Damaged: it cannot be read.
        Newer: it is of a newer format.
    """
    try:
        content = (folder / NAME).read_bytes()
    except OSError as error:
        if not folder.is_dir():
            raise Partial(f"{folder} is no folder.") from None
        raise Partial(
            f"{folder} holds no {NAME}: it is no back-up, or one that was not finished ({error.strerror})."
        ) from None
    try:
        said = orjson.loads(content)
        if said["format"] > FORMAT:
            raise Newer(f"{folder} was made by Tâm {said.get('tam')}, which is newer than this one: update it first.")
        if said.pop("checksum") != _checksum(said):
            raise Damaged(f"{folder / NAME} is not what was written.")
        return Manifest.model_validate(said)
    except BackupError:
        raise
    except (ValueError, KeyError, TypeError, ValidationError):
        raise Damaged(f"{folder / NAME} cannot be read.") from None


def check_files(folder: Path, manifest: Manifest) -> None:
    """Read every file, and compare it with what was written.

    Raises:
        Damaged: one is missing, cut short or changed.
    """
    for name, file in manifest.files.items():
        path = folder / name
        try:
            size, digest = path.stat().st_size, _sha256(path)
        except OSError as error:
            raise Damaged(f"{path} cannot be read: {error.strerror}.") from None
        if size != file.bytes:
            raise Damaged(f"{path} has {size} bytes of {file.bytes}: it was cut short, or is another's.")
        if digest != file.sha256:
            raise Damaged(f"{path} is not what was written: its SHA-256 is another.")


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _checksum(said: Mapping[str, object]) -> str:
    return hashlib.sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).hexdigest()
