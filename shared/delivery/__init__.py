"""Makes the bus reliable: outbox and relay on the way out; inbox, offsets and dead letters on the way in."""
