"""Use cases of simulations."""

from services.loyalty.simulations.service.simulations import Simulations

__all__ = ["Simulations"]
