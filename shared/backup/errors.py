"""Refusals of back-up and restore.

BackupError
├── NoTool          3  no pg_dump, pg_restore and psql that fit the server
├── Damaged         4  a file is not what was written, or is missing
├── Partial         4  the back-up was not finished
├── Newer           5  of a newer Tâm, or of a newer PostgreSQL
├── NotEmpty        6  the target has data
├── Different       7  what was restored is not what was backed up; nothing was kept of it
├── OtherLog        8  the bus is not the one that the back-up belongs to
└── Failed          1  PostgreSQL refused
"""

from typing import ClassVar

from shared.errors import UserError


class BackupError(UserError):
    """A refusal: `code` for machines stands at the end of the sentence for people."""

    code: ClassVar[str] = "backup.failed"

    def __init__(self, sentence: str) -> None:
        super().__init__(f"{sentence} [{self.code}]")


class Failed(BackupError):
    """PostgreSQL, or one of its programs, refused; nothing was changed."""


class NoTool(BackupError):
    exit_code, code = 3, "backup.no_tool"


class Damaged(BackupError):
    exit_code, code = 4, "backup.damaged"


class Partial(BackupError):
    exit_code, code = 4, "backup.partial"


class Newer(BackupError):
    exit_code, code = 5, "backup.newer"


class NotEmpty(BackupError):
    exit_code, code = 6, "backup.target_not_empty"


class Different(BackupError):
    exit_code, code = 7, "backup.different"


class OtherLog(BackupError):
    exit_code, code = 8, "backup.other_log"
