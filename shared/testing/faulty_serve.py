"""`python -m shared.testing.faulty_serve serve …`: the command `tam` with fault points and the tally service.

Nothing of it is imported by the platform; what it changes is said in `shared/testing/faults.py`.
"""

import importlib
import os
from typing import Any

from shared.testing.faults import install
from shared.testing.tally.app import service as tally


def prepare() -> None:
    """Add the tally to the services and import the command."""
    # By name: shared knows no service, and this stands outside of the platform like a person who starts it.
    registry: Any = importlib.import_module("services.registry")
    if tally not in registry.SERVICES:
        registry.SERVICES = (*registry.SERVICES, tally)
    for module in ("services.__main__", "shared.bus.postgres", "shared.bus.kafka"):
        importlib.import_module(module)


def main() -> None:
    """Put the faults in and become `tam`."""
    prepare()
    install(os.environ)
    importlib.import_module("services.__main__").main()


if __name__ == "__main__":
    main()
