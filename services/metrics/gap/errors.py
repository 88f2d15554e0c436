"""What the delivery gap refuses: NotFound WaveUnknown."""

from uuid import UUID

from shared.errors import NotFound


class WaveUnknown(NotFound):
    """There is no such wave, or it has not closed: of both the same is told, which is nothing."""

    code, title = "metrics.wave_unknown", "Unknown wave"

    def __init__(self, wave_id: UUID) -> None:
        super().__init__("No closed mirror wave has this id; an open one is told nothing of.", wave=str(wave_id))
