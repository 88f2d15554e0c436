"""Settings of loyalty: the variables `TAM_LOYALTY_…`."""

from shared.config import Settings


class LoyaltySettings(Settings):
    """What a firm may set; what changes with the programme stands in the programme."""
