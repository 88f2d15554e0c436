"""Where the journal of erasures is kept: the part of `TAM_PROFILES_…` that data rights need."""

from pathlib import Path

from pydantic import Field

from shared.config import Settings


class RightsSettings(Settings):
    """What a restored back-up must forget again, noted as it happens."""

    erasure_journal: Path | None = Field(
        None,
        description="A file, kept apart from back-ups, in which a worker notes erasures within a minute: what "
        "`tam restore --erasures` takes. It names nobody. None: `tam rights journal` writes one when asked.",
    )
