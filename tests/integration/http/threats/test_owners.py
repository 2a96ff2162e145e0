"""Rows S16 and S17: what one key asked for does not exist for another, and nobody sets what is not theirs."""

from collections.abc import Iterator

import httpx
import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute

from application.manage_keys import ManageKeys
from domain.access import Scope
from tests.fakes.artifact_store import FakeArtifactStore
from tests.fakes.clip_reader import a_video
from tests.fakes.jobs import InMemoryJobs
from tests.integration.http.lives import complete, start
from tests.integration.http.test_generations import GENERATIONS, submit
from tests.integration.http.threats.conftest import NewClient

#: Names what everybody shares.
SHARED = {"model_id", "lora_name", "path", "name", "shown"}
#: For administrators alone, whoever's it is.
ADMINISTRATORS = {("PATCH", "/api/v1/queue/{generation_id}")}


def id_routes(app: Litestar) -> Iterator[tuple[str, str]]:
    """Every method and path that names a thing with an owner."""
    for route in app.routes:
        assert isinstance(route, HTTPRoute)
        if {parameter.name for parameter in route.path_parameters.values()} - SHARED:
            for handler in route.route_handlers:
                for method in handler.http_methods - {"OPTIONS"}:
                    yield method, route.path_format


def filled(path: str, job_id: str) -> str:
    return path.format(generation_id=job_id, output_id=job_id, video_id=job_id)


def body(path: str) -> dict[str, object]:
    """What a route there takes, if it takes anything."""
    if "remix" in path:
        return {"prompt": "a"}
    return {"rating": 3} if "outputs" in path else {"position": 1}


def told(answer: httpx.Response) -> tuple[str, str]:
    """Code and words of a refusal, in whichever shape."""
    said = answer.json()
    if "error" in said:
        return said["error"]["code"], said["error"]["message"]
    return said["code"], said["detail"]


@pytest.fixture
def ann(new_client: NewClient) -> httpx.AsyncClient:
    return new_client("ann")


@pytest.fixture
def bob(new_client: NewClient) -> httpx.AsyncClient:
    return new_client("bob")


@pytest.fixture
def boss(new_client: NewClient) -> httpx.AsyncClient:
    return new_client("boss", Scope.ADMIN)


@pytest.fixture
async def anns(ann: httpx.AsyncClient, jobs: InMemoryJobs, store: FakeArtifactStore) -> list[str]:
    """One that waits, one that runs, one that is done, one that was cancelled."""
    done, runs, cancelled, waits = [await submit(ann, f"ann's {n}") for n in range(4)]
    await ann.post(f"{GENERATIONS}/{cancelled}/cancel")
    await start(jobs, done)
    await complete(jobs, store, done)
    await start(jobs, runs)
    return [done, runs, cancelled, waits]


async def test_s17_every_id_route_is_404_for_anothers_id_and_changes_nothing(
    app: Litestar,
    ann: httpx.AsyncClient,
    bob: httpx.AsyncClient,
    jobs: InMemoryJobs,
    anns: list[str],
) -> None:
    before, tried = jobs.kept, 0
    kept = [await jobs.library.get(job_id) for job_id in anns]

    for method, path in id_routes(app):
        for job_id in anns:
            answer = await bob.request(method, filled(path, job_id), json=body(path))
            unknown = await bob.request(method, filled(path, "gen_0"), json=body(path))
            tried += 1

            if (method, path) in ADMINISTRATORS:
                assert answer.status_code == unknown.status_code == 403
                continue
            assert answer.status_code == unknown.status_code == 404, (method, path)
            if method == "HEAD":
                continue
            # Word for word what is said of one that never was.
            code, words = told(answer)
            assert (code, words.replace(job_id, "gen_0")) == told(unknown)
    assert jobs.kept == before
    assert [await jobs.library.get(job_id) for job_id in anns] == kept
    assert tried >= 4 * 6, "the walk found the routes"


