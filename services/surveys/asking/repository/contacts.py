"""SQL of contacts: each time somebody was asked or reminded."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from services.surveys.asking.domain.budget import Contact
from shared.db.bulk import insert_rows
from shared.db.engine import ReadTx, WriteTx

_COLUMNS = {
    "person": "uuid",
    "at": "timestamptz",
    "survey_id": "uuid",
    "kind": "text",
    "channel": "text",
    "invitation_id": "uuid",
    "number": "integer",
    "is_counted": "boolean",
}


async def add(tx: WriteTx, contacts: Sequence[tuple[UUID, Contact]]) -> None:
    """Store contacts, each with the person key that was asked."""
    await insert_rows(tx, "contacts", _COLUMNS, [(person, *contact) for person, contact in contacts])


async def of(tx: ReadTx, keys: Collection[UUID], since: datetime) -> dict[UUID, list[Contact]]:
    """The contacts under person keys after a time."""
    rows = await tx.execute(
        "SELECT person, at, survey_id, kind, channel, invitation_id, number, is_counted FROM contacts "
        "WHERE person = ANY(:keys) AND at > :since ORDER BY at",
        {"keys": list(keys), "since": since},
    )
    found: defaultdict[UUID, list[Contact]] = defaultdict(list)
    for row in rows:
        found[row.person].append(Contact._make(row[1:]))
    return found
