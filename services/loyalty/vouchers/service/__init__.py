"""Use cases of vouchers.

`finding` vouchers by code · `campaigns` · `generation` of codes in bulk · `codes` one by one, and those of other
systems · `importing` their files · `assignments` to customers · `vault` what a process keeps: peppers, shapes, terms
"""

from services.loyalty.vouchers.service.assignments import Assign, Assigned, Assignments
from services.loyalty.vouchers.service.campaigns import Campaigns
from services.loyalty.vouchers.service.codes import CodesService
from services.loyalty.vouchers.service.finding import Found, Vouchers
from services.loyalty.vouchers.service.generation import Generation
from services.loyalty.vouchers.service.importing import Importing
from services.loyalty.vouchers.service.vault import Vault

__all__ = [
    "Assign",
    "Assigned",
    "Assignments",
    "Campaigns",
    "CodesService",
    "Found",
    "Generation",
    "Importing",
    "Vault",
    "Vouchers",
]
