"""The data of past releases: for each a back-up of a small shop, its figures, and the migrations that made it.

    releases/<version>/backup.tar.xz     a back-up as `tam backup` makes it
    releases/<version>/figures.json      what the shop's figures were, as of which day
    releases/<version>/migrations.json   the SHA-256 of each migration that had run

A release is out when `pyproject.toml` names a later one: from then on its folder and its migrations never change.
"""

import hashlib
import re
import subprocess
import tarfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from services.registry import SERVICES
from shared.backup.manifest import read
from shared.backup.programs import tools_for
from shared.db.migrate import Tree
from shared.runtime.trees import trees_of

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent / "releases"
PACKED = "backup.tar.xz"
MOST_BYTES = 1_000_000
_PATHS = re.compile(rb"site-packages|/(?:home|root|tmp|Users)/|" + re.escape(str(ROOT).encode()))


def current_version() -> str:
    """The release that is being made."""
    version: str = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    return version


def _order(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)))


def scripts() -> Iterator[tuple[Tree, Path]]:
    """Every migration there is, with its tree; a folder that makes several schemas comes once."""
    seen: set[Path] = set()
    for tree in trees_of(SERVICES):
        if tree.folder not in seen:
            seen.add(tree.folder)
            yield from ((tree, path) for path in sorted((tree.folder / "versions").glob("*.py")))


def name_of(path: Path) -> str:
    """A migration's path in the repository."""
    return str(path.relative_to(ROOT))


def digests_of_scripts() -> dict[str, str]:
    """The SHA-256 of each migration."""
    return {name_of(path): hashlib.sha256(path.read_bytes()).hexdigest() for _, path in scripts()}


@dataclass(frozen=True, slots=True)
class Release:
    """A release whose data were kept."""

    version: str

    @property
    def folder(self) -> Path:
        """Where they are."""
        return HERE / self.version

    @property
    def is_out(self) -> bool:
        """Whether people may have data of it."""
        return _order(self.version) < _order(current_version())

    def told(self, name: str) -> Any:
        """One of its JSON files."""
        return orjson.loads((self.folder / name).read_bytes())

    def pack(self, backup: Path) -> None:
        """Keep a back-up: uncompressed dumps of one shop have much in common, and packed together need a fifth."""
        self.folder.mkdir(parents=True)
        with tarfile.open(self.folder / PACKED, "w:xz", preset=9) as packed:
            for file in sorted(backup.iterdir()):
                packed.add(file, file.name, filter=_nobodys)

    def unpacked(self, folder: Path) -> Path:
        """The back-up, in a new folder."""
        with tarfile.open(self.folder / PACKED) as packed:
            packed.extractall(folder, filter="data")
        return folder

    def edited(self) -> list[str]:
        """Its migrations that are gone, or are not today what they were."""
        now = digests_of_scripts()
        return sorted(name for name, digest in self.told("migrations.json").items() if now.get(name) != digest)


def _nobodys(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = member.mtime = 0
    member.uname = member.gname = ""
    return member


def releases() -> list[Release]:
    """Those there are, the oldest first."""
    folders = [each for each in HERE.glob("*") if (each / PACKED).exists()] if HERE.exists() else []
    return [Release(each.name) for each in sorted(folders, key=lambda folder: _order(folder.name))]


def released_scripts() -> set[str]:
    """The migrations that people may have run."""
    return {name for release in releases() if release.is_out for name in release.told("migrations.json")}


def telling_of_machines(backup: Path) -> list[str]:
    """What is in an unpacked back-up that names folders of the machine it was made on."""
    tools = tools_for(int(read(backup).tool.split(".")[0]))
    found = []
    for file in sorted(backup.iterdir()):
        text = file.read_bytes()
        if file.suffix == ".dump":
            command = [tools.path("pg_restore"), "--file=-", str(file)]
            text = subprocess.run(command, check=True, capture_output=True).stdout
        found += [f"{file.name}: {line[:200]!r}" for line in text.splitlines() if _PATHS.search(line)]
    return found
