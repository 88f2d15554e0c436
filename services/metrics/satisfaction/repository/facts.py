"""The facts: answers, invitations, cases, surveys, members of segments, personas."""

from collections.abc import Collection, Iterable, Sequence
from operator import itemgetter
from typing import Any
from uuid import UUID

import orjson

from services.metrics.satisfaction.domain.facts import Answer, Ask, Places
from shared.db.bulk import insert_new_rows, insert_rows
from shared.db.engine import ReadTx, WriteTx
from shared.events.catalogue.profiles import PersonaChanged
from shared.events.catalogue.surveys import SurveyPublished

_ANSWER = {
    "response_id": "uuid",
    "revision": "int",
    "customer": "uuid",
    "at": "timestamptz",
    "survey_id": "uuid",
    "version": "int",
    "state": "text",
    "is_inferred": "boolean",
    **dict.fromkeys(Places._fields, "text"),
    "weight": "int",
    "questions": "text[]",
    "scores": "int[]",
}
_ASK_PLACES = tuple(name for name in Places._fields if name != "locale")
_ASK = {
    "invitation_id": "uuid",
    "customer": "uuid",
    "survey_id": "uuid",
    **dict.fromkeys(_ASK_PLACES, "text"),
    "invited_at": "timestamptz",
    "is_delivered": "boolean",
    "is_expired": "boolean",
    "revision": "int",
    "state": "text",
}


async def answers(tx: ReadTx, customers: Collection[UUID]) -> list[Answer]:
    """All answers under these keys."""
    return await _answers(tx, "survey_answers WHERE customer = ANY(CAST(:ids AS uuid[]))", {"ids": list(customers)})


async def answers_to(tx: ReadTx, wanted: Collection[tuple[UUID, UUID]]) -> list[Answer]:
    """All answers of these (key, survey)."""
    keys, surveys = [key for key, _ in wanted], [survey for _, survey in wanted]
    return await _answers(
        tx,
        # Row by row from the index, however many it is: OFFSET keeps them apart.
        "unnest(CAST(:ids AS uuid[]), CAST(:surveys AS uuid[])) AS wanted(key, survey) CROSS JOIN LATERAL "
        "(SELECT * FROM survey_answers WHERE customer = wanted.key AND survey_id = wanted.survey OFFSET 0) AS found",
        {"ids": keys, "surveys": surveys},
    )


async def answers_by_id(tx: ReadTx, response_ids: Collection[UUID]) -> list[Answer]:
    """Those of the responses that are known."""
    return await _answers(
        tx, "survey_answers WHERE response_id = ANY(CAST(:ids AS uuid[]))", {"ids": list(response_ids)}
    )


async def _answers(tx: ReadTx, those: str, given: dict[str, Any]) -> list[Answer]:
    if not given["ids"]:
        return []
    rows = await tx.execute(f"SELECT {', '.join(_ANSWER)} FROM {those}", given)
    return [_answer(row) for row in rows]


def _answer(row: Any) -> Answer:
    head: tuple[Any, ...] = tuple(row)
    scores = tuple(zip(row.questions, row.scores, strict=True))
    return Answer(*head[:8], Places(*head[8:13]), row.weight, scores)  # type: ignore[call-arg]


async def store_answers(tx: WriteTx, found: Iterable[Answer], known: Collection[UUID]) -> bool:
    """Keep what these responses say now, of which those are `known` that are here; False: another one is here too."""
    rows = [(*each[:8], *each.places, each.weight, _texts(each.scores), _numbers(each.scores)) for each in found]
    return await _store(tx, "survey_answers", _ANSWER, rows, known)


def _texts(scores: Sequence[tuple[str, int]]) -> str:
    # A JSON string is an element of a PostgreSQL array too: both quote with ", and escape with \.
    return "{" + ",".join(orjson.dumps(question).decode() for question, _ in scores) + "}"


def _numbers(scores: Sequence[tuple[str, int]]) -> str:
    return "{" + ",".join(str(score) for _, score in scores) + "}"


async def asks(tx: ReadTx, customers: Collection[UUID]) -> list[Ask]:
    """All invitations under these keys."""
    return await _asks(tx, "customer", customers)


async def asks_by_id(tx: ReadTx, invitation_ids: Collection[UUID]) -> list[Ask]:
    """Those of the invitations that are known."""
    return await _asks(tx, "invitation_id", invitation_ids)


async def _asks(tx: ReadTx, column: str, ids: Collection[UUID]) -> list[Ask]:
    if not ids:
        return []
    rows = await tx.execute(
        f"SELECT {', '.join(_ASK)} FROM survey_asks WHERE {column} = ANY(CAST(:ids AS uuid[]))", {"ids": list(ids)}
    )
    return [_ask(row) for row in rows]


