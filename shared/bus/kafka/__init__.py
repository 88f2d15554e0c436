"""The Kafka driver: the only door to aiokafka.

What was learnt by measurement holds here: no auto-commit; an idempotent producer; every await under a deadline of
ours; a timeout means *unknown*, so the producer is thrown away and the caller sends the same again; no transactions
(effects are made exactly once in the database); the partition is chosen by us; the compiled extension must load.
"""

from shared.bus.kafka.bus import KafkaBus

__all__ = ["KafkaBus"]