async def test_s17_the_owner_reaches_each_of_them(
    app: Litestar, ann: httpx.AsyncClient, boss: httpx.AsyncClient, anns: list[str]
) -> None:
    done, _runs, cancelled, waits = anns
    fitting = {"retry": cancelled, "cancel": waits, "queue": waits}

    for method, path in id_routes(app):
        job_id = next((job for word, job in fitting.items() if word in path), done)
        for client in (ann, boss):
            if client is ann and (method, path) in ADMINISTRATORS:
                continue
            answer = await client.request(method, filled(path, job_id), json=body(path))
            if method == "DELETE":  # the walk goes on with it
                deleted = filled(path, job_id).replace("/v1/videos", GENERATIONS)
                await client.post(f"{deleted}/restore")

            # Nothing is drawn here, so nothing has a preview: the generation itself was found.
            is_reached = answer.status_code < 300 or answer.status_code == 409
            assert is_reached or told(answer)[0] == "preview-missing", (method, path)


async def test_s17_lists_hold_ones_own(
    ann: httpx.AsyncClient, bob: httpx.AsyncClient, boss: httpx.AsyncClient, anns: list[str]
) -> None:
    bobs = await submit(bob, "bob's")

    async def listed(client: httpx.AsyncClient, **query: str) -> set[str]:
        answer = await client.get(GENERATIONS, params=query)
        return {job["id"] for job in answer.json()["data"]}

    assert await listed(ann) == {*anns}
    assert await listed(bob) == {bobs}
    assert await listed(boss) == {*anns, bobs}
    assert await listed(bob, status="completed") == set()
    assert (await bob.get(GENERATIONS, params={"before": anns[0]})).status_code == 404


async def test_s17_a_library_holds_ones_own(
    ann: httpx.AsyncClient, bob: httpx.AsyncClient, boss: httpx.AsyncClient, anns: list[str]
) -> None:
    async def found(client: httpx.AsyncClient, **query: str) -> tuple[list[str], int]:
        page = (await client.get("/api/v1/outputs", params=query)).json()
        total = page["facets"]["total"] if page["facets"] else 0
        return [output["id"] for output in page["data"]], total

    assert await found(ann, q="ann") == await found(boss) == ([anns[0]], 1)
    assert await found(bob) == await found(bob, q="ann") == ([], 0)
    assert (await bob.get("/api/v1/outputs", params={"cursor": anns[1]})).status_code == 404
    continued = {"prompt": "bob's", "made_from": anns[0]}
    assert (await bob.post(GENERATIONS, json=continued)).status_code == 422
    assert (await ann.post(GENERATIONS, json=continued)).status_code == 202


async def test_s17_the_queue_shows_its_length_and_ones_own(
    ann: httpx.AsyncClient, bob: httpx.AsyncClient, boss: httpx.AsyncClient, anns: list[str]
) -> None:
    bobs = await submit(bob, "bob's")

    queues = [(await client.get("/api/v1/queue")).json() for client in (ann, bob, boss)]

    assert [queue["length"] for queue in queues] == [2, 2, 2]
    assert [[job["id"] for job in queue["waiting"]] for queue in queues] == [
        [anns[3]],
        [bobs],
        [anns[3], bobs],
    ]
    assert [len(queue["running"]) for queue in queues] == [1, 0, 1]
    assert "ann's" not in (await bob.get("/api/v1/queue")).text


@pytest.mark.parametrize(
    ("content", "field"),
    [
        (b"128x128", {"image": "{}"}),
        (a_video(128, 128, frames=17, fps=8), {"video": "{}"}),
    ],
)
async def test_s17_anothers_upload_does_not_exist(
    ann: httpx.AsyncClient,
    bob: httpx.AsyncClient,
    boss: httpx.AsyncClient,
    content: bytes,
    field: dict[str, str],
) -> None:
    headers = {"Content-Type": "application/octet-stream"}
    upload = (await ann.post("/api/v1/uploads", content=content, headers=headers)).json()["id"]
    body = {"prompt": "x", "checkpoint": "mini-ti2v"} | dict.fromkeys(field, upload)

    async def ask(client: httpx.AsyncClient, **changes: str) -> httpx.Response:
        return await client.post(GENERATIONS, json={**body, **changes})

    kind, digits = upload[:4], "0" * 64
    theirs, nobodys = await ask(bob), await ask(bob, **dict.fromkeys(field, kind + digits))
    assert theirs.status_code == nobodys.status_code == 422
    assert theirs.text.replace(upload, kind + digits)[:200] == nobodys.text[:200]
    assert (await ask(ann)).status_code == 202
    assert (await ask(boss)).status_code == 202

    again = await bob.post("/api/v1/uploads", content=content, headers=headers)
    assert again.json()["id"] == upload
    assert (await ask(bob)).status_code == 202


