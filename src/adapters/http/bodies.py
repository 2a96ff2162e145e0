"""How a JSON body becomes the type its handler asks for: strictly, naming every fault at once.

Litestar alone would turn "512" into 512 and stop at the first fault.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from http import HTTPStatus
from itertools import islice
from typing import Any, Final, get_args

import msgspec
from litestar import Request
from litestar.exceptions import ClientException, HTTPException

from adapters.http.complaints import NO_LIMITS, complaint, limits_of
from adapters.http.field_names import called_elsewhere
from domain.close_names import closest
from domain.errors import InvalidRequest, Violation

MAX_BODY_BYTES: Final = 256 * 1024
#: Unknown fields that are told of; whoever sends more sends something else.
_TOLD: Final = 16

#: msgspec ends its messages with the place, such as "Expected `int`, got `str` - at `$[0].name`".
_PLACE: Final = re.compile(r" - at `\$(?P<path>[^`]*)`$")
_STRANGER: Final = re.compile(r"Object contains unknown field `(?P<name>[^`]+)`")


class JsonRequest(Request[Any, Any, Any]):
    """A request whose body, where its route reads one, is a JSON object."""

    async def body(self) -> bytes:
        media_type = self.content_type[0]
        if media_type != "application/json":
            raise HTTPException(
                status_code=HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                detail="The body must be JSON: send Content-Type: application/json.",
            )
        body = await super().body()
        if not body:
            raise ClientException("The body is empty: send a JSON object.")
        return body

    async def json(self) -> Any:  # Litestar hands it to the handler as the type of its `data`
        field = self.route_handler.parsed_data_field
        assert field is not None, "only a route with a body reads one"
        return decode(await self.body(), field.annotation)


def decode(body: bytes, kind: type[msgspec.Struct]) -> msgspec.Struct:
    """The `kind` that `body` spells.

    Raises:
        ClientException: it is not a JSON object.
        InvalidRequest: with a violation for every field that is unknown, missing or wrong.
    """
    try:
        raw = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ClientException(f"The body is not JSON that can be read: {error}.") from error
    if not isinstance(raw, dict):
        raise ClientException("The body must be a JSON object.")
    return checked(raw, kind)


def checked(
    raw: Mapping[str, object], kind: type[msgspec.Struct], *, strict: bool = True
) -> msgspec.Struct:
    """The `kind` that `raw` spells. Without `strict`, text may spell numbers, as it does in forms.

    Raises:
        InvalidRequest: with a violation for every field that is unknown, missing or wrong.
    """
    if violations := list(_violations(raw, kind, strict=strict)):
        raise InvalidRequest(violations)
    return msgspec.convert(raw, kind, strict=strict)


def _violations(
    raw: Mapping[str, object], kind: type[msgspec.Struct], *, strict: bool
) -> Iterator[Violation]:
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    for name in islice(sorted(raw.keys() - fields), _TOLD):
        yield _unknown((name,), fields)
    for name, field in fields.items():
        if name not in raw:
            if field.required:
                yield Violation(pointer=_pointer(name), reason="is required")
            continue
        try:
            msgspec.convert(raw[name], field.type, strict=strict)
        except msgspec.ValidationError as error:
            yield _violation(name, raw[name], field.type, str(error))


def _unknown(place: Sequence[str], fields: Iterable[str]) -> Violation:
    name, known = place[-1], list(fields)
    meant = [other for other in called_elsewhere(name) if other in known]
    nearest = tuple(meant) or closest(name, known)
    return Violation(pointer=_pointer(*place), reason="is not a field", nearest=nearest)


def _violation(name: str, value: object, kind: object, message: str) -> Violation:
    place = _PLACE.search(message)
    path = re.findall(r"\w+", place["path"]) if place else []
    if (stranger := _STRANGER.match(message)) and (struct := _struct_in(kind)):
        return _unknown((name, *path, stranger["name"]), struct.__struct_fields__)
    for step in path:  # down to what is wrong within it
        value = value[int(step)] if isinstance(value, list) else _member(value, step)
    told = complaint(_PLACE.sub("", message), value, NO_LIMITS if path else limits_of(kind))
    return Violation(pointer=_pointer(name, *path), reason=told.reason, nearest=told.nearest)


def _member(value: object, name: str) -> object:
    return value.get(name) if isinstance(value, dict) else None


def _struct_in(kind: object) -> type[msgspec.Struct] | None:
    """The struct that a field's type is, holds or lists: none has two."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return kind
    return next(filter(None, map(_struct_in, get_args(kind))), None)


def _pointer(*names: str) -> str:
    return "".join("/" + name.replace("~", "~0").replace("/", "~1") for name in names)
