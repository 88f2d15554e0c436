"""SQL of clicks on links of mails, and of what was made of them."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.surveys.pages.domain.clicks import Click, Judgement
from shared.db.engine import ReadTx, WriteTx

# More than any person does, and enough to see what it was: beyond, clicks of an invitation are not kept.
MOST_KEPT = 60


class Due(NamedTuple):
    """A clean click that nobody confirmed in time."""

    invitation_id: UUID
    question_id: str
    score: int
    at: datetime


class Summary(NamedTuple):
    """Invitations of a survey whose links were clicked, by what came of it."""

    clicked: int
    confirmed: int
    inferred: int
    clean: int
    doubtful: int
    machine: int
    reasons: dict[str, int]


async def add(tx: WriteTx, key: UUID, invitation_id: UUID, person: UUID, method: str, click: Click) -> None:
    """Note a click; of an invitation with very many, nothing more."""
    await tx.execute(
        "INSERT INTO score_intents "
        "(id, invitation_id, person, at, question_id, score, method, address, agent, signals) "
        "SELECT :id, :invitation, :person, :at, :question, :score, :method, :address, :agent, :signals "
        "WHERE (SELECT count(*) FROM score_intents WHERE invitation_id = :invitation) < :most",
        {
            "id": key,
            "invitation": invitation_id,
            "person": person,
            "at": click.at,
            "question": click.question_id,
            "score": click.score,
            "method": method,
            "address": click.address,
            "agent": click.agent,
            "signals": list(click.signals),
            "most": MOST_KEPT,
        },
    )


async def unjudged(tx: ReadTx, since: datetime, until: datetime, limit: int) -> list[tuple[UUID, UUID, UUID]]:
    """Invitations with clicks between the times that were not looked at yet: id, survey, person."""
    rows = await tx.execute(
        "SELECT i.id, i.survey_id, i.person FROM invitations AS i WHERE i.id IN ("
        "SELECT s.invitation_id FROM score_intents AS s "
        "LEFT JOIN intent_judgements AS j ON j.invitation_id = s.invitation_id "
        "WHERE s.at >= :since AND s.at < :until AND (j.invitation_id IS NULL OR j.last_at < s.at) "
        "ORDER BY s.at LIMIT :limit)",
        {"since": since, "until": until, "limit": limit},
    )
    return [(row.id, row.survey_id, row.person) for row in rows]


async def of_invitations(tx: ReadTx, keys: Sequence[UUID]) -> dict[UUID, list[Click]]:
    """The clicks of invitations."""
    rows = await tx.execute(
        "SELECT invitation_id, at, question_id, score, address, agent, signals FROM score_intents "
        "WHERE invitation_id = ANY(:ids) ORDER BY at, id",
        {"ids": list(keys)},
    )
    found: dict[UUID, list[Click]] = {}
    for row in rows:
        found.setdefault(row.invitation_id, []).append(
            Click(row.at, row.question_id, row.score, bytes(row.address), bytes(row.agent), tuple(row.signals))
        )
    return found


async def put_judgement(
    tx: WriteTx, invitation_id: UUID, survey_id: UUID, person: UUID, judged: Judgement, now: datetime
) -> None:
    """Keep what the clicks of an invitation came to, in place of what they came to before."""
    await tx.execute(
        "INSERT INTO intent_judgements (invitation_id, survey_id, person, verdict, reasons, question_id, score, "
        "last_at, clicks, judged_at) VALUES (:invitation, :survey, :person, :verdict, :reasons, :question, :score, "
        ":last, :clicks, :now) ON CONFLICT (invitation_id) DO UPDATE SET verdict = excluded.verdict, "
        "reasons = excluded.reasons, question_id = excluded.question_id, score = excluded.score, "
        "last_at = excluded.last_at, clicks = excluded.clicks, judged_at = excluded.judged_at",
        {
            "invitation": invitation_id,
            "survey": survey_id,
            "person": person,
            "verdict": judged.verdict,
            "reasons": list(judged.reasons),
            "question": judged.question_id,
            "score": judged.score,
            "last": judged.last_at,
            "clicks": judged.clicks,
            "now": now,
        },
    )


async def due(tx: ReadTx, now: datetime, limit: int) -> list[Due]:
    """Clean clicks that a firm lets count, whose time to be confirmed is over."""
    rows = await tx.execute(
        "SELECT j.invitation_id, j.question_id, j.score, j.last_at FROM click_policies AS p "
        "JOIN intent_judgements AS j ON j.survey_id = p.survey_id "
        "WHERE p.infer_after_seconds IS NOT NULL AND j.verdict = 'clean' AND j.settled_at IS NULL "
        "AND j.score IS NOT NULL "
        "AND j.last_at <= CAST(:now AS timestamptz) - make_interval(secs => p.infer_after_seconds) "
        "ORDER BY j.last_at, j.invitation_id LIMIT :limit",
        {"now": now, "limit": limit},
    )
    return [Due._make(row) for row in rows]


async def settle(tx: WriteTx, invitation_id: UUID, last_at: datetime, now: datetime) -> bool:
    """Take a clean click to be worked on, once; False: somebody else did, or there was another click since."""
    rows = await tx.execute(
        "UPDATE intent_judgements SET settled_at = :now WHERE invitation_id = :id AND settled_at IS NULL "
        "AND verdict = 'clean' AND last_at = :last AND NOT EXISTS "
        "(SELECT FROM score_intents AS s WHERE s.invitation_id = :id AND s.at > :last) RETURNING 1",
        {"id": invitation_id, "last": last_at, "now": now},
    )
    return rows.one_or_none() is not None


async def summary(tx: ReadTx, survey_id: UUID) -> Summary:
    """What came of the clicks of a survey. Answered ones count as such, whatever was thought of their clicks."""
    row = (
        await tx.execute(
            "SELECT count(*) AS clicked, "
            "count(*) FILTER (WHERE r.verification = 'confirmed') AS confirmed, "
            "count(*) FILTER (WHERE r.verification = 'inferred') AS inferred, "
            "count(*) FILTER (WHERE r.id IS NULL AND j.verdict = 'clean') AS clean, "
            "count(*) FILTER (WHERE r.id IS NULL AND j.verdict = 'doubtful') AS doubtful, "
            "count(*) FILTER (WHERE r.id IS NULL AND j.verdict = 'machine') AS machine "
            "FROM intent_judgements AS j LEFT JOIN responses AS r ON r.invitation_id = j.invitation_id "
            "WHERE j.survey_id = :survey",
            {"survey": survey_id},
        )
    ).one()
    reasons = await tx.execute(
        "SELECT reason, count(*) AS number FROM intent_judgements, unnest(reasons) AS reason "
        "WHERE survey_id = :survey GROUP BY reason ORDER BY reason",
        {"survey": survey_id},
    )
    return Summary(**row._asdict(), reasons={each.reason: each.number for each in reasons})


async def forget_old(tx: WriteTx, before: datetime, limit: int) -> int:
    """Forget clicks from before a time, some at once; how many. What was made of them stays."""
    rows = await tx.execute(
        "DELETE FROM score_intents WHERE id = ANY(ARRAY("
        "SELECT id FROM score_intents WHERE at < :before ORDER BY at LIMIT :limit)) RETURNING 1",
        {"before": before, "limit": limit},
    )
    return len(rows.all())
