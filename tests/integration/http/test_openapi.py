"""The API's description of itself: whole, and for people as much as for programs."""

import threading
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import msgspec
import pytest
from litestar import Litestar

from adapters.http import openapi_document
from adapters.http.page import SCREENS

PROBLEM = "application/problem+json"
DOCUMENT = "application/vnd.oai.openapi+json"


@pytest.fixture
def document(app: Litestar) -> dict[str, Any]:
    described: dict[str, Any] = msgspec.json.decode(
        msgspec.json.encode(app.openapi_schema.to_schema())
    )
    return described


def operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def test_every_operation_says_what_it_does(document: dict[str, Any]) -> None:
    # Summaries were the handlers' names: "ListGenerations".
    mute = [
        (method, path, operation["summary"])
        for method, path, operation in operations(document)
        if not is_sentence(operation["summary"])
        or " " not in operation["summary"]
        or not operation["description"]
        or not operation["tags"]
    ]

    assert mute == []


def test_every_parameter_is_described(document: dict[str, Any]) -> None:
    parameters = [
        (method, path, parameter)
        for method, path, operation in operations(document)
        for parameter in operation.get("parameters", ())
    ]

    mute = [(*where, told["name"]) for *where, told in parameters if not told.get("description")]
    assert mute == []
    assert len(parameters) >= 20


def test_every_field_is_described(document: dict[str, Any]) -> None:
    fields = [
        (name, field, told)
        for name, schema in document["components"]["schemas"].items()
        for field, told in schema.get("properties", {}).items()
    ]

    mute = [
        f"{name}.{field}"
        for name, field, told in fields
        if not is_sentence(told.get("description", ""))
    ]
    assert mute == [], "give each a line in its class's docstring, or in openapi_schemas"
    assert len(fields) > 150


def test_every_type_of_ours_says_what_it_is(document: dict[str, Any]) -> None:
    mute = [
        name
        for name, schema in document["components"]["schemas"].items()
        if "properties" in schema and not schema.get("description")
    ]

    assert mute == []
    assert "Attributes" not in str(document)


def test_every_operation_names_the_refusals_it_can_answer_with(document: dict[str, Any]) -> None:
    for method, path, operation in operations(document):
        refusals = {
            int(status)
            for status, told in operation["responses"].items()
            if schemas(told.get("content", {})) == refusal(path)
        }
        expected = {400, 421, 500} if is_openais(path) else {400, 421, 422, 500}
        if "{" in path:
            expected |= {404}
        if method not in {"GET", "HEAD"}:
            expected |= {403}
        if "requestBody" in operation:
            expected |= {413, 415}
        assert expected <= refusals, (method, path)
        assert [told for told in operation["responses"].values() if not told["description"]] == []


def test_an_upload_is_described_as_a_file(document: dict[str, Any]) -> None:
    body = document["paths"]["/api/v1/uploads"]["post"]["requestBody"]

    assert body["required"] is True
    assert {"image/png", "video/mp4", "application/octet-stream"} <= body["content"].keys()
    assert body["content"]["image/png"]["schema"] == {"type": "string", "format": "binary"}


def test_events_are_described_with_their_shape_and_their_end(document: dict[str, Any]) -> None:
    answers = document["paths"]["/api/v1/generations/{generation_id}/events"]["get"]["responses"]

    assert schemas(answers["200"]["content"]) == {
        "text/event-stream": {"$ref": "#/components/schemas/GenerationEvent"}
    }
    event = document["components"]["schemas"]["GenerationEvent"]
    assert event["properties"].keys() == {"id", "event", "data"}
    # As it is on the wire: text, which spells JSON.
    assert event["properties"]["id"]["type"] == "string"
    data = event["properties"]["data"]
    assert (data["type"], data["contentMediaType"]) == ("string", "application/json")
    assert data["contentSchema"]["$ref"] == "#/components/schemas/GenerationSnapshot"
    assert "content" not in answers["204"]


