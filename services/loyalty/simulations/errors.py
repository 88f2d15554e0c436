"""What simulations refuse.

NotFound    SimulationUnknown
Conflict    SimulationNotDone, SimulationOver, TooManySimulations
Invalid     BadPeriod, BadProposal
"""

from collections.abc import Sequence
from datetime import datetime

from services.loyalty.earning.errors import Problem
from shared.errors import Conflict, Invalid, NotFound


class SimulationUnknown(NotFound):
    """No simulation of this id, or it was kept long enough."""

    code, title = "loyalty.simulation_unknown", "Unknown simulation"

    def __init__(self) -> None:
        super().__init__("There is no such simulation; results are kept for a time only.")


class SimulationNotDone(Conflict):
    """It has no result: not yet, or never."""

    code, title = "loyalty.simulation_not_done", "Simulation not done"

    def __init__(self, state: str) -> None:
        super().__init__(f"The simulation is {state}; a result is there once it is done.", state=state)


class SimulationOver(Conflict):
    """It has ended, so it cannot be cancelled."""

    code, title = "loyalty.simulation_over", "Simulation over"

    def __init__(self, state: str) -> None:
        super().__init__(f"The simulation is {state} already.", state=state)


class TooManySimulations(Conflict):
    """Others have to end first."""

    code, title = "loyalty.too_many_simulations", "Too many simulations"

    def __init__(self, limit: int) -> None:
        super().__init__(f"{limit} simulations wait or run; wait for one, or cancel one.", limit=limit)


class BadPeriod(Invalid):
    """The period is empty, not over, or too long."""

    code, title = "loyalty.bad_simulation_period", "Bad period"

    def __init__(self, now: datetime, months: int) -> None:
        super().__init__(
            f"The period must begin before it ends, end by now, and have {months} months at most.",
            now=now.isoformat(),
            months=months,
        )


class BadProposal(Invalid):
    """The proposal contradicts itself, or what it names is not there."""

    code, title = "loyalty.bad_simulation", "Bad proposal"

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(
            f"The proposal cannot work: {problems[0].pointer or '/'}: {problems[0].message}",
            problems=[each._asdict() for each in problems],
        )
