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
    """The statement that makes it."""
    # Values stay in the row up to half a page, uncompressed: an out-of-line value costs a second insert and a second
    # read, and pglz costs more than the bytes are worth.
    return f"""
        CREATE TABLE IF NOT EXISTS {table_of(topic)} (
            partition int NOT NULL,
            "offset" bigint NOT NULL,
            key bytea NOT NULL,
            value bytea NOT NULL,
            headers bytea,
            ts timestamptz NOT NULL DEFAULT clock_timestamp(),
            PRIMARY KEY (partition, "offset")
        ) WITH (toast_tuple_target = 4000);
        ALTER TABLE {table_of(topic)} ALTER COLUMN value SET STORAGE EXTERNAL;
    """
