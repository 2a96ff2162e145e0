"""A refusal, in the shape that those read who ask there: problems, or OpenAI's."""

from typing import Any, Final

from litestar import Request, Response
from litestar.types import Receive, Scope, Send

from adapters.http.openai.errors import in_openais_shape
from adapters.http.problems import to_problem

_OPENAIS: Final = "/v1"


def to_answer(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """The answer to a request that ended in `error`."""
    answer = to_problem(request, error)
    asked = str(request.scope["state"]["asked_path"])
    is_openais = asked == _OPENAIS or asked.startswith(f"{_OPENAIS}/")
    return in_openais_shape(answer) if is_openais else answer


async def refuse(error: Exception, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request with `error` in place of the application."""
    request: Request[Any, Any, Any] = Request(scope, receive, send)
    answer = to_answer(request, error).to_asgi_response(app=None, request=request)
    await answer(scope, receive, send)
