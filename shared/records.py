"""Files that come in parts, taken apart into records: lines, and in CSV what stands between quotes over several."""

from collections.abc import AsyncIterator
from typing import Literal, NamedTuple

from shared.errors import Invalid

# The longest record of a file; more is not one.
MAX_RECORD = 65_536
_QUOTE = b'"'

Kind = Literal["csv", "ndjson"]


class BadFile(Invalid):
    """The file cannot be read on: `reason` says why, `line` where."""

    code, title = "bad_file", "Bad file"

    def __init__(self, reason: str, sentence: str, *, line: int | None = None) -> None:
        super().__init__(sentence, reason=reason, line=line)


class Record(NamedTuple):
    """A record and the line it begins on, counted from 1; `raw` None: it is too long to be one."""

    line: int
    raw: bytes | None


async def records(parts: AsyncIterator[bytes], kind: Kind) -> AsyncIterator[list[Record]]:
    """The records of a file, some at a time; of CSV one may go over several lines between quotes.

    Empty lines are no records. One that is too long has no text, and the lines after it are read on.
    """
    cutter = _Cutter(is_quoted=kind == "csv")
    async for part in parts:
        found = cutter.cut(part)
        if found:
            yield found
    if found := cutter.last():
        yield found


class _Cutter:
    """Cuts bytes into records; holds no more than one record and one part."""

    def __init__(self, *, is_quoted: bool) -> None:
        self._is_quoted = is_quoted
        self._rest = b""
        self._is_overlong = False
        self._line = 1
        # The lines of a record whose quotes are still open.
        self._open: list[bytes] = []
        self._open_bytes = 0

    def cut(self, part: bytes) -> list[Record]:
        *lines, self._rest = (self._rest + part).split(b"\n")
        found = [record for each in lines if (record := self._take(each)) is not None]
        if len(self._rest) > MAX_RECORD:
            self._is_overlong, self._rest = True, b""
        return found

    def last(self) -> list[Record]:
        found = [] if not self._rest and not self._is_overlong else [self._take(self._rest)]
        if self._open:
            # The quote was never closed.
            found.append(Record(self._line - len(self._open), None))
        return [each for each in found if each is not None]

    def _take(self, raw: bytes) -> Record | None:
        line = self._line
        self._line += 1
        if self._is_overlong:
            self._is_overlong = False
            self._open, self._open_bytes = [], 0
            return Record(line, None)
        if not self._is_quoted:
            raw = raw.strip()
            return Record(line, raw) if raw else None
        if self._open or raw.count(_QUOTE) % 2:
            return self._go_on(raw, line)
        raw = raw.rstrip(b"\r")
        return Record(line, raw) if raw.strip() else None

    def _go_on(self, raw: bytes, line: int) -> Record | None:
        """A line of a record over several."""
        begins = line - len(self._open)
        is_end = bool(self._open) and raw.count(_QUOTE) % 2 == 1
        self._open.append(raw)
        self._open_bytes += len(raw)
        if not is_end and self._open_bytes <= MAX_RECORD:
            return None
        whole = b"\n".join(self._open).rstrip(b"\r") if is_end else None
        self._open, self._open_bytes = [], 0
        return Record(begins, whole)
