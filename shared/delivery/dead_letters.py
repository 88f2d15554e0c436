"""Dead letters: records that could not be handled, kept whole, with the reason, until somebody decides.

The reason is the type of the error, what of it is certain to be nobody's data (its code, which constraint), and where
in the code it was. The words of an error quote what people sent: they are not kept. What was sent is in the record.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.bus.base import Headers, OutRecord, Record, RecordTooLarge, check_size
from shared.db.engine import ReadTx, WriteTx
from shared.delivery.outbox import dump_headers, write_records
from shared.events.topics import DEAD_LETTERS
from shared.ids import uuid7
from shared.observability.tracebacks import lines, plain, told

MAX_TEXT = 16_384


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One open dead letter, without its payload."""

    id: UUID
    consumer: str
    topic: str
    partition: int
    offset: int
    error_class: str
    error: str
    attempts: int
    failed_at: datetime
    status: str


async def bury(tx: WriteTx, consumer: str, record: Record, error: BaseException, *, attempts: int) -> None:
    """Write the dead letter and announce it on the dead letter topic, in the transaction that moves the offset.

    A replay meets the record again: a letter that was resolved is dead again then, one that was dropped stays dropped.
    """
    await tx.execute(
        """
        INSERT INTO dead_letters
            (id, consumer, topic, partition, "offset", key, value, headers, error_class, error, traceback, attempts)
        VALUES (:id, :consumer, :topic, :partition, :offset, :key, :value, CAST(:headers AS json),
                :error_class, :error, :traceback, :attempts)
        ON CONFLICT (consumer, topic, partition, "offset") DO UPDATE SET
            key = EXCLUDED.key, value = EXCLUDED.value, headers = EXCLUDED.headers, attempts = EXCLUDED.attempts,
            error_class = EXCLUDED.error_class, error = EXCLUDED.error, traceback = EXCLUDED.traceback,
            failed_at = now(),
            status = CASE WHEN dead_letters.status = 'dropped' AND dead_letters.value = EXCLUDED.value
                          THEN 'dropped' ELSE 'dead' END
        """,
        {
            "id": uuid7(),
            "consumer": consumer,
            "topic": record.partition.topic,
            "partition": record.partition.index,
            "offset": record.offset,
            "key": record.key,
            "value": record.value,
            "headers": dump_headers(record.headers),
            "attempts": attempts,
            **_described(error),
        },
    )
    about = (
        ("dlq-consumer", consumer.encode()),
        ("dlq-topic", record.partition.topic.encode()),
        ("dlq-partition", str(record.partition.index).encode()),
        ("dlq-offset", str(record.offset).encode()),
        ("dlq-error-class", type(error).__name__.encode()),
        ("dlq-attempts", str(attempts).encode()),
    )
    await write_records(tx, [_announcement(record, about)])


def _announcement(record: Record, about: Headers) -> OutRecord:
    """The record with the reason; without its value where a bus would take no more: the table has it."""
    whole = OutRecord(DEAD_LETTERS.name, record.key, record.value, (*record.headers, *about))
    try:
        check_size(whole)
    except RecordTooLarge:
        return OutRecord(DEAD_LETTERS.name, record.key, b"", (*about, ("dlq-value", b"omitted")))
    return whole


def _described(error: BaseException) -> dict[str, str]:
    return {
        "error_class": type(error).__name__,
        "error": _storable(told(error) or "")[:MAX_TEXT],
        "traceback": _storable(lines(plain(error)))[-MAX_TEXT:],
    }


def _storable(text: str) -> str:
    """Without what PostgreSQL takes in no text: zero bytes and halves of surrogate pairs."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()


_OPEN = """
    SELECT id, consumer, topic, partition, "offset", error_class, error, attempts, failed_at, status
    FROM dead_letters
"""


async def open_letters(tx: ReadTx, *, after: UUID | None = None, limit: int = 50) -> list[DeadLetter]:
    """Letters nobody has dealt with, oldest first, `after` an id."""
    rows = await tx.execute(
        _OPEN + "WHERE status IN ('dead', 'retry') AND (CAST(:after AS uuid) IS NULL OR id > :after) "
        "ORDER BY id LIMIT :limit",
        {"after": after, "limit": limit},
    )
    return [DeadLetter(**row) for row in rows.mappings()]


async def letter(tx: ReadTx, letter_id: UUID) -> tuple[DeadLetter, str, bytes] | None:
    """One letter, where in the code it failed, and its payload."""
    row = (await tx.execute(_OPEN + "WHERE id = :id", {"id": letter_id})).mappings().one_or_none()
    if row is None:
        return None
    rest = (await tx.execute("SELECT traceback, value FROM dead_letters WHERE id = :id", {"id": letter_id})).one()
    return DeadLetter(**row), rest.traceback, rest.value


async def any_to_retry(tx: ReadTx, consumer: str) -> bool:
    """Whether somebody asked to try letters of this consumer again."""
    found = await tx.execute(
        "SELECT EXISTS (SELECT FROM dead_letters WHERE consumer = :consumer AND status = 'retry')",
        {"consumer": consumer},
    )
    return bool(found.scalar_one())


async def next_to_retry(tx: WriteTx, consumer: str) -> tuple[UUID, bytes] | None:
    """The id and the record of the oldest letter that is to be tried again, locked; None if there is none."""
    found = await tx.execute(
        "SELECT id, value FROM dead_letters WHERE consumer = :consumer AND status = 'retry' "
        "ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED",
        {"consumer": consumer},
    )
    row = found.one_or_none()
    return None if row is None else (row.id, row.value)


async def resolve(tx: WriteTx, letter_id: UUID) -> None:
    """The letter was handled after all."""
    await tx.execute("UPDATE dead_letters SET status = 'resolved' WHERE id = :id", {"id": letter_id})


async def set_status(tx: WriteTx, ids: Sequence[UUID] | None, status: str) -> int:
    """Mark open letters (all of them for None) `retry` or `dropped`; how many."""
    result = await tx.execute(
        "UPDATE dead_letters SET status = :status "
        "WHERE status IN ('dead', 'retry') AND (CAST(:ids AS uuid[]) IS NULL OR id = ANY(CAST(:ids AS uuid[])))",
        {"status": status, "ids": None if ids is None else list(ids)},
    )
    return result.rowcount


async def note_failure(tx: WriteTx, letter_id: UUID, error: BaseException) -> None:
    """A retry failed: the letter is dead again, with the newer reason."""
    await tx.execute(
        "UPDATE dead_letters SET status = 'dead', attempts = attempts + 1, failed_at = now(), "
        "error_class = :error_class, error = :error, traceback = :traceback WHERE id = :id",
        {"id": letter_id, **_described(error)},
    )


async def count_open(tx: ReadTx) -> int:
    """How many letters nobody has dealt with."""
    return int((await tx.execute("SELECT count(*) FROM dead_letters WHERE status IN ('dead', 'retry')")).scalar_one())
