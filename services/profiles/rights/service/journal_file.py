"""The file that holds the journal of erasures: JSON lines, each written whole or not at all, never changed."""

import fcntl
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from services.profiles.rights.service.journal import Entry
from shared.errors import UserError


@dataclass(frozen=True, slots=True)
class JournalFile:
    """The journal at a place; only its owner can read it."""

    path: Path

    def entries(self) -> Iterator[Entry]:
        """What is in it; nothing, if it was never written.

        Raises:
            UserError: it cannot be read, or is something else.
        """
        try:
            lines = self.path.read_bytes().splitlines(keepends=True) if self.path.exists() else []
        except OSError as error:
            raise UserError(f"{self.path} cannot be read: {error.strerror}.") from error
        for number, line in enumerate(lines, 1):
            # Its writer was killed: nobody was told that it is there, and the next one writes it again.
            if number == len(lines) and not line.endswith(b"\n"):
                return
            try:
                yield Entry.read(line)
            except ValueError:
                raise UserError(f"{self.path}: line {number} is no entry of a journal of erasures.") from None

    def add(self, entries: Sequence[Entry]) -> None:
        """Put entries at its end, on disk when this returns; what was there stays, whatever is killed.

        Raises:
            UserError: it cannot be written.
        """
        try:
            with os.fdopen(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "a+b") as file:
                # A job and a command may write at a time: the torn line of one is not the other's to cut.
                fcntl.flock(file, fcntl.LOCK_EX)
                file.seek(0)
                os.truncate(file.fileno(), file.read().rfind(b"\n") + 1)
                file.writelines(entry.line() for entry in entries)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise UserError(f"{self.path} cannot be written: {error.strerror}.") from error
