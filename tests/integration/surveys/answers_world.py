"""What the tests of responses play with: surveys that ask, people who were asked, and what they say."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from surveys_world import SurveysWorld

from services.surveys.answers.domain.submission import Submission, Taken
from services.surveys.asking.domain.invitation import Invitation
from services.surveys.asking.repository import invitations
from services.surveys.definitions.domain.definition import Definition
from shared.ids import user_key, uuid7

RELATIONSHIP: dict[str, Any] = {
    "name": "Chúng tôi làm thế nào?",
    "purpose": "customers",
    "default_locale": "vi",
    "locales": ["vi", "en"],
    "title": {"vi": "Ý kiến của bạn", "en": "Your opinion"},
    "thanks": {"vi": "Cảm ơn bạn", "en": "Thank you"},
    "metric": "nps",
    "touchpoint": "delivery",
    "stage": "receive",
    "edit_window_seconds": 3_600,
    "questions": [
        {
            "id": "nps",
            "kind": "nps",
            "text": {"vi": "Bạn có giới thiệu chúng tôi không?", "en": "Would you recommend us?"},
            "is_required": True,
        },
        {
            "id": "why",
            "kind": "multiple",
            "text": {"vi": "Vì sao?", "en": "Why?"},
            "options": [
                {"id": "late", "label": {"vi": "Giao trễ", "en": "Late"}},
                {"id": "price", "label": {"vi": "Giá", "en": "Price"}},
            ],
            "most": 2,
            "show_if": {"question": "nps", "score": {"gte": 0, "lte": 6}},
        },
        {"id": "comment", "kind": "text", "text": {"vi": "Kể cho chúng tôi", "en": "Tell us"}, "max_length": 5_000},
    ],
}


async def invite(world: SurveysWorld, definition: Definition, *names: str, **rest: Any) -> list[UUID]:
    """People who were asked; the ids of their invitations."""
    now = world.clock.now()
    made = [
        Invitation(
            **{
                "id": uuid7(),
                "survey_id": definition.survey_id,
                "version": definition.version,
                "person": user_key(name),
                "channel": "email",
                "locale": "vi",
                "weight": 1.0,
                "wave": 1,
                "touchpoint": definition.touchpoint,
                "stage": definition.stage,
                "staff_id": None,
                "order_id": None,
                "created_at": now,
                "expires_at": now + timedelta(days=14),
                "is_anonymous": definition.is_anonymous,
                **rest,
            }
        )
        for name in names
    ]
    async with world.db.write() as tx:
        await invitations.add(tx, made)
    return [each.id for each in made]


def said(world: SurveysWorld, **values: Any) -> Submission:
    """What comes in now."""
    return Submission(**{"answers": {"nps": {"score": 9}}, "at": world.clock.now(), "channel": "link", **values})


async def take(world: SurveysWorld, **values: Any) -> Taken:
    """Have it taken."""
    async with world.db.write() as tx:
        return await world.service.answering.take(tx, said(world, **values))
