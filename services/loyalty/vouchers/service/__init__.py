"""Use cases of vouchers.

`finding` vouchers by code · `campaigns` · `generation` of codes in bulk · `imports` of codes that exist ·
`assignments` to customers · `vault` what a process keeps: peppers, shapes, terms
"""

from services.loyalty.vouchers.service.finding import Found, Vouchers
from services.loyalty.vouchers.service.vault import Vault

__all__ = ["Found", "Vault", "Vouchers"]
