"""What the firm enters itself: each use case is one transaction."""

from dataclasses import dataclass
from uuid import UUID

from services.metrics.satisfaction.domain.query import Metric
from services.metrics.satisfaction.domain.scores import Formula
from services.metrics.satisfaction.domain.yardsticks import Yardstick, YardstickKind
from services.metrics.satisfaction.errors import FormulaFixed, NoSuchSurvey, NoSuchYardstick
from services.metrics.satisfaction.repository import own
from services.metrics.satisfaction.schemas.own import FormulaOut, FormulasOut, YardstickOut, YardsticksOut
from shared.db.engine import Database
from shared.delivery.idempotency import Answer, Idempotent, remember, replayed

_GONE = Answer(204, b"")


@dataclass(frozen=True, slots=True)
class Yardsticks:
    """Benchmarks, targets, and how each survey makes its CES."""

    db: Database

    async def listed(self, kind: YardstickKind) -> YardsticksOut:
        """All of a kind."""
        async with self.db.read() as tx:
            found = await own.yardsticks(tx, kind=kind)
        return YardsticksOut(items=[YardstickOut.model_validate(each) for each in found])

    async def put(self, yardstick: Yardstick, idem: Idempotent | None) -> Answer:
        """Enter it, or replace the one of its name."""
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            await own.put_yardstick(tx, yardstick)
            answer = Answer(200, YardstickOut.model_validate(yardstick).model_dump_json().encode())
            await remember(tx, idem, answer)
            return answer

    async def remove(self, kind: YardstickKind, metric: Metric, name: str, idem: Idempotent | None) -> Answer:
        """Remove it.

        Raises:
            NoSuchYardstick: it is not there.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            if not await own.remove_yardstick(tx, kind, metric, name):
                raise NoSuchYardstick
            await remember(tx, idem, _GONE)
            return _GONE

    async def formulas(self) -> FormulasOut:
        """The surveys that have a formula."""
        async with self.db.read() as tx:
            found = await own.formulas(tx)
        return FormulasOut(items=[FormulaOut(survey_id=survey, formula=each) for survey, each in found.items()])

    async def fix_formula(self, survey: UUID, formula: Formula, idem: Idempotent | None) -> Answer:
        """Say how a survey makes its CES: once, for figures before and after a change could not be compared.

        Raises:
            NoSuchSurvey: it was never published to customers.
            FormulaFixed: it has another.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            if not await own.is_survey(tx, survey):
                raise NoSuchSurvey(survey)
            fixed = await own.fix_formula(tx, survey, formula)
            if fixed != formula:
                raise FormulaFixed(fixed)
            answer = Answer(200, FormulaOut(survey_id=survey, formula=fixed).model_dump_json().encode())
            await remember(tx, idem, answer)
            return answer
