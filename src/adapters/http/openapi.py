"""The description of this API that programs read, at `/schema/openapi.json`."""

from typing import Any

from litestar import Request, Router

# Private to Litestar; nothing public makes the schema of a Struct.
from litestar._openapi.schema_generation import SchemaCreator
from litestar._openapi.schema_generation.plugins.struct import StructSchemaPlugin
from litestar.enums import HttpMethod
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Schema
from litestar.types import Method
from litestar.typing import FieldDefinition
from msgspec import Struct


def openapi_config(version: str) -> OpenAPIConfig:
    """Only the document: Litestar's pages load their scripts from elsewhere."""
    return OpenAPIConfig(
        title="Wan Studio",
        version=version,
        summary="Makes Wan2.2 videos from prompts, and loses nothing.",
        use_handler_docstrings=True,
        create_examples=False,
        operation_id_creator=_operation_id,
        render_plugins=[JsonRenderPlugin()],
        openapi_router=Router(
            "/schema", route_handlers=[], include_in_schema=False, before_request=_only_the_document
        ),
    )


class ClosedStructs(StructSchemaPlugin):
    """Says of a Struct that refuses unknown fields that it does; Litestar's own plugin does not."""

    def is_plugin_supported_field(self, field_definition: FieldDefinition) -> bool:
        if not super().is_plugin_supported_field(field_definition):
            return False
        kind: type[Struct] = field_definition.annotation
        return kind.__struct_config__.forbid_unknown_fields

    def to_openapi_schema(
        self, field_definition: FieldDefinition, schema_creator: SchemaCreator
    ) -> Schema:
        schema = super().to_openapi_schema(field_definition, schema_creator)
        schema.additional_properties = False
        return schema


def _operation_id(handler: HTTPRouteHandler, method: Method | HttpMethod, _path: object) -> str:
    return "head_video" if method == HttpMethod.HEAD else handler.handler_name


def _only_the_document(request: Request[Any, Any, Any]) -> None:
    # Litestar answers other paths below /schema with an HTML page of its own.
    if request.url.path != "/schema/openapi.json":
        raise NotFoundException
