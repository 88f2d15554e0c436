"""The baseline of the edge: bare Starlette on the same uvicorn, answering a fixed reply. `hello.py PORT`."""

import sys

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


async def hello(_: Request) -> Response:
    """Answer without looking."""
    return Response(b'{"success":true}', media_type="application/json")


if __name__ == "__main__":
    app = Starlette(routes=[Route("/v1/{any:path}", hello, methods=["POST"])])
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_config=None, access_log=False)
