"""Settings of simulations."""

from pydantic import Field

from shared.config import Settings


class SimulationSettings(Settings):
    """What a firm may set of simulations."""

    simulation_days: int = Field(90, ge=1, le=3_660, description="How long the results of simulations are kept.")
