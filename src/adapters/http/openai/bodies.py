"""Bodies as OpenAI's clients send them: JSON, or forms in which names with brackets spell what JSON nests.

`video[id]` is a member, `references[]` one of a list, and `loras[][name]` a member of one of a list: the n-th
of each such name belongs to the n-th of the list.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from litestar import Request
from litestar.datastructures import UploadFile
from litestar.exceptions import ClientException, HTTPException
from litestar.openapi.spec import (
    OpenAPIFormat,
    OpenAPIMediaType,
    OpenAPIType,
    Operation,
    RequestBody,
    Schema,
)

from adapters.http.bodies import JsonRequest, checked, decode
from domain.clip import MAX_CLIP_BYTES
from domain.errors import InvalidRequest, Violation
from domain.image import MAX_IMAGE_BYTES

#: The largest file, and room for the words around it.
MAX_BODY_BYTES: Final = max(MAX_IMAGE_BYTES, MAX_CLIP_BYTES) + 512 * 1024

_JSON: Final = "application/json"
_MULTIPART: Final = "multipart/form-data"
_FORMS: Final = (_MULTIPART, "application/x-www-form-urlencoded")
_NAME: Final = re.compile(r"(?P<field>\w+)(?P<list>\[\])?(?:\[(?P<member>\w+)\])?")


class VideoRequest(JsonRequest):
    """A request whose body is a form or a JSON object, and means the same either way."""

    async def body(self) -> bytes:
        if self.content_type[0] not in {_JSON, *_FORMS}:
            raise HTTPException(
                status_code=415, detail=f"Send the body as {_MULTIPART} or as {_JSON}."
            )
        body = await Request.body(self)
        if not body:
            raise ClientException("The body is empty: say at least what to show, as `prompt`.")
        return body

    async def json(self) -> Any:
        field = self.route_handler.parsed_data_field
        assert field is not None, "only a route with a body reads one"
        if self.content_type[0] == _JSON:
            return decode(await self.body(), field.annotation)
        return checked(await self._fields(), field.annotation, strict=False)

    async def _fields(self) -> Mapping[str, object]:
        await self.body()  # `form` streams what was read then, and no more than the limit was
        try:
            form = await self.form()
        except (UnicodeDecodeError, LookupError) as error:
            raise ClientException("The form holds text that is not UTF-8.") from error
        try:
            parts = [(name, await _value(value)) for name, value in form.multi_items()]
        finally:
            await form.close()
        return nested(parts)


async def _value(part: object) -> object:
    return {"content": await part.read()} if isinstance(part, UploadFile) else part


def nested(parts: Iterable[tuple[str, object]]) -> dict[str, object]:
    """What the JSON of a form's parts would be; a name without brackets that comes again is a list, too.

    Raises:
        InvalidRequest: a name cannot be read, or the members of a list cannot be told apart.
    """
    plain: dict[str, list[object]] = {}
    members: dict[str, dict[str, list[object]]] = {}
    lists: set[str] = set()
    for name, value in parts:
        match = _NAME.fullmatch(name)
        if match is None:
            raise InvalidRequest([Violation(pointer=f"/{name}", reason="is no name of a field")])
        field, member = match["field"], match["member"]
        if match["list"]:
            lists.add(field)
        if member:
            members.setdefault(field, {}).setdefault(member, []).append(value)
        else:
            plain.setdefault(field, []).append(value)
    told: dict[str, object] = {
        field: values if field in lists or len(values) > 1 else values[0]
        for field, values in plain.items()
    }
    for field, of_members in members.items():
        if field in plain:
            raise InvalidRequest([Violation(pointer=f"/{field}", reason="is said in two ways")])
        told[field] = _objects(field, of_members) if field in lists else _object(field, of_members)
    return told


def _object(field: str, members: Mapping[str, Sequence[object]]) -> dict[str, object]:
    if any(len(values) > 1 for values in members.values()):
        raise InvalidRequest([Violation(pointer=f"/{field}", reason="says one thing twice")])
    return {name: values[0] for name, values in members.items()}


def _objects(field: str, members: Mapping[str, Sequence[object]]) -> list[dict[str, object]]:
    counts = {len(values) for values in members.values()}
    if len(counts) > 1:
        reason = "a form cannot say which of them has which: say the same of each, or send JSON"
        raise InvalidRequest([Violation(pointer=f"/{field}", reason=reason)])
    return [{name: values[number] for name, values in members.items()} for number in range(*counts)]


def form_operation(*files: str) -> type[Operation]:
    """An operation whose JSON body may come as a form, too, with these fields as files."""
    file = Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY)
    form = Schema(
        type=OpenAPIType.OBJECT,
        properties={"prompt": Schema(type=OpenAPIType.STRING), **dict.fromkeys(files, file)},
        required=["prompt"],
        description="Every field that the JSON body has; brackets in names spell what is nested there.",
    )

    class FormOperation(Operation):
        def __post_init__(self) -> None:
            if isinstance(self.request_body, RequestBody):
                self.request_body.content[_MULTIPART] = OpenAPIMediaType(schema=form)

    return FormOperation