def _ask(row: Any) -> Ask:
    places = Places(row.channel, "", row.touchpoint, row.stage, row.staff)
    return Ask(row.invitation_id, row.customer, row.survey_id, places, *row[3 + len(_ASK_PLACES) :])


async def store_asks(tx: WriteTx, found: Iterable[Ask], known: Collection[UUID]) -> bool:
    """Keep what is known of these invitations, as `store_answers` does."""
    rows = [(*each[:3], *(getattr(each.places, name) for name in _ASK_PLACES), *each[4:]) for each in found]
    return await _store(tx, "survey_asks", _ASK, rows, known)


async def _store(
    tx: WriteTx, table: str, columns: dict[str, str], rows: Iterable[tuple[Any, ...]], known: Collection[UUID]
) -> bool:
    """Keep rows of new ids and of known ones, in the order of their ids, which come first."""
    key, *others = columns
    new: list[tuple[Any, ...]] = []
    old: list[tuple[Any, ...]] = []
    for row in sorted(rows, key=itemgetter(0)):
        (old if row[0] in known else new).append(row)
    values = ", ".join(f"{name} = EXCLUDED.{name}" for name in others)
    await insert_rows(tx, table, columns, old, f"ON CONFLICT ({key}) DO UPDATE SET {values}")
    return await insert_new_rows(tx, table, columns, new, key)


async def segments(tx: ReadTx, customers: Collection[UUID]) -> dict[UUID, set[UUID]]:
    """The segments of each of these keys that is in any."""
    if not customers:
        return {}
    rows = await tx.execute(
        "SELECT customer, segment_id FROM segment_members WHERE customer = ANY(CAST(:ids AS uuid[]))",
        {"ids": list(customers)},
    )
    found: dict[UUID, set[UUID]] = {}
    for row in rows:
        found.setdefault(row.customer, set()).add(row.segment_id)
    return found


async def store_segments(tx: WriteTx, entered: Iterable[tuple[UUID, UUID]], left: Sequence[tuple[UUID, UUID]]) -> None:
    """Put (key, segment) pairs in, and take others out."""
    columns = {"customer": "uuid", "segment_id": "uuid"}
    await insert_rows(tx, "segment_members", columns, sorted(entered), "ON CONFLICT DO NOTHING")
    if left:
        await tx.execute(
            "DELETE FROM segment_members USING unnest(CAST(:customers AS uuid[]), CAST(:segments AS uuid[])) "
            "AS gone(customer, segment_id) WHERE segment_members.customer = gone.customer "
            "AND segment_members.segment_id = gone.segment_id",
            {"customers": [each for each, _ in left], "segments": [each for _, each in left]},
        )


async def store_surveys(tx: WriteTx, published: Sequence[SurveyPublished]) -> None:
    """Keep versions of surveys: they never change."""
    columns = {
        "survey_id": "uuid",
        "version": "int",
        "purpose": "text",
        "touchpoint": "text",
        "stage": "text",
        "is_anonymous": "boolean",
        "questions": "jsonb",
    }
    rows = [
        (each.survey_id, each.version, each.purpose, each.touchpoint, each.stage, each.is_anonymous, _questions(each))
        for each in sorted(published, key=lambda each: (each.survey_id, each.version))
    ]
    await insert_rows(tx, "survey_versions", columns, rows, "ON CONFLICT DO NOTHING")


def _questions(published: SurveyPublished) -> str:
    kept = [(each.id, each.kind, each.lowest, each.highest) for each in published.questions]
    return orjson.dumps(kept).decode()


async def store_cases(tx: WriteTx, statuses: Iterable[tuple[UUID, int, str]]) -> None:
    """Keep (case, version, status); of a case the highest version holds."""
    await insert_rows(
        tx,
        "survey_cases",
        {"case_id": "uuid", "version": "int", "status": "text"},
        sorted(statuses),
        "ON CONFLICT (case_id) DO UPDATE SET version = EXCLUDED.version, status = EXCLUDED.status "
        "WHERE survey_cases.version < EXCLUDED.version",
    )


async def store_personas(tx: WriteTx, changed: Iterable[PersonaChanged]) -> None:
    """Keep whom personas describe; of a key the highest version holds."""
    await insert_rows(
        tx,
        "personas",
        {"key": "text", "version": "int", "segment_id": "uuid", "status": "text"},
        [(each.key, each.version, each.segment_id, each.status) for each in sorted(changed, key=lambda each: each.key)],
        "ON CONFLICT (key) DO UPDATE SET version = EXCLUDED.version, segment_id = EXCLUDED.segment_id, "
        "status = EXCLUDED.status WHERE personas.version < EXCLUDED.version",
    )
