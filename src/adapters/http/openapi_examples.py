"""Examples in the description of the API: answers that a server once gave, and every refusal there is.

`examples.json` has one for each type, by its name in the description; `python -m tests.integration.api_examples`
writes it anew. Refusals are made as they are when they happen.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import msgspec
from litestar import Response
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import OpenAPI

from adapters.http import problems
from adapters.http.openai.errors import in_openais_shape
from domain import access_errors, errors, library_errors, store_errors

_FILE: Final = Path(__file__).with_name("examples.json")
_REFUSALS: Final = frozenset({"Problem", "ErrorBody"})

#: By the last parameter of its path: what is not there.
_MISSING: Final[Mapping[str, type[errors.DomainError]]] = {
    "{generation_id}": errors.UnknownJob,
    "{video_id}": errors.UnknownJob,
    "{output_id}": errors.OutputMissing,
    "{model_id}": errors.UnknownCheckpoint,
    "{lora_name}": errors.UnknownLora,
}
#: The same where its id is in the body or the query.
_MISSING_BESIDE: Final[Mapping[str, type[errors.DomainError]]] = {
    "create_video": errors.UnknownCheckpoint,
    "edit_video": errors.UnknownJob,
    "extend_video": errors.UnknownJob,
    "list_generations": errors.UnknownJob,
    "list_outputs": errors.UnknownJob,
    "list_videos": errors.UnknownJob,
}
#: By its operation: what state keeps it from being done.
_IN_THE_WAY: Final[Mapping[str, type[errors.DomainError]]] = {
    "cancel_generation": errors.NotCancellable,
    "delete_generation": library_errors.NotDeletable,
    "delete_video": library_errors.NotDeletable,
    "download_content": errors.NotCompleted,
    "edit_video": errors.NotCompleted,
    "extend_video": errors.NotCompleted,
    "get_offer": store_errors.NotPullable,
    "move_generation": errors.IllegalTransition,
    "pull_model": store_errors.NotPullable,
    "remove_model": store_errors.NotRemovable,
    "repair_model": store_errors.CheckpointBusy,
    "restore_output": library_errors.NotRestorable,
    "retry_generation": errors.NotRetryable,
    "stop_work": store_errors.NoWork,
    "verify_model": store_errors.CheckpointBusy,
}
#: What any operation is refused with under a status, where nothing above says better.
_ANYWHERE: Final[Mapping[int, type[errors.DomainError]]] = {
    HTTPStatus.UNAUTHORIZED: access_errors.KeyNeeded,
    HTTPStatus.FORBIDDEN: access_errors.ScopeMissing,
    HTTPStatus.TOO_MANY_REQUESTS: access_errors.TooManyRequests,
    HTTPStatus.INTERNAL_SERVER_ERROR: errors.DomainError,
    HTTPStatus.BAD_GATEWAY: store_errors.HubUnreachable,
    HTTPStatus.SERVICE_UNAVAILABLE: errors.StorageError,
    HTTPStatus.INSUFFICIENT_STORAGE: errors.DiskFull,
}
_INSTANCE: Final = "req_5f0c2d7e9a41b86c3d12ef70"
_FIELD: Final = problems.FieldProblem(
    pointer="/num_frames", reason="18 is not 4n + 1", nearest=(17.0, 21.0)
)


class ExampledOpenAPIConfig(OpenAPIConfig):
    """A description that has examples wherever there can be any."""

    def to_openapi_schema(self) -> OpenAPI:
        described = super().to_openapi_schema()
        return _Exampled(
            **{field.name: getattr(described, field.name) for field in fields(described)}
        )


class _Exampled(OpenAPI):
    """Adds them once all is said: references lead somewhere only then."""

    def to_schema(self) -> dict[str, Any]:
        document = super().to_schema()
        kept: dict[str, Any] = json.loads(_FILE.read_text())
        used: dict[str, Any] = {}
        for path, operation in _operations(document):
            body = operation.get("requestBody", {}).get("content", {})
            for content in body.values():
                _refer(content, kept, used)
            for status, answer in operation["responses"].items():
                for media_type, content in answer.get("content", {}).items():
                    if _type_of(content) in _REFUSALS:
                        _refuse(content, path, operation["operationId"], int(status), used)
                    elif media_type == "text/plain":
                        content["example"] = kept[operation["operationId"]]
                    else:
                        _refer(content, kept, used)
        document["components"]["examples"] = dict(sorted(used.items()))
        return document


def _operations(document: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for operation in methods.values():
            yield path, operation


def _type_of(content: Mapping[str, Any]) -> str:
    return str(content.get("schema", {}).get("$ref", "")).rpartition("/")[2]


def _refer(content: dict[str, Any], kept: Mapping[str, Any], used: dict[str, Any]) -> None:
    name = _type_of(content)
    if name in kept:
        used[name] = {"value": kept[name]}
        content["examples"] = {name: {"$ref": f"#/components/examples/{name}"}}


def _refuse(
    content: dict[str, Any], path: str, operation: str, status: int, used: dict[str, Any]
) -> None:
    is_openais = _type_of(content) == "ErrorBody"
    told = _refusal(path, operation, status)
    shown = msgspec.to_builtins(in_openais_shape(Response(told)).content if is_openais else told)
    name = f"{told.code}-{status}-openai" if is_openais else f"{told.code}-{status}"
    used[name] = {"value": shown}
    content["examples"] = {told.code: {"$ref": f"#/components/examples/{name}"}}


def _refusal(path: str, operation: str, status: int) -> problems.Problem:
    """What that operation is refused with under that status."""
    kind = _kind(path, operation, status)
    is_value = status == HTTPStatus.UNPROCESSABLE_ENTITY
    code = kind.code if kind else problems.CODE_OF_STATUS[status]
    return problems.problem(
        status=status,
        code=code,
        detail=kind().message
        if kind
        else HTTPStatus(status).description or HTTPStatus(status).phrase,
        instance=_INSTANCE,
        retryable=kind.retryable if kind else status == HTTPStatus.REQUEST_TIMEOUT,
        fields=[_FIELD] if is_value else (),
    )


def _kind(path: str, operation: str, status: int) -> type[errors.DomainError] | None:
    if status == HTTPStatus.CONFLICT:
        return _IN_THE_WAY[operation]
    if status == HTTPStatus.NOT_FOUND:
        if path.endswith("/preview"):
            return errors.PreviewMissing
        named = [part for part in path.split("/") if part in _MISSING]
        return _MISSING[named[-1]] if named else _MISSING_BESIDE[operation]
    return _ANYWHERE.get(status)
