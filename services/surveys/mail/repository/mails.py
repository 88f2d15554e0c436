"""SQL of mails. A mail is its sender's by its claim; each step holds only while that is so."""

from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from services.surveys.mail.domain.outcomes import Outcome
from shared.db.engine import ReadTx, WriteTx

# Contacts that are older were there before mail was switched on: nobody is to be surprised by them.
LOOKS_BACK = timedelta(days=2)


class Mail(NamedTuple):
    """A mail that its sender has claimed; `number` 0 is the invitation, others are reminders."""

    invitation_id: UUID
    number: int
    person: UUID
    attempts: int
    claim: UUID
    expires_at: datetime


async def enqueue(tx: WriteTx, now: datetime, limit: int) -> int:
    """Make mails of contacts that have none yet, some at once; how many."""
    rows = await tx.execute(
        "INSERT INTO mails (invitation_id, number, person, state, next_at, expires_at, created_at, changed_at) "
        "SELECT c.invitation_id, c.number, c.person, 'waiting', :now, i.expires_at, :now, :now FROM contacts AS c "
        "JOIN invitations AS i ON i.id = c.invitation_id "
        "WHERE c.channel = 'email' AND c.at >= :since AND c.at <= :now AND NOT EXISTS "
        "(SELECT FROM mails AS m WHERE m.invitation_id = c.invitation_id AND m.number = c.number) "
        "ORDER BY c.at LIMIT :limit ON CONFLICT DO NOTHING RETURNING 1",
        {"now": now, "since": now - LOOKS_BACK, "limit": limit},
    )
    return len(rows.all())


async def tidy(tx: WriteTx, now: datetime) -> tuple[int, int]:
    """Give up senders whose time is over: (unknown, free again). What was in transmission is never sent again."""
    unknown = await tx.execute(
        "UPDATE mails SET state = 'unknown', reason = 'crashed', claim = NULL, changed_at = :now "
        "WHERE state = 'transmitting' AND next_at <= :now RETURNING 1",
        {"now": now},
    )
    free = await tx.execute(
        "UPDATE mails SET state = 'waiting', claim = NULL, changed_at = :now "
        "WHERE state = 'claimed' AND next_at <= :now RETURNING 1",
        {"now": now},
    )
    await tx.execute(
        "UPDATE mails SET state = 'expired', reason = 'too_late', changed_at = :now "
        "WHERE state = 'waiting' AND expires_at <= :now",
        {"now": now},
    )
    return len(unknown.all()), len(free.all())


async def claim(tx: WriteTx, by: UUID, now: datetime, until: datetime, limit: int) -> list[Mail]:
    """Take mails that are due; nobody else has them until then."""
    rows = await tx.execute(
        "UPDATE mails AS m SET state = 'claimed', claim = :by, next_at = :until, attempts = attempts + 1, "
        "changed_at = :now FROM (SELECT invitation_id, number FROM mails WHERE state = 'waiting' AND next_at <= :now "
        "AND expires_at > :now ORDER BY next_at, invitation_id LIMIT :limit FOR UPDATE SKIP LOCKED) AS due "
        "WHERE m.invitation_id = due.invitation_id AND m.number = due.number "
        "RETURNING m.invitation_id, m.number, m.person, m.attempts, m.claim, m.expires_at",
        {"by": by, "now": now, "until": until, "limit": limit},
    )
    return [Mail._make(row) for row in rows]


async def begin(tx: WriteTx, mail: Mail, now: datetime, until: datetime) -> bool:
    """Mark, before anything of the message leaves, that it is about to; False: it is not this sender's any more."""
    rows = await tx.execute(
        "UPDATE mails SET state = 'transmitting', next_at = :until, changed_at = :now WHERE invitation_id = :id "
        "AND number = :number AND claim = :claim AND state = 'claimed' AND expires_at > :now AND next_at > :now "
        "RETURNING 1",
        {"id": mail.invitation_id, "number": mail.number, "claim": mail.claim, "now": now, "until": until},
    )
    return rows.one_or_none() is not None


async def finish(tx: WriteTx, mail: Mail, outcome: Outcome, now: datetime, next_at: datetime) -> bool:
    """Note what became of it; False: it is not this sender's any more."""
    rows = await tx.execute(
        "UPDATE mails SET state = :state, reason = :reason, claim = NULL, next_at = :next, changed_at = :now "
        "WHERE invitation_id = :id AND number = :number AND claim = :claim AND state IN ('claimed', 'transmitting') "
        "RETURNING 1",
        {
            "id": mail.invitation_id,
            "number": mail.number,
            "claim": mail.claim,
            "state": outcome.state,
            "reason": outcome.reason,
            "now": now,
            "next": next_at,
        },
    )
    return rows.one_or_none() is not None


async def put_back(tx: WriteTx, mail: Mail, now: datetime) -> None:
    """Give back a mail that was claimed and not begun, as if it had never been."""
    await tx.execute(
        "UPDATE mails SET state = 'waiting', claim = NULL, attempts = attempts - 1, next_at = :now, changed_at = :now "
        "WHERE invitation_id = :id AND number = :number AND claim = :claim AND state = 'claimed'",
        {"id": mail.invitation_id, "number": mail.number, "claim": mail.claim, "now": now},
    )


async def suppress(tx: WriteTx, person: UUID, mark: bytes, reason: str, now: datetime) -> None:
    """Try this address no more."""
    await tx.execute(
        "INSERT INTO mail_suppressions (person, address, reason, at) VALUES (:person, :mark, :reason, :now) "
        "ON CONFLICT DO NOTHING",
        {"person": person, "mark": mark, "reason": reason, "now": now},
    )


async def is_suppressed(tx: ReadTx, marks: list[bytes]) -> bool:
    """Whether an address is tried no more, whoever's it is: it is known by its marks under all keys."""
    rows = await tx.execute(
        "SELECT 1 FROM mail_suppressions WHERE address = ANY(CAST(:marks AS bytea[])) LIMIT 1", {"marks": marks}
    )
    return rows.one_or_none() is not None


async def counts(tx: ReadTx) -> dict[str, int]:
    """How many mails are in each state that is not final."""
    rows = await tx.execute(
        "SELECT state, count(*) AS number FROM mails "
        "WHERE state IN ('waiting', 'claimed', 'transmitting') GROUP BY state"
    )
    return {row.state: row.number for row in rows}
