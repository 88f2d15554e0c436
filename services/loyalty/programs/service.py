"""Use cases of the programme: its terms in versions, each from a date on."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from services.loyalty.programs import repository
from services.loyalty.programs.domain.terms import Terms, Timeline, default_terms
from shared.clock import Clock
from shared.db.engine import Database, ReadTx


@dataclass(frozen=True, slots=True)
class Programs:
    """The programme. `zone` is the firm's, for as long as no version says another."""

    db: Database
    clock: Clock
    zone: ZoneInfo

    async def timeline(self, tx: ReadTx) -> Timeline:
        """All terms that came into force, by when: what counts is the time of the fact."""
        return Timeline(default_terms(self.zone), await repository.in_force(tx))

    async def current(self, tx: ReadTx, at: datetime) -> Terms:
        """The terms in force at a moment; where nothing was configured, the default."""
        return (await self.timeline(tx)).at(at)