def test_what_is_downloaded_from_v1_may_be_a_video_or_a_picture(document: dict[str, Any]) -> None:
    answers = document["paths"]["/v1/videos/{video_id}/content"]["get"]["responses"]

    assert answers["200"]["content"].keys() == {"video/mp4", "image/webp"}
    assert "content" not in answers["304"]


def test_a_generation_can_be_asked_for_with_all_that_a_request_shows(
    document: dict[str, Any],
) -> None:
    schemas = document["components"]["schemas"]

    assert schemas["GenerationRequest"]["properties"].keys() <= (
        schemas["NewGeneration"]["properties"].keys()
    )
    assert schemas["LoraUse"]["properties"].keys() <= schemas["NewLora"]["properties"].keys()


def is_sentence(text: str) -> bool:
    return bool(text) and not text[0].islower() and text.endswith((".", ")"))


async def test_the_description_is_openapi_and_has_every_route(
    app: Litestar, client: httpx.AsyncClient
) -> None:
    response = await client.get("/schema/openapi.json")

    document = response.json()
    assert response.status_code == 200
    assert document["openapi"].startswith("3.1")
    described = {
        (path, method.upper()) for path, methods in document["paths"].items() for method in methods
    }
    routed = {
        (route.path_format, method)
        for route in app.routes
        for method in route.methods - {"OPTIONS"}
        if not route.path.startswith(("/schema", "/assets")) and route.path not in SCREENS
    }
    assert described == routed
    assert len(described) == 57


async def test_the_description_is_written_once_and_not_on_the_event_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A quarter of a second in which nobody else was answered.
    writers: list[threading.Thread] = []
    write = openapi_document._write

    def observed(app: Litestar) -> bytes:
        writers.append(threading.current_thread())
        return write(app)

    monkeypatch.setattr(openapi_document, "_write", observed)
    app = Litestar([], openapi_config=openapi_document.openapi_config("1"))
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://localhost"
    ) as client:
        answers = [await client.get("/schema/openapi.json") for _ in range(2)]

    assert [answer.headers["content-type"] for answer in answers] == [DOCUMENT] * 2
    assert len(writers) == 1
    assert threading.main_thread() not in writers


async def test_every_reference_in_the_description_leads_somewhere(
    client: httpx.AsyncClient,
) -> None:
    text = (await client.get("/schema/openapi.json")).text
    schemas = (await client.get("/schema/openapi.json")).json()["components"]["schemas"]

    references = {part.split('"', 1)[0] for part in text.split('"#/components/schemas/')[1:]}

    assert references <= schemas.keys()
    assert len(references) >= 15


async def test_every_refusal_is_described_as_a_problem(client: httpx.AsyncClient) -> None:
    document = (await client.get("/schema/openapi.json")).json()

    refusals = [
        (path, response["content"])
        for path, methods in document["paths"].items()
        for operation in methods.values()
        for status, response in operation["responses"].items()
        if status >= "400"
    ]

    assert [path for path, told in refusals if schemas(told) != refusal(path)] == []
    assert len(refusals) > 30


def is_openais(path: str) -> bool:
    return path.startswith("/v1/")


def refusal(path: str) -> dict[str, Any]:
    """What a refusal there is, in the words of OpenAPI."""
    media_type, name = (
        ("application/json", "ErrorBody") if is_openais(path) else (PROBLEM, "Problem")
    )
    return {media_type: {"$ref": f"#/components/schemas/{name}"}}


def schemas(content: Mapping[str, Any]) -> dict[str, Any]:
    """Of each media type."""
    return {media_type: told["schema"] for media_type, told in content.items()}


async def test_the_body_is_described_with_its_limits_and_examples(
    client: httpx.AsyncClient,
) -> None:
    document = (await client.get("/schema/openapi.json")).json()

    body = document["components"]["schemas"]["NewGeneration"]
    assert body["additionalProperties"] is False
    assert body["required"] == ["prompt"]
    assert body["properties"]["prompt"]["maxLength"] == 4000
    assert body["properties"]["steps"]["maximum"] == 100
    assert body["properties"]["priority"]["minimum"] == -100
    assert all(
        field.get("description") and field.get("examples") for field in body["properties"].values()
    )
