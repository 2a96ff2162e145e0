"""What a refusal looks like over HTTP: RFC 9457 `application/problem+json`, whatever refused.

The one table from the domain's errors to statuses is here. Nothing of an unforeseen error leaves the
server but its request id, under which the log has the traceback.
"""

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from litestar import Request, Response
from litestar.exceptions import (
    HTTPException,
    MethodNotAllowedException,
    NotFoundException,
    ValidationException,
)
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter, QueryParameter
from msgspec import Struct

from adapters.http.complaints import Limits, choices_of, complaint
from adapters.http.private_paths import without_paths
from adapters.http.wrong_routes import told_of_no_route, told_of_wrong_method
from domain import access_errors, errors, store_errors

_log = logging.getLogger(__name__)

MEDIA_TYPE: Final = "application/problem+json"

#: The nearest ancestor decides. Weights that are missing, broken or unsafe make the request impossible
#: here, and trying again will not help: 422, not 503.
_STATUS_OF_ERROR: Final[Mapping[type[errors.DomainError], HTTPStatus]] = {
    errors.InvalidRequest: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.DoesNotFit: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.ImageUnusable: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.VideoUnusable: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.CheckpointUnavailable: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.NotFound: HTTPStatus.NOT_FOUND,
    access_errors.KeyNeeded: HTTPStatus.UNAUTHORIZED,
    access_errors.ScopeMissing: HTTPStatus.FORBIDDEN,
    access_errors.QueueFull: HTTPStatus.SERVICE_UNAVAILABLE,
    access_errors.LimitReached: HTTPStatus.TOO_MANY_REQUESTS,
    errors.KeyReused: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.Conflict: HTTPStatus.CONFLICT,
    errors.DiskFull: HTTPStatus.INSUFFICIENT_STORAGE,
    errors.StorageError: HTTPStatus.SERVICE_UNAVAILABLE,
    store_errors.HubError: HTTPStatus.BAD_GATEWAY,
    store_errors.RepositoryUnknown: HTTPStatus.NOT_FOUND,
    store_errors.RepositoryGated: HTTPStatus.CONFLICT,
    errors.DomainError: HTTPStatus.INTERNAL_SERVER_ERROR,
}

#: Those of 500 and above that are said on purpose.
_MEANT: Final = frozenset({HTTPStatus.NOT_IMPLEMENTED, HTTPStatus.SERVICE_UNAVAILABLE})

CODE_OF_STATUS: Final[Mapping[int, str]] = {
    HTTPStatus.BAD_REQUEST: "malformed-request",
    HTTPStatus.FORBIDDEN: "foreign-origin",
    HTTPStatus.NOT_FOUND: "not-found",
    HTTPStatus.METHOD_NOT_ALLOWED: "method-not-allowed",
    HTTPStatus.REQUEST_TIMEOUT: "request-too-slow",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "body-too-large",
    HTTPStatus.REQUEST_URI_TOO_LONG: "url-too-long",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "headers-too-large",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "unsupported-media-type",
    HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE: "range-not-satisfiable",
    HTTPStatus.MISDIRECTED_REQUEST: "wrong-host",
    HTTPStatus.UNPROCESSABLE_ENTITY: "invalid-request",
    HTTPStatus.NOT_IMPLEMENTED: "not-built",
    HTTPStatus.SERVICE_UNAVAILABLE: "not-ready",
}


class FieldProblem(Struct, frozen=True, kw_only=True):
    """One part of the request that cannot be honoured.

    Attributes:
        pointer: JSON pointer into the body; for a parameter or a check, `/` and its name.
        reason: what is wrong, following the name of the field.
        nearest: valid values close to the one given; empty where there is no such thing.
    """

    pointer: str
    reason: str
    # Whole numbers are floats here: in the schema a value must match only one of the two.
    nearest: Sequence[float | str] = ()


class Problem(Struct, frozen=True, kw_only=True):
    """RFC 9457, and what a program needs beyond it.

    Attributes:
        type: stable, relative; names the kind of problem and leads nowhere.
        title: the kind in words.
        status: the HTTP status.
        code: the kind, for programs; stable.
        instance: the request's id, as in the `X-Request-ID` header and in the server's log.
        retryable: whether the same request may succeed another time.
        errors: each part of the request that cannot be honoured.
    """

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    retryable: bool = False
    errors: Sequence[FieldProblem] = ()


def refusals(*statuses: int) -> dict[int, ResponseSpec]:
    """What OpenAPI says of a route that may answer with `statuses`, and with what any route may."""
    anywhere = (
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.REQUEST_URI_TOO_LONG,
        HTTPStatus.MISDIRECTED_REQUEST,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
        HTTPStatus.INTERNAL_SERVER_ERROR,
    )
    return {
        status: ResponseSpec(
            data_container=Problem,
            generate_examples=False,
            description=HTTPStatus(status).phrase,
            media_type=MEDIA_TYPE,
        )
        for status in sorted({*anywhere, *statuses})
    }


