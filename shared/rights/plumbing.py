"""What every service has: dead letters and stored answers that tell of a person are removed for it."""

from collections.abc import Sequence

from shared.db.engine import ReadTx, WriteTx
from shared.events.topics import TOPICS
from shared.rights.contract import Erased, Subject
from shared.rights.mentions import needles

_PERSONAL = [topic.name for topic in TOPICS if topic.personal]
_TELLS = "EXISTS (SELECT FROM unnest(CAST(:needles AS bytea[])) AS n WHERE position(n IN {column}) > 0)"
# A dead fact about a pseudonymous key is no personal data, and may still be wanted: only what names somebody goes.
_LETTERS = f"""
    topic = ANY(CAST(:personal AS text[])) AND key = ANY(CAST(:keys AS bytea[]))
    OR {_TELLS.format(column="value")}
    OR {_TELLS.format(column="convert_to(error || traceback || headers::text, 'UTF8')")}
"""


async def erase(tx: WriteTx, subject: Subject) -> Erased:
    """Remove dead letters that hold what the person sent, and stored answers about them."""
    erased = Erased()
    named = needles(subject.texts)
    letters = await tx.execute(f"DELETE FROM dead_letters WHERE {_LETTERS}", _about(subject, named))
    erased.add("dead_letters", letters.rowcount)
    wanted = [*named, *(str(key).encode() for key in subject.keys)]
    answers = await tx.execute(
        "DELETE FROM idempotency_keys WHERE "
        f"{_TELLS.format(column='body')} OR {_TELLS.format(column='convert_to(key, $$UTF8$$)')}",
        {"needles": wanted},
    )
    erased.add("idempotency_keys", answers.rowcount)
    return erased


async def export(tx: ReadTx, subject: Subject) -> list[dict[str, object]]:
    """The dead letters that hold what the person sent."""
    rows = await tx.execute(
        f"SELECT consumer, topic, failed_at, value FROM dead_letters WHERE {_LETTERS} ORDER BY id",
        _about(subject, needles(subject.texts)),
    )
    return [
        {
            "consumer": row.consumer,
            "topic": row.topic,
            "failed_at": row.failed_at,
            "record": row.value.decode(errors="replace"),
        }
        for row in rows
    ]


def _about(subject: Subject, named: Sequence[bytes]) -> dict[str, object]:
    return {"personal": _PERSONAL, "keys": [key.bytes for key in subject.keys], "needles": list(named)}
