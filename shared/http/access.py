"""How a route gets at what the process built: by name, from the application's state."""

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import Request


def service_of(name: str) -> Callable[[Request], Awaitable[Any]]:
    """A dependency that gives the built service `name`: `Annotated[MetricsService, Depends(service_of("metrics"))]`."""

    async def built(request: Request) -> Any:
        return request.app.state.services[name]

    return built
