"""Rows S1 and S18: nobody comes in without a key that may, once there is one."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest
from litestar import Litestar, get
from litestar.routes import HTTPRoute

from adapters.filesystem.key_store import FilesystemKeyStore
from adapters.http.access import PUBLIC, refuse_undeclared
from adapters.http.page import SCREENS
from application.manage_keys import ManageKeys
from bootstrap.server import serve
from bootstrap.settings import Settings, SettingsError, load_settings
from domain.access import Quota, Scope
from tests.fakes.clock import FakeClock
from tests.integration.http.raw import OWN_HOST, Answer, exchange
from tests.integration.http.threats.conftest import NewClient

#: What a route with parameters is called with.
NAMES = {
    "generation_id": "gen_1",
    "output_id": "gen_1",
    "model_id": "mini",
    "lora_name": "turn",
    "video_id": "gen_1",
}


def routes(app: Litestar) -> Iterator[tuple[str, str, str]]:
    """Every route of the API, its method and the scope it declares; those beside it are everybody's."""
    for route in app.routes:
        assert isinstance(route, HTTPRoute)
        is_beside = route.path.startswith(("/schema", "/assets")) or route.path in SCREENS
        for handler in route.route_handlers:
            for method in handler.http_methods - {"OPTIONS"}:
                scope = str(handler.opt.get("scope"))
                if is_beside:
                    assert scope == PUBLIC, route.path
                else:
                    yield method, route.path_format.format(**NAMES), scope


async def code_of(answer: Answer, path: str) -> object:
    if not path.startswith("/v1/"):
        return (await answer.problem())["code"]
    return msgspec.json.decode(await answer.body())["error"]["code"]


def settings(tmp_path: Path, host: str) -> Settings:
    overrides = {"server.host": host, "server.port": 0, "data_dir": str(tmp_path / "data")}
    return load_settings(overrides=overrides, environment={})


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "studio.example"])
def test_s01_other_machines_are_not_served_without_keys(
    host: str, tmp_path: Path, settled: None
) -> None:
    with pytest.raises(SettingsError, match="wan keys create NAME"):
        serve(settings(tmp_path, host))
    assert not (tmp_path / "data").exists()


def test_s01_nor_with_keys_that_were_all_revoked(tmp_path: Path, settled: None) -> None:
    (tmp_path / "data").mkdir()
    keys = ManageKeys(FilesystemKeyStore(tmp_path / "data/keys.json"), FakeClock())
    keys.create("ann", Scope.ADMIN, Quota())
    keys.revoke("ann")

    with pytest.raises(SettingsError, match="there are no API keys"):
        serve(settings(tmp_path, "0.0.0.0"))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_s01_loopback_is_what_only_this_machine_reaches(host: str, tmp_path: Path) -> None:
    assert settings(tmp_path, host).is_loopback


async def test_s01_without_keys_the_local_user_may_do_everything(app: Litestar) -> None:
    for method, path, _scope in routes(app):
        async with exchange(app, path, method=method) as answer:
            assert answer.status not in {401, 403, 429}, (method, path)


async def test_s18_from_the_first_key_on_every_route_but_the_public_asks_for_one(
    app: Litestar, new_client: NewClient, clock: FakeClock
) -> None:
    new_client("ann")
    asked = 0

    for method, path, scope in routes(app):
        clock.advance(60)  # few enough failures a minute
        async with exchange(app, path, method=method) as answer:
            if scope == PUBLIC:
                assert answer.status == 200, (method, path)
                continue
            asked += 1
            assert answer.status == 401, (method, path)
            assert answer.headers["www-authenticate"].startswith("Bearer")
            if method != "HEAD":
                assert await code_of(answer, path) in {"key-needed", "invalid_api_key"}
    assert asked >= 20, "the walk found the routes"


@pytest.mark.parametrize("has", list(Scope))
async def test_s18_every_route_asks_for_the_scope_it_declares(
    app: Litestar, new_client: NewClient, has: Scope
) -> None:
    authorization = new_client("ann", has).headers["authorization"].encode()
    headers, refused = [*OWN_HOST, (b"authorization", authorization)], 0

    for method, path, scope in routes(app):
        is_refused = scope != PUBLIC and not has.covers(Scope(scope))
        async with exchange(app, path, method=method, headers=headers) as answer:
            assert (answer.status == 403) == is_refused, (method, path)
        refused += is_refused
    assert (refused > 0) == (has is not Scope.ADMIN)


def test_s18_only_probes_the_description_and_the_page_are_everybodys(app: Litestar) -> None:
    assert {path for _, path, scope in routes(app) if scope == PUBLIC} == {"/livez", "/startupz"}


def test_s18_a_route_that_declares_no_scope_keeps_the_server_from_starting() -> None:
    @get("/open", sync_to_thread=False)
    def forgotten() -> None: ...

    @get("/odd", scope="everyone", sync_to_thread=False)
    def mistyped() -> None: ...

    with pytest.raises(ValueError, match=r"forgotten \(/open\), mistyped \(/odd\)"):
        refuse_undeclared(Litestar([forgotten, mistyped], openapi_config=None))


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic dXNlcjpwYXNz",
        "Bearer sk-123",
        "Bearer wan_0123456789ab_" + "x" * 43,
        "{secret}",
        "Token {secret}",
        "Bearer {secret}x",
        "Bearer {secret} {secret}",
        "Bearer {secret}, Bearer {secret}",
    ],
)
async def test_s18_what_only_resembles_a_key_opens_nothing(
    client: httpx.AsyncClient, new_client: NewClient, authorization: str
) -> None:
    secret = new_client("ann").headers["authorization"].removeprefix("Bearer ")

    answer = await client.get(
        "/api/v1/queue", headers={"Authorization": authorization.format(secret=secret)}
    )

    assert (answer.status_code, answer.json()["code"]) == (401, "key-needed")
    assert secret not in answer.text


async def test_s18_two_authorizations_are_none(
    client: httpx.AsyncClient, new_client: NewClient
) -> None:
    good = new_client("ann").headers["authorization"]

    answer = await client.get(
        "/api/v1/queue", headers=[("Authorization", good), ("Authorization", good)]
    )

    assert answer.status_code == 401


async def test_s18_the_scheme_is_spelt_as_one_likes(
    client: httpx.AsyncClient, new_client: NewClient
) -> None:
    secret = new_client("ann").headers["authorization"].removeprefix("Bearer ")

    answer = await client.get("/api/v1/queue", headers={"Authorization": f"bearer {secret}"})

    assert answer.status_code == 200


async def test_s18_the_description_says_how_keys_are_sent(client: httpx.AsyncClient) -> None:
    document = (await client.get("/schema/openapi.json")).json()

    assert document["components"]["securitySchemes"]["api_key"]["scheme"] == "bearer"
    assert document["security"] == [{"api_key": []}, {}]
