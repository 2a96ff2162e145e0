"""Finished videos over HTTP: found, looked at, judged, deleted and brought back."""

from typing import Any

import httpx
import pytest

from tests.fakes.artifact_store import FakeArtifactStore
from tests.fakes.excerpt_maker import DAMAGED, FakeExcerptMaker
from tests.fakes.jobs import InMemoryJobs
from tests.integration.http.lives import complete, start
from tests.integration.http.test_generations import GENERATIONS, submit

OUTPUTS = "/api/v1/outputs"


@pytest.fixture
async def made(
    client: httpx.AsyncClient, jobs: InMemoryJobs, store: FakeArtifactStore
) -> list[str]:
    """Three videos, of a circle, a square and a circle; the oldest first."""
    made = []
    for prompt in ("a red circle", "a red square", "a blue circle"):
        job_id = await submit(client, prompt)
        await start(jobs, job_id)
        await complete(jobs, store, job_id, prompt.encode())
        made.append(job_id)
    return made


async def listed(client: httpx.AsyncClient, **asked: Any) -> list[str]:
    page = (await client.get(OUTPUTS, params=asked)).raise_for_status().json()
    return [output["id"] for output in page["data"]]


async def test_finished_videos_are_listed_with_what_there_is_of_them(
    client: httpx.AsyncClient, made: list[str]
) -> None:
    page = (await client.get(OUTPUTS, params={"q": "circle", "checkpoint": "mini"})).json()

    assert [output["id"] for output in page["data"]] == [made[2], made[0]]
    assert page["next_cursor"] is None
    assert page["facets"] == {
        "total": 2,
        "checkpoint": [{"value": "mini", "count": 2}],
        "lora": [],
        "size": [{"value": "128x128", "count": 2}],
        "rating": [{"value": "0", "count": 2}],
        "favourite": [{"value": "false", "count": 2}],
    }
    assert page["data"][0]["request"]["prompt"] == "a blue circle"
    assert page["data"][0]["spritesheet"]["frames"] == [0, 1, 2, 3, 4]
    assert page["data"][0]["links"]["video"] == f"{OUTPUTS}/{made[2]}/video"


async def test_pages_follow_each_other_in_either_order(
    client: httpx.AsyncClient, made: list[str]
) -> None:
    first = (await client.get(OUTPUTS, params={"limit": 2})).json()
    cursor = first["next_cursor"]
    second = (await client.get(OUTPUTS, params={"limit": 2, "cursor": cursor})).json()

    assert [output["id"] for output in first["data"] + second["data"]] == made[::-1]
    assert (second["next_cursor"], second["facets"]) == (None, None)
    assert (await client.get(OUTPUTS, params={"counted": False})).json()["facets"] is None
    assert await listed(client, order="oldest") == made
    assert await listed(client, order="oldest", cursor=made[1]) == made[2:]


@pytest.mark.parametrize(
    ("asked", "numbers"),
    [
        ({"size": ["128x128", "16x16"]}, [2, 1, 0]),
        ({"size": "16x16"}, []),
        ({"lora": "none"}, []),
        ({"since": "2026-01-01T12:00:00"}, [2, 1, 0]),
        ({"since": "2026-01-01T13:00:00+01:00", "until": "2026-01-01T12:00:01Z"}, [2, 1, 0]),
        ({"until": "2026-01-01T12:00:00Z"}, []),
        ({"min_rating": 4}, [1]),
        ({"favourite": "true"}, [1]),
        ({"favourite": "false", "q": "re"}, [0]),
        ({"deleted": "true"}, []),
    ],
)
async def test_each_filter_is_a_parameter(
    asked: dict[str, Any], numbers: list[int], client: httpx.AsyncClient, made: list[str]
) -> None:
    judged = await client.patch(f"{OUTPUTS}/{made[1]}", json={"rating": 4, "favourite": True})
    assert (judged.json()["rating"], judged.json()["favourite"]) == (4, True)

    assert await listed(client, **asked) == [made[number] for number in numbers]


@pytest.mark.parametrize(
    "asked",
    [
        {"min_rating": 6},
        {"since": "yesterday"},
        {"since": "0.5"},  # was half a second into 1970
        {"until": "1767268800"},
        {"since": ""},
        {"order": "best"},
        {"q": "x" * 201},
        {"limit": 0},
    ],
)
async def test_a_filter_that_cannot_be_meant_is_refused(
    asked: dict[str, Any], client: httpx.AsyncClient
) -> None:
    response = await client.get(OUTPUTS, params=asked)

    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == f"/{next(iter(asked))}"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"rating": 6}, "/rating"),
        ({"rating": -1}, "/rating"),
        ({"stars": 3}, "/stars"),
        ({"favourite": 1}, "/favourite"),
        ({}, "/rating"),
        ({"rating": None}, "/rating"),
    ],
)
async def test_a_judgement_that_cannot_be_meant_changes_nothing(
    body: dict[str, Any], pointer: str, client: httpx.AsyncClient, made: list[str]
) -> None:
    response = await client.patch(f"{OUTPUTS}/{made[0]}", json=body)

    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == pointer
    assert (await client.get(f"{OUTPUTS}/{made[0]}")).json()["rating"] == 0


