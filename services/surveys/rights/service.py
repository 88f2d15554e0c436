"""Use cases of data rights in surveys."""

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.surveys.answers.repository import rights as answers
from services.surveys.asking.repository import rights as asking
from services.surveys.cases.repository import rights as cases
from services.surveys.mail.repository import rights as mail
from services.surveys.pages.repository import rights as pages
from services.surveys.rights import repository
from shared.clock import Clock
from shared.db.engine import ReadTx, WriteTx
from shared.identity import members
from shared.rights.contract import Erased, Subject

# What hangs on an invitation goes before it; then as everybody locks: invitations, responses, cases.
ROOMS = (mail, pages, asking, answers, cases)
_KEPT = {
    "surveys: scores, choices and cases": "What the person scored and chose, when and of what, and what came of their "
    "complaints, under the pseudonymous key and without a word that anybody wrote: past figures stay what they were. "
    "The key is a hash of the user id without a secret: who has the id from "
    "elsewhere can find it; nothing here names the person.",
    "surveys: anonymous answers": "Nothing leads from an anonymous answer to who gave it, so none can be found.",
}


@dataclass(frozen=True, slots=True)
class SurveysRights:
    """Says what all rooms of surveys keep of a person, and forgets what was written."""

    clock: Clock

    async def export(self, tx: ReadTx, subject: Subject) -> AsyncIterator[tuple[str, Any]]:
        """Everything under the person's keys: by section, where there is anything."""
        for room in ROOMS:
            async for name, rows in room.sections(tx, subject.keys):
                if rows:
                    yield name, rows
        if identity := await repository.identity(tx, subject.keys):
            yield "identity", identity

    async def erase(self, tx: WriteTx, subject: Subject) -> Erased:
        """Remove all words, and what only tells who somebody is; facts stay under their pseudonym."""
        await members.lock_many(tx, subject.keys)
        erased = Erased(kept=dict(_KEPT))
        for room in ROOMS:
            for place, rows in (await room.forget(tx, subject.keys)).items():
                erased.add(place, rows)
        erased.add("restrictions", await repository.release(tx, subject.keys))
        return erased

    async def restrict(self, tx: WriteTx, subject: Subject, *, is_restricted: bool) -> None:
        """Ask the person nothing while their data may not be used."""
        await members.lock_many(tx, subject.keys)
        if is_restricted:
            await repository.restrict(tx, subject.keys, self.clock.now())
        else:
            await repository.release(tx, subject.keys)

    async def restricted_among(self, tx: ReadTx, keys: Collection[UUID]) -> set[UUID]:
        """Those of the raw keys whose person had the use of their data restricted."""
        return await repository.restricted_among(tx, keys)
