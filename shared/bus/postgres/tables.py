"""One table of records per topic: retention, vacuum and size are each topic's own."""

import re
import zlib

# PostgreSQL cuts identifiers at 63 bytes.
MAX_NAME = 48


def table_of(topic: str) -> str:
    """The table of a topic's records; different topics have different tables."""
    plain = re.sub(r"[^a-z0-9_]", "_", topic.lower())[:MAX_NAME]
    if plain != topic:
        plain += f"_{zlib.crc32(topic.encode()):08x}"
    return f"records_{plain}"


def make_table(topic: str) -> str:
    """The statement that makes it.

    A row is a run of consecutive records of one partition, as many as one append had for it: a row each would cost
    several times as much to store and to read. `last_offset` is that of the run's last record.
    """
    # Uncompressed: pglz costs more than the bytes are worth.
    return f"""
        CREATE TABLE IF NOT EXISTS {table_of(topic)} (
            partition int NOT NULL,
            last_offset bigint NOT NULL,
            records int NOT NULL CHECK (records > 0),
            bytes int NOT NULL,
            ts timestamptz NOT NULL,
            keys bytea[] NOT NULL,
            "values" bytea[] NOT NULL,
            headers bytea[],
            PRIMARY KEY (partition, last_offset)
        ) WITH (toast_tuple_target = 4000);
        ALTER TABLE {table_of(topic)} ALTER COLUMN "values" SET STORAGE EXTERNAL;
        ALTER TABLE {table_of(topic)} ALTER COLUMN keys SET STORAGE EXTERNAL;
    """