async def test_one_video_tells_what_came_of_it(client: httpx.AsyncClient, made: list[str]) -> None:
    body = {"prompt": "it goes on", "made_from": made[0]}
    continued = (await client.post(GENERATIONS, json=body)).json()

    told = (await client.get(f"{OUTPUTS}/{made[0]}")).json()

    assert continued["made_from"] == made[0]
    assert told["continued_by"] == [{"id": continued["id"], "how": "made_from", "status": "queued"}]


async def test_what_is_made_from_nothing_is_refused(client: httpx.AsyncClient) -> None:
    body = {"prompt": "it goes on", "made_from": "gen_nobody"}

    response = await client.post(GENERATIONS, json=body)

    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == "/made_from"


async def test_a_thumbnail_is_sent_once_to_whom_has_it(
    client: httpx.AsyncClient, made: list[str], excerpt_maker: FakeExcerptMaker
) -> None:
    url = f"{OUTPUTS}/{made[0]}/thumbnail"
    first = await client.get(url)
    again = await client.get(url, headers={"If-None-Match": first.headers["etag"]})

    assert (first.status_code, first.content) == (200, b"thumbnail of a red circle")
    assert first.headers["content-type"] == "image/webp"
    assert first.headers["cache-control"] == "private, no-cache"
    assert (again.status_code, again.content) == (304, b"")
    assert excerpt_maker.made == 1


async def test_who_has_a_picture_keeps_no_decoder_busy(
    client: httpx.AsyncClient, made: list[str], excerpt_maker: FakeExcerptMaker
) -> None:
    url = f"{OUTPUTS}/{made[0]}/thumbnail"

    answer = await client.get(url, headers={"If-None-Match": "*"})

    assert (answer.status_code, excerpt_maker.made) == (304, 0)


async def test_a_spritesheet_tells_how_its_frames_lie(
    client: httpx.AsyncClient, made: list[str]
) -> None:
    response = await client.get(f"{OUTPUTS}/{made[0]}/spritesheet")

    assert response.content == b"5 frames"
    geometry = {n: v for n, v in response.headers.items() if n.startswith("wan-sheet-")}
    assert geometry == {
        "wan-sheet-columns": "3",
        "wan-sheet-rows": "2",
        "wan-sheet-frames": "5",
        "wan-sheet-cell": "16x16",
    }
    thumbnail = await client.get(f"{OUTPUTS}/{made[0]}/thumbnail")
    assert response.headers["etag"] != thumbnail.headers["etag"]


async def test_a_manifest_tells_how_a_video_was_made(
    client: httpx.AsyncClient, made: list[str], excerpt_maker: FakeExcerptMaker
) -> None:
    excerpt_maker.recipe = '{"version": "1.2.3", "weights": {"vae": "ab"}, "memory_rung": 1, "ways": {"attention": "sage"}}'

    told = (await client.get(f"{OUTPUTS}/{made[0]}/manifest")).json()

    assert (told["version"], told["weights"], told["memory_rung"]) == ("1.2.3", {"vae": "ab"}, 1)
    assert told["ways"] == {"attention": "sage"}
    assert told["request"]["prompt"] == "a red circle"
    assert told["sha256"] == told["video"]["sha256"]
    assert (told["attempts"], told["measured"]) == (1, None)


async def test_a_damaged_file_is_told(
    client: httpx.AsyncClient, made: list[str], store: FakeArtifactStore
) -> None:
    store.locate(made[0]).write_bytes(DAMAGED)

    response = await client.get(f"{OUTPUTS}/{made[0]}/thumbnail")

    assert (response.status_code, response.json()["code"]) == (422, "video-unusable")


async def test_a_deleted_video_can_be_brought_back(
    client: httpx.AsyncClient, made: list[str]
) -> None:
    url = f"{OUTPUTS}/{made[0]}"

    assert (await client.delete(url)).status_code == 204
    assert (await client.get(f"{url}/video")).status_code == 404
    assert (await client.get(f"{url}/thumbnail")).status_code == 200
    told = (await client.get(url)).json()
    assert told["deleted_at"] == "2026-01-01T12:00:00Z"
    assert told["links"]["video"] is None
    assert await listed(client) == made[:0:-1]
    assert await listed(client, deleted=True) == made[:1]
    assert len((await client.get(GENERATIONS)).json()["data"]) == 3

    restored = await client.post(f"{url}/restore")

    assert (restored.status_code, restored.json()["deleted_at"]) == (200, None)
    assert await listed(client) == made[::-1]
    assert (await client.get(f"{url}/video")).status_code == 200