async def test_s17_references_and_last_images_are_looked_at_too(
    ann: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    headers = {"Content-Type": "image/png"}
    upload = (await ann.post("/api/v1/uploads", content=b"64x64", headers=headers)).json()["id"]

    for name, value in (("references", [upload]), ("last_image", upload), ("control_mask", upload)):
        answer = await bob.post(GENERATIONS, json={"prompt": "x", name: value})

        pointers = [error["pointer"] for error in answer.json()["errors"]]
        assert pointers == [f"/{name}/0" if name == "references" else f"/{name}"]


async def test_s17_an_idempotency_key_is_its_holders_own(
    ann: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    mark = {"Idempotency-Key": "same"}

    first = await ann.post(GENERATIONS, json={"prompt": "ann's"}, headers=mark)
    other = await bob.post(GENERATIONS, json={"prompt": "bob's"}, headers=mark)
    again = await ann.post(GENERATIONS, json={"prompt": "ann's"}, headers=mark)

    assert other.status_code == 202
    assert other.json()["id"] != first.json()["id"] == again.json()["id"]


async def test_s17_nobody_says_who_they_are_but_by_their_key(
    ann: httpx.AsyncClient, manage: ManageKeys
) -> None:
    answer = await ann.post(
        GENERATIONS, json={"prompt": "x"}, headers={"Wan-Client": "local", "X-Api-Key": "other"}
    )

    assert answer.json()["client"] == manage.all()[0].id


@pytest.mark.parametrize(
    "forced",
    [
        "id",
        "state",
        "status",
        "owner",
        "client",
        "fence",
        "slot",
        "created_at",
        "retry_of",
        "video_path",
    ],
)
async def test_s17_fields_that_are_not_the_clients_are_refused(
    ann: httpx.AsyncClient, forced: str
) -> None:
    answer = await ann.post(GENERATIONS, json={"prompt": "x", forced: "local"})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == f"/{forced}"


@pytest.mark.parametrize("forced", [{"priority": 1}, {"preempt": True}, {"priority": 100}])
async def test_s17_a_place_before_others_is_not_a_clients_to_take(
    ann: httpx.AsyncClient, boss: httpx.AsyncClient, forced: dict[str, object]
) -> None:
    refused = await ann.post(GENERATIONS, json={"prompt": "x", **forced})

    assert (refused.status_code, refused.json()["code"]) == (403, "scope-missing")
    assert (await boss.post(GENERATIONS, json={"prompt": "x", **forced})).status_code == 202
    assert (await ann.post(GENERATIONS, json={"prompt": "x", "priority": -1})).status_code == 202


async def test_s17_what_was_asked_for_before_there_were_keys_is_the_administrators(
    client: httpx.AsyncClient, new_client: NewClient
) -> None:
    early = await submit(client)

    assert (await new_client("ann").get(f"{GENERATIONS}/{early}")).status_code == 404
    assert (await new_client("boss", Scope.ADMIN).get(f"{GENERATIONS}/{early}")).is_success


async def test_s16_no_answer_of_the_api_may_be_kept_by_a_cache_in_between(
    app: Litestar, ann: httpx.AsyncClient, bob: httpx.AsyncClient, anns: list[str]
) -> None:
    video = f"/api/v1/outputs/{anns[0]}/video"
    fetched = await ann.get(video)
    known = {"If-None-Match": fetched.headers["etag"]}

    assert fetched.headers["cache-control"] == "private, no-cache"
    assert (await ann.get(video, headers=known)).status_code == 304
    assert (await bob.get(video, headers=known)).status_code == 404
    for method, path in id_routes(app):
        answer = await bob.request(method, filled(path, anns[0]))
        assert answer.headers["cache-control"] == "private, no-store", (method, path)
