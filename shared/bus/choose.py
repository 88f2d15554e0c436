"""Chooses the driver by the settings: Kafka when it is named, else the PostgreSQL log."""

from shared.bus.base import Bus
from shared.config import PlatformSettings


def open_bus(settings: PlatformSettings, database_url: str, *, sole: bool) -> Bus:
    """The bus of this process, not started yet.

    `sole` says that no other process uses the database, as in embedded mode.
    """
    # Late imports: a process pays only for the driver it uses.
    if settings.kafka_bootstrap_servers is not None:
        from shared.bus.kafka import KafkaBus

        return KafkaBus(settings)
    from shared.bus.postgres import PostgresBus

    return PostgresBus(database_url, sole=sole)
