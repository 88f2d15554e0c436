"""What becomes of a request in a service: its rows follow it in the consumer's transaction, and that is answered."""

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

import orjson

from shared.db.engine import ReadTx, WriteTx
from shared.delivery.subscription import Subscription
from shared.events.catalogue.profiles import RightsAsked
from shared.events.catalogue.rights import RightsAnswered
from shared.events.envelope import Event
from shared.ids import derived_id
from shared.rights import plumbing, suppression, tasks
from shared.rights.contract import Erased, Rights, Subject

# Of an event's data; a bus takes a million.
PART_CHARACTERS = 200_000


def subscription(name: str, rights: Rights) -> Subscription:
    """How a service hears requests."""

    async def answer(value: Any, tx: WriteTx, events: Sequence[Event[RightsAsked]]) -> None:
        for event in events:
            await _answer(name, rights, value, tx, event)

    return Subscription(f"{name}.rights", (RightsAsked,), answer, max_batch=20)


async def _answer(name: str, rights: Rights, value: Any, tx: WriteTx, event: Event[RightsAsked]) -> None:
    asked = event.data
    if asked.kind == "late":
        if rights.topics:
            await tasks.add_late(tx, list(map(UUID, asked.texts)))
        return
    subject = Subject(event.subject, asked.keys, asked.texts)
    erased = Erased()
    document: str | None = None
    match asked.kind:
        case "access":
            document = await collect(rights, value, tx, subject)
        case "erasure":
            erased = await erase(rights, value, tx, subject, asked.case_id, map(bytes.fromhex, asked.marks))
            await tasks.add(tx, asked.case_id, asked.slice, subject)
        case "readmission":
            await suppression.claim(tx)
            await suppression.readmit(tx, map(bytes.fromhex, asked.marks))
        case "restriction" | "release":
            if rights.restrict is not None:
                await rights.restrict(value, tx, subject, asked.kind == "restriction")
    for part, parts, piece in _pieces(document):
        answered = RightsAnswered(
            case_id=asked.case_id,
            service=name,
            step="done",
            slice=asked.slice,
            removed=erased.removed,
            kept=erased.kept,
            document=piece,
            part=part,
            parts=parts,
        )
        tx.emit(answer_of(event.subject, event.recorded, answered))


def answer_of(root: UUID, at: Any, answered: RightsAnswered) -> Event[RightsAnswered]:
    """An answer as an event; the same answer has the same id."""
    place = (answered.service, answered.step, str(answered.slice), str(answered.part))
    return Event(derived_id("rights", str(answered.case_id), *place), root, at, at, answered)


async def erase(
    rights: Rights, value: Any, tx: WriteTx, subject: Subject, case_id: UUID, marks: Iterator[bytes]
) -> Erased:
    """Remove everything a service keeps of the person, and suppress the marks from then on."""
    await suppression.claim(tx)
    await suppression.suppress(tx, case_id, marks)
    erased = await rights.erase(value, tx, subject)
    erased.include(await plumbing.erase(tx, subject))
    return erased


async def collect(rights: Rights, value: Any, tx: ReadTx, subject: Subject) -> str:
    """Everything a service keeps of the person, as a JSON object of sections."""
    sections = {name: content async for name, content in rights.export(value, tx, subject)}
    if letters := await plumbing.export(tx, subject):
        sections["dead_letters"] = letters
    return orjson.dumps(sections, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def _pieces(document: str | None) -> Iterator[tuple[int, int, str | None]]:
    if document is None:
        yield 1, 1, None
        return
    starts = range(0, len(document), PART_CHARACTERS)
    for part, start in enumerate(starts, 1):
        yield part, len(starts), document[start : start + PART_CHARACTERS]
