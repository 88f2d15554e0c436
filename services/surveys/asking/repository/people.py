"""SQL of what is known of people: what they agreed to, and what took their candidates back."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from uuid import UUID

from services.surveys.asking.domain.candidate import Candidate
from services.surveys.asking.domain.judging import Word
from services.surveys.asking.domain.plan import Cancelling
from shared.db.bulk import insert_rows
from shared.db.engine import ReadTx, WriteTx
from shared.events.catalogue.profiles import ConsentChanged
from shared.events.envelope import Event

_CONSENTS = {
    "person": "uuid",
    "purpose": "text",
    "channel": "text",
    "version": "bigint",
    "is_granted": "boolean",
    "frequency_max": "integer",
    "frequency_per": "text",
    "expires_at": "timestamptz",
}
_CANCELS = {"survey_id": "uuid", "event_id": "uuid", "person": "uuid", "order_id": "text", "at": "timestamptz"}


async def add_consents(tx: WriteTx, events: Sequence[Event[ConsentChanged]]) -> None:
    """Take over what people said; of each key, purpose and channel the highest version holds."""
    newest: dict[tuple[UUID, str, str], ConsentChanged] = {}
    for event in events:
        key, said = (event.subject, event.data.purpose, event.data.channel), event.data
        if key not in newest or newest[key].version < said.version:
            newest[key] = said
    rows = [
        (*key, said.version, said.state == "granted", said.frequency_max, said.frequency_per, said.expires_at)
        for key, said in sorted(newest.items())
    ]
    names = ", ".join(f"{name} = EXCLUDED.{name}" for name in list(_CONSENTS)[3:])
    await insert_rows(
        tx,
        "consents",
        _CONSENTS,
        rows,
        f"ON CONFLICT (person, purpose, channel) DO UPDATE SET {names} WHERE consents.version < EXCLUDED.version",
    )


async def words(tx: ReadTx, roots: Collection[UUID], purposes: Collection[str]) -> dict[tuple[UUID, str, str], Word]:
    """What persons said of these purposes, by root, purpose and channel: the word on the root is the person's."""
    rows = await tx.execute(
        "SELECT person, purpose, channel, is_granted, expires_at, frequency_max, frequency_per FROM consents "
        "WHERE person = ANY(:roots) AND purpose = ANY(CAST(:purposes AS text[]))",
        {"roots": list(roots), "purposes": list(purposes)},
    )
    return {
        (row.person, row.purpose, row.channel): Word(
            row.is_granted, row.expires_at, row.frequency_max, row.frequency_per
        )
        for row in rows
    }


async def granted_page(tx: ReadTx, purpose: str, channel: str, *, after: UUID | None, limit: int) -> list[UUID]:
    """Keys under which somebody agreed, in ascending order, those behind `after`."""
    rows = await tx.execute(
        "SELECT person FROM consents WHERE purpose = :purpose AND channel = :channel AND is_granted "
        "AND person > :after ORDER BY person LIMIT :limit",
        {"purpose": purpose, "channel": channel, "after": after or UUID(int=0), "limit": limit},
    )
    return [row.person for row in rows]


async def add_cancels(tx: WriteTx, cancels: Iterable[Cancelling]) -> None:
    """Note facts that take candidates back, whether there are any yet or not: facts come in any order."""
    rows = sorted({(each.survey_id, each.event_id, each.order_id or "", each) for each in cancels})
    await insert_rows(tx, "asking_cancels", _CANCELS, [each for *_, each in rows], "ON CONFLICT DO NOTHING")


async def cancelled(tx: ReadTx, candidates: Sequence[Candidate], keys: Sequence[Sequence[UUID]]) -> set[UUID]:
    """Those candidates that a fact took back; `keys` are the person keys of each, in the same order."""
    pairs = [
        (candidate.id, candidate.survey_id, candidate.order_id, candidate.happened_at, key)
        for candidate, own in zip(candidates, keys, strict=True)
        for key in own
        # Reminders of what a fact proposed as well: they are about the same order.
        if candidate.source_id is not None
    ]
    if not pairs:
        return set()
    ids, surveys, orders, times, persons = map(list, zip(*pairs, strict=True))
    rows = await tx.execute(
        "SELECT c.id FROM unnest(CAST(:ids AS uuid[]), CAST(:surveys AS uuid[]), CAST(:orders AS text[]), "
        "CAST(:times AS timestamptz[]), CAST(:persons AS uuid[])) AS c(id, survey_id, order_id, at, person) "
        "WHERE EXISTS (SELECT FROM asking_cancels x WHERE x.survey_id = c.survey_id AND x.order_id = c.order_id) "
        "OR EXISTS (SELECT FROM asking_cancels x WHERE x.survey_id = c.survey_id AND x.person = c.person "
        "AND x.order_id IS NULL AND x.at >= c.at)",
        {"ids": ids, "surveys": surveys, "orders": orders, "times": times, "persons": persons},
    )
    return {row.id for row in rows}


async def forget_cancels(tx: WriteTx, before: datetime, limit: int) -> int:
    """Remove facts that no candidate can wait for any more; how many."""
    gone = await tx.execute(
        "DELETE FROM asking_cancels WHERE ctid = ANY(ARRAY("
        "SELECT ctid FROM asking_cancels WHERE at < :before LIMIT :limit))",
        {"before": before, "limit": limit},
    )
    return gone.rowcount