async def test_a_deleted_generation_is_listed_no_more_until_it_is_restored(
    client: httpx.AsyncClient, made: list[str]
) -> None:
    url = f"{GENERATIONS}/{made[1]}"

    assert (await client.delete(url)).status_code == 204
    ids = [job["id"] for job in (await client.get(GENERATIONS)).json()["data"]]
    assert ids == [made[2], made[0]]
    assert await listed(client) == [made[2], made[0]]

    assert (await client.post(f"{url}/restore")).json()["id"] == made[1]
    assert len((await client.get(GENERATIONS)).json()["data"]) == 3
    assert await listed(client) == made[::-1]


async def test_what_waits_or_runs_is_cancelled_not_deleted(
    client: httpx.AsyncClient, jobs: InMemoryJobs
) -> None:
    job_id = await submit(client)

    response = await client.delete(f"{GENERATIONS}/{job_id}")

    assert (response.status_code, response.json()["code"]) == (409, "not-deletable")
    assert "cancel" in response.json()["detail"]
    assert (await jobs.repository.get(job_id)).status == "queued"


async def test_what_is_gone_for_good_is_told(
    client: httpx.AsyncClient, made: list[str], jobs: InMemoryJobs
) -> None:
    url = f"{OUTPUTS}/{made[0]}"
    await client.delete(url)
    entry = await jobs.library.get(made[0])
    assert entry.deleted_at is not None
    await jobs.library.update(made[0], lambda e: e.begin_removal(at=e.deleted_at or e.since))  # type: ignore[arg-type]

    assert (await client.get(url)).json()["code"] == "output-missing"
    restoring = await client.post(f"{url}/restore")
    assert (restoring.status_code, restoring.json()["code"]) == (409, "not-restorable")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""), ("GET", "/video"), ("GET", "/thumbnail"), ("GET", "/spritesheet"),
        ("GET", "/manifest"), ("PATCH", ""), ("DELETE", ""), ("POST", "/restore"),
    ],
)  # fmt: skip
async def test_what_is_unknown_or_has_no_video_is_not_found(
    method: str, path: str, client: httpx.AsyncClient
) -> None:
    waiting = await submit(client)
    body = {"rating": 1} if method == "PATCH" else None

    unknown = await client.request(method, f"{OUTPUTS}/gen_nobody{path}", json=body)
    missing = await client.request(method, f"{OUTPUTS}/{waiting}{path}", json=body)

    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown-generation")
    assert (missing.status_code, missing.json()["code"]) == (404, "output-missing")


async def test_generations_are_searched_by_what_was_asked(
    client: httpx.AsyncClient, made: list[str]
) -> None:
    waiting = await submit(client, "another circle")

    async def found(**asked: Any) -> list[str]:
        page = (await client.get(GENERATIONS, params=asked)).raise_for_status().json()
        return [job["id"] for job in page["data"]]

    assert await found(q="circle") == [waiting, made[2], made[0]]
    assert await found(q="circle", status="completed", limit=1) == [made[2]]
    assert await found(q="circle", before=made[2]) == [made[0]]
    assert await found(checkpoint="t2v-A14B") == []
    assert await found(size="128x128", until="2026-01-02T00:00:00Z") == [waiting, *made[::-1]]


@pytest.mark.parametrize("name", ["q", "lora"])
async def test_the_word_null_is_looked_for_as_any_other(
    name: str, client: httpx.AsyncClient, made: list[str]
) -> None:
    # It was no filter at all: every video was found.
    assert made
    assert await listed(client, **{name: "null"}) == []
    found = (await client.get(GENERATIONS, params={name: "null"})).json()
    assert found["data"] == []


@pytest.mark.parametrize("url", [OUTPUTS, GENERATIONS])
@pytest.mark.parametrize(
    ("name", "value", "told", "nearest"),
    [
        ("checkpoint", "mimi", "no checkpoint is called 'mimi'", "mini"),
        ("checkpoint", "null", "no checkpoint is called 'null'", None),
        ("size", "832", "'832' is no size, such as 832x480", None),
        ("size", "null", "'null' is no size", None),
    ],
)
async def test_what_nothing_can_ever_have_is_no_empty_list(
    url: str, name: str, value: str, told: str, nearest: str | None, client: httpx.AsyncClient
) -> None:
    refused = await client.get(url, params={name: value})

    assert refused.status_code == 422
    [violation] = refused.json()["errors"]
    assert violation["pointer"] == f"/{name}"
    assert told in violation["reason"]
    assert nearest is None or nearest in violation["nearest"]


@pytest.mark.parametrize(
    ("url", "name"), [(OUTPUTS, "cursor"), (GENERATIONS, "before"), ("/v1/videos", "after")]
)
async def test_nothing_follows_what_is_not_there(
    url: str, name: str, client: httpx.AsyncClient, made: list[str]
) -> None:
    refused = await client.get(url, params={name: "gen_nobody"})
    last = made[-1] if url == "/v1/videos" else made[0]
    at_the_end = await client.get(
        url, params={name: last} | ({"order": "asc"} if url[1] == "v" else {})
    )

    assert refused.status_code == 404
    assert "gen_nobody" in refused.text
    assert (at_the_end.status_code, at_the_end.json()["data"]) == (200, [])
