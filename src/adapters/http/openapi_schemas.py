"""What OpenAPI says of our types: each is described by its docstring, and each field by the line it has there."""

import inspect
import re
from collections.abc import Mapping
from typing import Any, Final

# Private to Litestar; nothing public makes the schema of a Struct or a dataclass.
from litestar._openapi.schema_generation import SchemaCreator
from litestar._openapi.schema_generation.plugins.dataclass import DataclassSchemaPlugin
from litestar._openapi.schema_generation.plugins.struct import StructSchemaPlugin
from litestar.openapi.spec import OpenAPIType, Schema
from litestar.typing import FieldDefinition
from msgspec import Struct

from adapters.http.streams import ToldEvent

#: Fields that mean the same wherever they are, and so need no line of their own.
_EVERYWHERE: Final[Mapping[str, str]] = {
    "width": "Pixels.",
    "height": "Pixels.",
    "num_frames": "Frames in all.",
    "fps": "Frames per second.",
    "steps": "Denoising steps.",
    "seed": "What the noise is drawn from.",
    "prompt": "What to show.",
    "negative_prompt": "What not to show.",
    "checkpoint": "Id of the weights; `GET /api/v1/models` lists them.",
    "guidance_high_noise": "Classifier-free guidance while the high-noise expert works.",
    "guidance_low_noise": "The same for the low-noise expert.",
    "flow_shift": "How far the noise schedule leans to high noise.",
    "scheduler": "How noise is taken away, step by step.",
    "size_bytes": "Bytes.",
    "total_bytes": "Bytes in all.",
    "done_bytes": "Bytes that are there.",
    "sha256": "In hexadecimal digits.",
    "data": "One for each.",
    "id": "What routes name it by.",
    "name": "What it is called.",
    "status": "How far it is.",
    "stage": "What a run is doing; null while it does nothing.",
    "step": "Denoising steps that are done.",
    "progress": "Share of the work that is done, 0 to 1.",
    "code": "Stable, for programs; null where nothing went wrong.",
    "message": "A sentence for people; null where there is nothing to say.",
    "detail": "In words, for people.",
    "retryable": "Whether the same may succeed another time.",
    "problem": "What is wrong, and what helps; null where nothing is.",
    "note": "What else is to be known, in words.",
    "available": "Whether it can be used.",
    "created_at": "When it was asked for.",
    "started_at": "When it began first; null before.",
    "finished_at": "When it was over; null before.",
    "duration_s": "Seconds.",
    "used_bytes": "Bytes in use.",
    "available_bytes": "Bytes that a new process can have.",
    "load_percent": "0 to 100; null where it is not told.",
    "temperature_c": "Degrees Celsius; null where it is not told.",
    "power_w": "Watts; null where it is not told.",
}
_HEAD: Final = "Attributes:\n"
_LINE: Final = re.compile(
    r"^    (?P<names>\w+(?:, \w+)*): (?P<words>\S.*(?:\n {8}.*)*)", re.MULTILINE
)


class DescribedStructs(StructSchemaPlugin):
    """Litestar's own says nothing of fields, nor that a Struct refuses those it does not have."""

    def to_openapi_schema(
        self, field_definition: FieldDefinition, schema_creator: SchemaCreator
    ) -> Schema:
        schema = super().to_openapi_schema(field_definition, schema_creator)
        kind: type[Struct] = field_definition.annotation
        if kind.__struct_config__.forbid_unknown_fields:
            schema.additional_properties = False
        described = _described(schema, kind)
        if issubclass(kind, ToldEvent) and described.properties:
            described.properties = {**described.properties, "data": _as_text(described)}
        return described


class DescribedDataclasses(DataclassSchemaPlugin):
    """The same of the domain's values."""

    def to_openapi_schema(
        self, field_definition: FieldDefinition, schema_creator: SchemaCreator
    ) -> Schema:
        schema = super().to_openapi_schema(field_definition, schema_creator)
        return _described(schema, field_definition.annotation)


def _described(schema: Schema, kind: type[Any]) -> Schema:
    about, _, lines = inspect.cleandoc(kind.__doc__ or "").partition(_HEAD)
    schema.description = about.strip()
    told = dict(_EVERYWHERE) | {
        name: _sentence(match["words"])
        for match in _LINE.finditer(lines)
        for name in match["names"].split(", ")
    }
    for name, field in (schema.properties or {}).items():
        # In place: Litestar still has to fill in where a reference leads.
        if not (isinstance(field, Schema) and field.description):
            field.description = told.get(name)
    return schema


def _as_text(event: Schema) -> Schema:
    """The `data` of an event: text that spells JSON."""
    data = (event.properties or {})["data"]
    return Schema(
        type=OpenAPIType.STRING,
        content_media_type="application/json",
        content_schema=data,
        description=data.description,
    )


def _sentence(words: str) -> str:
    """A docstring's line as JSON's reader knows it: one line, `null` for `None`."""
    told = re.sub(r"\bNone\b", "null", " ".join(words.split()))
    return told[:1].upper() + told[1:]
