"""Use cases of earning."""

from services.loyalty.earning.service.earning import Earning
from services.loyalty.earning.service.facts import FactsDoor
from services.loyalty.earning.service.rules import RulesService
from services.loyalty.earning.service.simulation import Simulation

__all__ = ["Earning", "FactsDoor", "RulesService", "Simulation"]
