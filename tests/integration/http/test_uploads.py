"""Pictures over HTTP."""

import httpx
import pytest

from tests.fakes.clip_reader import a_video
from tests.fakes.hardware_probe import GIB, FakeHardwareProbe
from tests.integration.pictures import encoded


async def test_an_upload_is_kept_and_named_by_its_content(client: httpx.AsyncClient) -> None:
    headers = {"Content-Type": "image/png"}

    first = await client.post("/api/v1/uploads", content=b"64x64", headers=headers)
    again = await client.post("/api/v1/uploads", content=b"64x64", headers=headers)

    assert first.status_code == 201
    assert (first.json()["width"], first.json()["height"]) == (64, 64)
    assert first.json() == again.json()


async def test_a_generation_begins_with_an_upload(client: httpx.AsyncClient) -> None:
    upload = await client.post(
        "/api/v1/uploads", content=b"128x128", headers={"Content-Type": "image/webp"}
    )
    body = {"prompt": "x", "checkpoint": "mini-ti2v", "image": upload.json()["id"]}

    answer = await client.post("/api/v1/generations", json=body)

    assert answer.status_code == 202
    assert answer.json()["request"]["image"] == upload.json()["id"]


async def test_a_generation_ends_with_an_upload_where_the_checkpoint_can(
    client: httpx.AsyncClient,
) -> None:
    headers = {"Content-Type": "image/png"}
    ids = [
        (await client.post("/api/v1/uploads", content=content, headers=headers)).json()["id"]
        for content in (b"1280x720", b"640x360")
    ]
    body = {"prompt": "x", "checkpoint": "i2v-A14B", "image": ids[0], "last_image": ids[1]}

    able = await client.post("/api/v1/generations", json=body)
    unable = await client.post("/api/v1/generations", json={**body, "checkpoint": "mini-ti2v"})

    assert able.status_code == 202
    assert able.json()["request"].items() >= body.items()
    assert unable.status_code == 422
    [fault] = unable.json()["errors"]
    assert (fault["pointer"], fault["nearest"]) == ("/checkpoint", ["i2v-A14B"])


async def test_a_generation_makes_an_uploaded_video_anew(client: httpx.AsyncClient) -> None:
    upload = await client.post(
        "/api/v1/uploads",
        content=a_video(128, 128, frames=17, fps=8),
        headers={"Content-Type": "video/mp4"},
    )
    body = {"prompt": "x", "video": upload.json()["id"], "strength": 0.5}

    answer = await client.post("/api/v1/generations", json=body)

    assert (upload.status_code, upload.json()["num_frames"]) == (201, 17)
    assert upload.json()["duration_s"] == 2.125
    assert answer.status_code == 202
    assert answer.json()["request"].items() >= body.items()
    assert (answer.json()["request"]["steps"], answer.json()["steps"]) == (12, 6)


async def test_a_video_is_no_picture_and_a_picture_no_video(client: httpx.AsyncClient) -> None:
    files = {"image/png": b"128x128", "video/mp4": a_video(128, 128, frames=17, fps=8)}
    picture, video = [
        (await client.post("/api/v1/uploads", content=file, headers={"Content-Type": kind})).json()[
            "id"
        ]
        for kind, file in files.items()
    ]

    for fields, pointer, reason in (
        ({"image": video}, "/image", "is a video, and a picture is wanted here"),
        ({"references": [video]}, "/references/0", "is a video, and a picture is wanted here"),
        ({"video": picture}, "/video", "is a picture, and a video is wanted here"),
        (
            {"image": "img_0"},
            "/image",
            "No uploaded image has the id 'img_0': the answer to an upload has its id.",
        ),
    ):
        answer = await client.post("/api/v1/generations", json={"prompt": "x", **fields})
        assert answer.status_code == 422
        [fault] = answer.json()["errors"]
        assert (fault["pointer"], fault["reason"]) == (pointer, reason)


async def test_references_and_a_control_are_named_by_their_uploads(
    client: httpx.AsyncClient,
) -> None:
    ids = [
        (await client.post("/api/v1/uploads", content=content, headers=headers)).json()["id"]
        for content, headers in (
            (b"9x900", {"Content-Type": "image/png"}),
            (a_video(1280, 720, frames=81, fps=16), {"Content-Type": "video/mp4"}),
        )
    ]
    body = {"prompt": "x", "checkpoint": "vace-14B", "references": ids[:1], "control_video": ids[1]}

    able = await client.post("/api/v1/generations", json=body)
    unknown = await client.post("/api/v1/generations", json={**body, "references": [ids[0], "?"]})
    shapeless = await client.post("/api/v1/generations", json={**body, "references": [1]})

    assert able.status_code == 202
    assert able.json()["request"].items() >= body.items()
    assert [fault["pointer"] for fault in unknown.json()["errors"]] == ["/references/1"]
    assert [fault["pointer"] for fault in shapeless.json()["errors"]] == ["/references/0"]


async def test_what_is_no_video_is_a_problem(client: httpx.AsyncClient) -> None:
    answer = await client.post(
        "/api/v1/uploads", content=b"\0\0\0\0ftyp?", headers={"Content-Type": "video/mp4"}
    )

    assert (answer.status_code, answer.json()["code"]) == (422, "video-unusable")


async def test_a_picture_is_no_video(client: httpx.AsyncClient) -> None:
    upload = await client.post(
        "/api/v1/uploads", content=b"128x128", headers={"Content-Type": "image/png"}
    )

    answer = await client.post(
        "/api/v1/generations", json={"prompt": "x", "video": upload.json()["id"]}
    )

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/video"


async def test_what_is_no_picture_is_a_problem(client: httpx.AsyncClient) -> None:
    answer = await client.post(
        "/api/v1/uploads", content=encoded("PNG")[:40], headers={"Content-Type": "image/png"}
    )

    assert answer.status_code == 422
    assert answer.json()["code"] == "image-unusable"


async def test_a_media_type_that_is_no_image_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/v1/uploads", json={"path": "/etc/passwd"})

    assert answer.status_code == 415


async def test_a_file_above_the_limit_is_too_large(client: httpx.AsyncClient) -> None:
    answer = await client.post(
        "/api/v1/uploads", content=b"\0" * (2**25 + 1), headers={"Content-Type": "image/png"}
    )

    assert answer.status_code == 413


async def test_an_unknown_upload_is_told_at_its_field(client: httpx.AsyncClient) -> None:
    body = {"prompt": "x", "checkpoint": "mini-ti2v", "image": "../../etc/passwd"}

    answer = await client.post("/api/v1/generations", json=body)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/image"


@pytest.mark.parametrize("content", [b"64x64", a_video(64, 64, frames=5, fps=8)])
async def test_a_disk_that_is_nearly_full_takes_no_uploads(
    content: bytes, client: httpx.AsyncClient, hardware: FakeHardwareProbe
) -> None:
    # Uploads went on below the hard mark, into the room that running generations need.
    hardware.free = GIB - 1

    answer = await client.post(
        "/api/v1/uploads", content=content, headers={"Content-Type": "image/png"}
    )

    assert (answer.status_code, answer.json()["code"]) == (507, "disk-full")
