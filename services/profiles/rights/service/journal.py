"""The journal of erasures: what a restored back-up must forget again. It is kept apart from back-ups, and names nobody.

A back-up holds people who were erased after it was made. The journal knows them by their pseudonymous keys and by the
marks they left; with it each erasure is carried out again, as the case that it was.
"""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any
from uuid import UUID

import orjson
from pydantic import TypeAdapter, ValidationError

from services.profiles.rights.domain.cases import Case
from services.profiles.rights.repository import cases
from services.profiles.rights.service.following import Following
from shared.db.engine import Database, WriteTx
from shared.rights import suppression

_READ = TypeAdapter(Case)


@dataclass(frozen=True, slots=True)
class Entry:
    """An erasure that was begun, and the marks that keep the person from coming back; none: they were let in again."""

    case: Case
    marks: tuple[bytes, ...]

    def line(self) -> bytes:
        """As a line of the journal."""
        said = {"case": asdict(self.case), "marks": [mark.hex() for mark in self.marks]}
        return orjson.dumps(said, default=str, option=orjson.OPT_APPEND_NEWLINE)

    @classmethod
    def read(cls, line: bytes) -> "Entry":
        """The inverse.

        Raises:
            ValueError: it is no line of a journal.
        """
        try:
            said = orjson.loads(line)
            return cls(_READ.validate_python(said["case"]), tuple(map(bytes.fromhex, said["marks"])))
        except (ValidationError, KeyError, TypeError) as error:
            raise ValueError(type(error).__name__) from None


@dataclass(frozen=True, slots=True)
class Journal:
    """Tells which erasures there were, and carries them out again."""

    db: Database
    following: Following

    async def beyond(self, known: Collection[UUID]) -> list[Entry]:
        """The erasures that were begun and are not among the known cases, the oldest first."""
        async with self.db.read() as tx:
            found = await cases.erasures_beyond(tx, known)
            marks = await cases.marks_of(tx, [case.id for case in found])
        return [Entry(case, tuple(marks.get(case.id, ()))) for case in found]

    async def again(self, entries: Sequence[Entry]) -> int:
        """Carry out the erasures that this database does not know of; how many. Again, it does nothing."""
        done = 0
        for entry in entries:
            async with self.db.write() as tx:
                await suppression.claim(tx)
                done += await self._again(tx, entry)
        return done

    async def _again(self, tx: WriteTx, entry: Entry) -> bool:
        stored = await cases.locked(tx, entry.case.id)
        if stored is not None and stored.state != "awaiting_proof":
            return False
        case: Any = replace(entry.case, state="in_progress", slices=0, finished_at=None)
        if stored is None:
            await cases.add(tx, case)
        await self.following.begin(tx, case)
        # Also of what they went by later than this database knows.
        await suppression.suppress(tx, case.id, entry.marks)
        if entry.marks:
            self.following.ask(tx, case, "erasure", marks=entry.marks)
        else:
            marks = sorted((await cases.marks_of(tx, [case.id])).get(case.id, ()))
            await suppression.readmit(tx, marks)
            self.following.ask(tx, case, "readmission", marks=marks)
        return True
