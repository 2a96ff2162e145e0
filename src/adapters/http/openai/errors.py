"""Refusals under `/v1`, in the shape that OpenAI's clients read: the same problems in other words."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from litestar import Response
from litestar.openapi.datastructures import ResponseSpec
from msgspec import Struct

from adapters.http import problems
from adapters.http.field_names import OPENAIS_NAMES
from adapters.http.problems import FieldProblem, Problem, sentence
from domain.errors import InvalidRequest

#: OpenAI's own words, where it has any for what we refuse.
_CODES: Final[Mapping[str, str]] = {
    "key-needed": "invalid_api_key",
    "unknown-checkpoint": "model_not_found",
    "invalid-request": "invalid_value",
    "unknown-generation": "video_not_found",
}
#: OpenAI says 400 to whatever a request says wrongly; 422 is left to keys that are used twice.
_UNPROCESSABLE: Final = frozenset({"idempotency-key-reused"})
#: Its clients try these again by themselves; here that is of no use, as nothing changes by waiting so long.
_NOT_AGAIN: Final = frozenset({HTTPStatus.CONFLICT, HTTPStatus.NOT_IMPLEMENTED})
_TYPES: Final[Mapping[int, str]] = {
    HTTPStatus.UNAUTHORIZED: "authentication_error",
    HTTPStatus.FORBIDDEN: "permission_error",
    HTTPStatus.TOO_MANY_REQUESTS: "rate_limit_error",
}


class Error(Struct, frozen=True, kw_only=True):
    """What went wrong.

    Attributes:
        message: in words, for people.
        type: what kind of thing it is.
        code: stable, for programs.
        param: the field of the request that cannot be honoured; null where it is none in particular.
    """

    message: str
    type: str
    code: str
    param: str | None


class ErrorBody(Struct, frozen=True, kw_only=True):
    """How OpenAI's API refuses.

    Attributes:
        error: what went wrong.
    """

    error: Error


def refusals(*statuses: int) -> dict[int, ResponseSpec]:
    """What OpenAPI says of a route of `/v1` that may answer with `statuses`, and with what any may."""
    return {
        status: ResponseSpec(
            data_container=ErrorBody,
            generate_examples=False,
            description=HTTPStatus(status).phrase,
        )
        for status in problems.refusals(*statuses)
        if status != HTTPStatus.UNPROCESSABLE_ENTITY or status in statuses
    }


def in_openais_shape(answer: Response[Problem]) -> Response[ErrorBody]:
    """The same refusal, as OpenAI's clients read it."""
    problem = answer.content
    status = problem.status
    if status == HTTPStatus.UNPROCESSABLE_ENTITY and problem.code not in _UNPROCESSABLE:
        status = HTTPStatus.BAD_REQUEST
    told = Error(
        message=_message(problem),
        type=_type(status),
        code=_CODES.get(problem.code, problem.code).replace("-", "_"),
        param=_param(problem),
    )
    headers = dict(answer.headers)
    if status in _NOT_AGAIN:
        headers["x-should-retry"] = "false"
    return Response(
        ErrorBody(error=told),
        status_code=status,
        headers=headers,
        media_type="application/json",
    )


def _message(problem: Problem) -> str:
    """The detail, but where that names fields as only the other API does."""
    if problem.errors and problem.code == InvalidRequest.code:
        return "; ".join(sentence(field, _name(field)) for field in problem.errors)
    return problem.detail


def _param(problem: Problem) -> str | None:
    if problem.code == "unknown-checkpoint":
        return "model"
    return _name(problem.errors[0]).partition("/")[0] if problem.errors else None


def _name(field: FieldProblem) -> str:
    """What the client calls it; ours, where it used that and is told the other."""
    name, *rest = field.pointer.removeprefix("/").split("/")
    theirs = OPENAIS_NAMES.get(name, name)
    return "/".join([name if theirs in field.nearest else theirs, *rest])


def _type(status: int) -> str:
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return "server_error"
    return _TYPES.get(status, "invalid_request_error")
