"""What was sent and what was answered, on disk: a run that was cut off goes on from it, and is checked by it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from shared.errors import UserError

Result = dict[str, Any]


class Journal:
    """Lines of JSON: the order and terms first, then one for each act that was settled, in no order."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.head: dict[str, Any] = {}
        self.settled: dict[int, Result] = {}
        self.noted: dict[int, Result] = {}
        if path.exists():
            self._read()
        self._file = path.open("ab")

    def begin(self, head: Mapping[str, Any]) -> None:
        """Write what the run is."""
        self.head = dict(head)
        self._write(self.head)

    def settle(self, number: int, result: Result) -> None:
        """Note what came of an act. It is in the file when the process is killed; a power cut may cost some."""
        self.settled[number] = result
        self._write([number, result])

    def note(self, number: int, half: Result) -> None:
        """Note what came of the first half of an act."""
        self.noted[number] = half
        self._write([number, half, "half"])

    def close(self) -> None:
        """Done."""
        self._file.close()

    def _write(self, line: object) -> None:
        self._file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
        self._file.flush()

    def _read(self) -> None:
        """What is there; a last line that was cut off is cut away."""
        whole = self._path.read_bytes()
        kept = whole[: whole.rfind(b"\n") + 1]
        try:
            lines = [orjson.loads(line) for line in kept.splitlines()]
        except orjson.JSONDecodeError as error:
            raise UserError(f"{self._path} is no journal of a load: {error}.") from None
        if not lines:
            self._path.write_bytes(b"")
            return
        if not isinstance(lines[0], dict) or "order" not in lines[0]:
            raise UserError(f"{self._path} is no journal of a load.")
        if len(kept) < len(whole):
            self._path.write_bytes(kept)
        self.head = lines[0]
        for number, result, *half in lines[1:]:
            (self.noted if half else self.settled)[number] = result
