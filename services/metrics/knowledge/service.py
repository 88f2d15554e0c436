"""What was known at a moment: asked for here, read from the log in the background, and kept while it is asked for."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from time import perf_counter
from typing import Any

import orjson

from services.metrics.domain import calendar
from services.metrics.errors import InTheFuture
from services.metrics.figures.schemas import SummaryOut
from services.metrics.figures.service import Figures
from services.metrics.knowledge.domain import Moment
from services.metrics.knowledge.errors import BeingRead, NotOnTheLog, NotYetKnown, TooManyMoments
from services.metrics.retention.repository import kept
from services.metrics.retention.repository.kept import Kept
from services.metrics.retention.service.scanning import WANTED
from services.metrics.satisfaction.domain.query import METRICS, Query
from services.metrics.satisfaction.errors import MixedFormulas
from services.metrics.satisfaction.schemas.figures import SatisfactionOut
from services.metrics.satisfaction.service.figures import Satisfaction
from shared.db.engine import Database, ReadTx
from shared.observability.logging import logger
from shared.runtime.places import may_rebuild
from shared.runtime.rebuilding import LogTooShort, StoppedClock, database_url_of, log_ends, rebuilding
from shared.runtime.service import Parts, Service

log = logger(__name__)

# So many moments wait at most: each costs reading the whole log.
MOST_WAITING = 5
DEFAULT_WINDOW = 90
_NOTED = timedelta(hours=1)
_READ = "read"


@dataclass(frozen=True, slots=True)
class Knowledge:
    """Answers what figures were believed to be. `manifest` is the service whose projections are rebuilt beside."""

    parts: Parts
    manifest: Callable[[], Service]

    async def figure(
        self,
        figure: str,
        at: datetime,
        *,
        as_of: date | None = None,
        window: int = DEFAULT_WINDOW,
        currency: str | None = None,
    ) -> Any:
        """A figure as JSON values, as of a day (default: that of the moment), by what had been learnt by a moment.

        Raises:
            NotYetKnown: the moment has not come.
            InTheFuture: the day comes after the moment.
            BeingRead: the log is being read; ask again.
            NotOnTheLog: it cannot be read, and why.
            TooManyMoments: too many others wait.
        """
        now, zone = self.parts.clock.now(), self.parts.zone
        if at > now:
            raise NotYetKnown(at, now)
        today = calendar.day_of(at, zone)
        day = today if as_of is None else calendar.day_number(as_of)
        if day > today:
            raise InTheFuture(calendar.to_date(day), calendar.to_date(today))
        moment = Moment(at, day, window, currency)
        async with self.parts.db.write() as tx:
            stored = await kept.kept(tx, moment.name, day)
            if stored is None:
                if len(await _waiting(tx, now)) >= MOST_WAITING:
                    raise TooManyMoments(MOST_WAITING)
                await kept.want(tx, moment.name, day, now)
            elif now - stored.asked_at > _NOTED:
                await kept.asked(tx, moment.name, day, now)
        if stored is None or not stored.mark:
            raise BeingRead(at)
        if (refused := stored.document.get("refused")) is not None:
            raise NotOnTheLog(refused, known_at=at.isoformat())
        found = stored.document[figure]
        if (refused := found.get("refused")) is not None:
            raise NotOnTheLog(refused, known_at=at.isoformat())
        return found

    async def read(self) -> int:
        """Read the log for each moment that waits; how many did. It takes as long as the log is."""
        now = self.parts.clock.now()
        async with self.parts.db.read() as tx:
            waiting = await _waiting(tx, now)
        for moment in waiting:
            begun = perf_counter()
            document = await self._document(moment)
            took = perf_counter() - begun
            async with self.parts.db.write() as tx:
                # What was known at a moment that is past is never another.
                await kept.keep(tx, moment.name, moment.day, Kept(document, now, took, now, _READ))
            log.info("read_again", known_at=moment.at.isoformat(), seconds=round(took, 1))
        return len(waiting)

    async def _document(self, moment: Moment) -> dict[str, Any]:
        async with self.parts.db.read() as tx:
            is_allowed = await may_rebuild(tx, self.parts.db.schema)
        if not is_allowed:
            why = "This service's role has no place to rebuild in: ask `tam figures --known-at` instead."
            return {"refused": why}
        parts = self.parts
        url = database_url_of(parts)

        def stopped(db: Database) -> Parts:
            return replace(parts, db=db, clock=StoppedClock(moment.at))

        try:
            async with rebuilding(self.manifest(), url, parts.bus, stopped) as rebuilt:
                ends = await log_ends(rebuilt.subscriptions, rebuilt.bus)
                await rebuilt.read(ends, _unseen, known_at=moment.at)
                value = rebuilt.value
                return await told(value.figures, value.satisfaction, moment)
        except LogTooShort as error:
            return {"refused": str(error)}


async def _waiting(tx: ReadTx, now: datetime) -> list[Moment]:
    """The moments that somebody has lately asked for, and the log was not yet read for."""
    wanted = [each for each in await kept.wanted(tx, now - WANTED) if each.is_waiting]
    return [moment for each in wanted if (moment := Moment.named(each.subject, each.day)) is not None]


async def _unseen(left: int) -> None:
    """Nobody watches how many records are left."""


async def told(figures: Figures, satisfaction: Satisfaction, moment: Moment) -> dict[str, Any]:
    """What a service says: the summary, and satisfaction over the 90 days up to the day, as JSON values."""
    day = calendar.to_date(moment.day)
    summary = await figures.summary(as_of=day, window=moment.window, currency=moment.currency)
    found: dict[str, Any] = {"summary": SummaryOut.of(summary).model_dump(mode="json")}
    for metric in METRICS:
        query = Query(metric)
        try:
            seen = await satisfaction.figure(query, last=day)
        except MixedFormulas as error:
            found[metric] = {"refused": error.detail}
            continue
        found[metric] = SatisfactionOut.of(query, seen).model_dump(mode="json")
    return orjson.loads(orjson.dumps(found))  # type: ignore[no-any-return]
