"""The harness that tests use: a real PostgreSQL, a real Kafka, fresh databases, a clock that stands still."""
