"""How the system does it: events, bus, delivery, HTTP, runtime. Knows no service."""
