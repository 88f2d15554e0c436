"""The PostgreSQL log: the bus of one box. Tables of the schema `bus`, one per topic; its migrations make the rest.

Offsets are dense and become visible in order, because an append holds the rows of its partitions' ends until it
commits. Who reads which partition is a lease in the database, timed by the database's clock.
"""

from shared.bus.postgres.bus import PostgresBus

__all__ = ["PostgresBus"]