def to_problem(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    """The answer to a request that ended in `error`; logs what nobody foresaw."""
    match error:
        case errors.DomainError():
            return _domain_problem(request, error)
        case HTTPException(status_code=status) if status < HTTPStatus.INTERNAL_SERVER_ERROR:
            return _http_problem(request, error)
        case HTTPException(status_code=status) if status in _MEANT:
            return _http_problem(request, error)
        case _:
            return _unforeseen_problem(request, error)


def _domain_problem(
    request: Request[Any, Any, Any], error: errors.DomainError
) -> Response[Problem]:
    kind = next(kind for kind in type(error).__mro__ if kind in _STATUS_OF_ERROR)
    detail = without_paths(error.message)
    if detail != error.message:
        told = {"reason": error.message, "request_id": _request_id(request)}
        _log.warning("request refused", extra=told)
    return _response(
        request,
        status=_STATUS_OF_ERROR[kind],
        code=error.code,
        detail=detail,
        retryable=error.retryable,
        fields=[
            FieldProblem(pointer=v.pointer, reason=without_paths(v.reason), nearest=v.nearest)
            for v in error.violations
        ],
        headers=_headers_of(error),
    )


def _headers_of(error: errors.DomainError) -> Mapping[str, str] | None:
    """What a client is told to do, in the protocol's own words."""
    if isinstance(error, access_errors.KeyNeeded):
        return {"WWW-Authenticate": 'Bearer realm="Wan Studio"'}
    if isinstance(error, access_errors.LimitReached):
        return {"Retry-After": str(error.wait_s)}
    return None


def _http_problem(request: Request[Any, Any, Any], error: HTTPException) -> Response[Problem]:
    # Litestar says 400 where a parameter has the wrong value; a well-formed request that cannot be
    # honoured is 422 here, wherever the value stood.
    status = 422 if isinstance(error, ValidationException) else error.status_code
    fields = [
        _parameter_problem(request, entry)
        for entry in (error.extra if isinstance(error.extra, list) else [])
    ]
    return _response(
        request,
        status=status,
        code=CODE_OF_STATUS.get(status, "refused"),
        detail=_detail(request, error, fields),
        retryable=status == HTTPStatus.SERVICE_UNAVAILABLE,
        fields=fields,
        headers=error.headers,
    )


def _detail(
    request: Request[Any, Any, Any], error: HTTPException, fields: Sequence[FieldProblem]
) -> str:
    """Its own words, but where they are Litestar's, which say too little."""
    if isinstance(error, ValidationException) and fields:
        return "; ".join(sentence(field, field.pointer[1:]) for field in fields)
    if error.detail == HTTPStatus(error.status_code).phrase:
        match error:
            case NotFoundException():
                return told_of_no_route(request)
            case MethodNotAllowedException():
                return told_of_wrong_method(request, (error.headers or {}).get("allow", ""))
    return error.detail


def sentence(field: FieldProblem, name: str) -> str:
    """What is wrong with a field, which is called `name` there, and what would do."""
    near = " or ".join(
        f"{value:g}" if isinstance(value, float) else str(value) for value in field.nearest
    )
    return f"{name}: {field.reason}" + (f" (nearest: {near})" if near else "")


def _parameter_problem(request: Request[Any, Any, Any], entry: Mapping[str, Any]) -> FieldProblem:
    """What is wrong with a query's parameter or a header, under the name that the client gave it."""
    name, message = entry.get("key", ""), entry["message"]
    known = request.route_handler.parsed_fn_signature.parameters
    field = known.get(name) if "source" in entry else None
    told = field.kwarg_definition if field else None
    if not isinstance(told, QueryParameter | HeaderParameter) or field is None:
        nearest = entry.get("nearest", ())
        return FieldProblem(pointer=f"/{name}", reason=message, nearest=nearest)
    spelt = told.name or name
    given = (request.headers if isinstance(told, HeaderParameter) else request.query_params).get(
        spelt
    )
    limits = Limits(low=told.ge, high=told.le, choices=choices_of(field.annotation))
    found = complaint(message, given, limits)
    return FieldProblem(pointer=f"/{spelt}", reason=found.reason, nearest=found.nearest)


def _unforeseen_problem(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    _log.error(
        "request failed unexpectedly",
        exc_info=error,
        extra={"method": request.method, "request_id": _request_id(request)},
    )
    return _response(
        request,
        status=HTTPStatus.INTERNAL_SERVER_ERROR,
        code=errors.DomainError.code,
        detail="Something went wrong; the server's log has the details under this request's id.",
    )


def _response(
    request: Request[Any, Any, Any],
    *,
    status: int,
    code: str,
    detail: str,
    retryable: bool = False,
    fields: Sequence[FieldProblem] = (),
    headers: Mapping[str, str] | None = None,
) -> Response[Problem]:
    request.scope["state"]["refused"] = code  # for the request log
    told = problem(
        status=status,
        code=code,
        detail=detail,
        instance=_request_id(request),
        retryable=retryable,
        fields=fields,
    )
    return Response(told, status_code=status, headers=headers, media_type=MEDIA_TYPE)


def problem(
    *,
    status: int,
    code: str,
    detail: str,
    instance: str,
    retryable: bool = False,
    fields: Sequence[FieldProblem] = (),
) -> Problem:
    """A refusal; what follows from its code is filled in."""
    return Problem(
        type=f"/problems/{code}",
        title=code.replace("-", " ").capitalize(),
        status=status,
        detail=detail,
        instance=instance,
        code=code,
        retryable=retryable,
        errors=fields,
    )


def _request_id(request: Request[Any, Any, Any]) -> str:
    return str(request.scope["state"]["request_id"])
