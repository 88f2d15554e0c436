"""What customers see of achievements: how far they are, and what they hold."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.loyalty.achievements import repository as rows
from services.loyalty.achievements.domain.walk import facts, progress
from services.loyalty.achievements.schemas import BadgeOut, ProgressesOut, ProgressOut
from services.loyalty.achievements.service.settling import counts_of, known_of, zones_of
from services.loyalty.programs.service import Programs
from shared.clock import Clock
from shared.db.engine import Database
from shared.identity import members


@dataclass(frozen=True, slots=True)
class AchievementShow:
    """Reads only."""

    db: Database
    clock: Clock
    programs: Programs

    async def progress(self, customer: UUID, *, as_of: datetime | None) -> ProgressesOut:
        """How far a person is with all that can be reached at a moment, by what is known now."""
        at = as_of or self.clock.now()
        async with self.db.read() as tx:
            member = await members.find(tx, customer)
            defined = [each for each in await rows.running(tx) if each.span.holds(at)]
            timeline = await self.programs.timeline(tx)
            known = (await known_of(tx, [member], defined, self.programs, self.clock.now()))[member]
        found: list[ProgressOut] = []
        for each in defined:
            counts = counts_of(each, known, timeline)
            own = facts(each.terms, each.span, known.orders, known.others, zones_of(each, timeline), counts)
            by_then = [fact for fact in own if as_of is None or fact.at <= at]
            found.append(ProgressOut.of(each, progress(each.terms, by_then, at, zones_of(each, timeline)(at))))
        return ProgressesOut(member=member.root, as_of=at, achievements=found)

    async def badges(
        self, customer: UUID, *, before: tuple[datetime, str] | None, limit: int
    ) -> Sequence[tuple[BadgeOut, str]]:
        """What a person holds, the latest first, each with its place; one more than `limit` if there is more."""
        async with self.db.read() as tx:
            member = await members.find(tx, customer)
            held = await rows.badges_of(tx, member.keys, before=before, limit=limit + 1)
            defined = await rows.by_ids(tx, {award.achievement_id for award, _ in held})
        return [(BadgeOut.of(award, defined[award.achievement_id]), place) for award, place in held]
