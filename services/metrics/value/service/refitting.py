"""Use case of fits: make one anew, in the background, where customers have moved or a new day has come."""

import asyncio
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from services.metrics.domain import calendar
from services.metrics.domain.purchases import SEVERAL
from services.metrics.value.domain.backtest import HORIZON_DAYS, Mark, cuts
from services.metrics.value.domain.fitted import Fitted
from services.metrics.value.domain.fitting import fitted, missing
from services.metrics.value.domain.past import Past
from services.metrics.value.domain.trial import Outcomes
from services.metrics.value.repository import past as past_repository
from services.metrics.value.repository import sums as repository
from services.metrics.value.repository.sums import Crowd
from shared.clock import Clock
from shared.db.engine import Database, ReadTx
from shared.ids import uuid7
from shared.observability.logging import logger

log = logger(__name__)

# A fit is made anew each day, and when so much of what it was fitted to has moved.
MOVED = 0.01
# A back-test looks at everybody: once a day, and when this much has.
TRIED_MOVED = 0.2
# So many people's lives are drawn to measure what intervals hold.
SAMPLE = 2_000


@dataclass(frozen=True, slots=True)
class Refitting:
    """Keeps fits near what they are fitted to."""

    db: Database
    clock: Clock
    zone: ZoneInfo

    async def refit(self) -> int:
        """Fit each currency anew whose customers have moved, or whose fit is of another day; how many were."""
        day = calendar.day_of(self.clock.now(), self.zone)
        async with self.db.read() as tx:
            found = [crowd for crowd in await repository.crowds(tx, day) if crowd.currency != SEVERAL]
        done = 0
        for crowd in found:
            if not missing(crowd.customers, crowd.repeaters, day - crowd.first_day):
                done += await self._refit(crowd, day)
        return done

    async def _refit(self, crowd: Crowd, day: int) -> bool:
        async with self.db.read() as tx:
            stored = await repository.newest(tx, crowd.currency)
            earlier = None if stored is None else stored.fit
            mark = await repository.mark(tx, crowd.currency, day)
            if earlier is not None and earlier.day == day and not _has_moved(earlier.mark, mark, MOVED):
                return False
            base = await repository.base(tx, crowd.currency, day)
            spends = await repository.spends(tx, crowd.currency)
            needs_trial = earlier is None or _needs_trial(earlier, mark, day)
            past = await _past(tx, crowd, day) if needs_trial else None
        fit = await asyncio.to_thread(
            fitted, base, spends, past, currency=crowd.currency, day=day, mark=mark, earlier=earlier
        )
        async with self.db.write() as tx:
            await repository.add(tx, uuid7(), self.clock.now(), fit)
        log.info("models_fitted", currency=crowd.currency, chosen=fit.chosen, reasons=list(fit.reasons))
        return True


async def _past(tx: ReadTx, crowd: Crowd, day: int) -> Past:
    known: dict[int, Outcomes] = {}

    async def outcomes(cut: int) -> Outcomes:
        # The window before one cut is the window after another.
        if cut not in known:
            known[cut] = await past_repository.outcomes(tx, crowd.currency, cut, HORIZON_DAYS)
        return known[cut]

    tried = cuts(day, crowd.first_day)
    return Past(
        rounds={cut: (await outcomes(cut - HORIZON_DAYS), await outcomes(cut)) for cut in tried},
        sample=await past_repository.sample(tx, SAMPLE / crowd.customers) if tried else [],
        again=await past_repository.again(tx, crowd.currency, max(tried, default=day), day),
    )


def _needs_trial(fit: Fitted, mark: Mark, day: int) -> bool:
    return fit.day != day or fit.trial is None or _has_moved(fit.trial.mark, mark, TRIED_MOVED)


def _has_moved(old: Mark, new: Mark, share: float) -> bool:
    return any(abs(after - before) > share * abs(before) for before, after in zip(old, new, strict=True))
