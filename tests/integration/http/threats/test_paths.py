"""Rows S5 to S8 and S21: a client's words never become a path, a place to fetch from or an argument."""

import asyncio
import re
import socket
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from litestar import Litestar

from tests.integration.http.test_generations import GENERATIONS
from tests.integration.http.threats.real import Real
from tests.integration.http.threats.test_owners import body, id_routes

PATHS = [
    "../../escaped",
    "..\\..\\escaped",
    "/tmp/escaped",
    "C:\\escaped",
    "\\\\host\\share\\escaped",
    "a/../../escaped",
    "~/escaped",
    "$HOME/escaped",
    "%2e%2e%2fescaped",
    "con",
    ".",
    "..",
    "escaped" * 50,
    "a\nb",
]
OPTIONS = [
    "-i /etc/passwd",
    "--help",
    "-y escaped.mp4",
    "concat:/etc/passwd|/etc/hosts",
    "a'b\"c;d`e$(f)",
]
URLS = [
    "http://127.0.0.1:{port}/image.png",
    "http://0x7f000001:{port}/",
    "http://2130706433:{port}/",
    "http://[::ffff:127.0.0.1]:{port}/",
    "http://localhost:{port}\\@example.com/",
    "http://user@127.0.0.1:{port}/",
    "file:///etc/passwd",
    "ftp://127.0.0.1:{port}/",
    "data:image/png;base64,iVBORw0KGgo=",
    "/etc/passwd",
    "/etc/nothing-there",
    "../../../etc/passwd",
    "img_../../etc/passwd",
    "vid_" + "0" * 64,
    "img_" + "0" * 64 + ".png",
    "img_" + "0" * 64 + "\x00",
]
#: All that may lie in a data directory after a few videos were made.
OURS = re.compile(
    r"wan-studio\.json|lock|keys\.(json|lock)|jobs\.db(-wal|-shm|\.lock)?"
    r"|outputs/gen_[0-9a-f]{32}\.mp4"
    r"|(inputs|outputs|staging|resume|models|loras|prompts|excerpts)"
)


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


async def test_s05_words_of_any_kind_change_no_file_but_ours(real: Real, tmp_path: Path) -> None:
    (tmp_path / "neighbour").write_text("mine")
    here = {*Path.cwd().iterdir()}

    for word in (*PATHS, *OPTIONS):
        mark = {
            "Idempotency-Key": quote(word)[:255],
            "X-Request-ID": quote(word),
            "Wan-Client": "x",
        }
        for field in ("checkpoint", "scheduler", "image", "video", "image_fit"):
            answer = await real.client.post(
                GENERATIONS, json={"prompt": "x", field: word}, headers=mark
            )
            assert answer.status_code == 422, (field, word)
        answer = await real.client.post(
            GENERATIONS, json={"prompt": "x", "loras": [{"name": word}]}, headers=mark
        )
        assert answer.status_code == 422, word
    for word in PATHS[:3] + OPTIONS:
        await real.made(word, negative_prompt=word)

    # What an attempt needed may lie there for a moment after its video is published.
    async with asyncio.timeout(10):
        while [name for name in files(real.data_dir) if not OURS.fullmatch(name)]:
            await asyncio.sleep(0.05)
    assert files(tmp_path) - {"neighbour", "data"} == {
        f"data/{name}" for name in files(real.data_dir)
    }
    assert {*Path.cwd().iterdir()} == here


async def test_s21_a_prompt_like_an_option_is_only_a_prompt(real: Real) -> None:
    for words in OPTIONS:
        job_id = await real.made(words)

        video = await real.client.get(f"/api/v1/outputs/{job_id}/video")
        assert video.content[4:8] == b"ftyp"
        shown = (await real.client.get(f"{GENERATIONS}/{job_id}")).json()
        assert shown["request"]["prompt"] == words


@pytest.mark.parametrize(
    "name",
    [
        "nobody",
        "..",
        "..%2f..%2f..%2fetc%2fpasswd",
        "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "%252e%252e%252fetc%252fpasswd",
        "..%5c..%5cetc%5cpasswd",
        "%2fetc%2fpasswd",
        "%c0%ae%c0%ae%c0%afetc",
        "gen_1%00.mp4",
        "gen_1%0d%0aX-Evil:%201",
        "....//....//etc",
        "~root",
        "file:%2f%2f%2fetc%2fpasswd",
        "x" * 1000,
        "%e2%80%ae",
    ],
)
async def test_s06_no_id_leads_anywhere(
    app: Litestar, client: httpx.AsyncClient, name: str
) -> None:
    for method, path in id_routes(app):
        if name == ".." and path.endswith("/events"):
            continue  # the client makes it the stream of everything, which does not end
        url = re.sub(r"\{\w+\}", lambda _: name, path)
        answer = await client.request(method, url, json=body(path))

        # `..` is resolved by the client, and is another route or none.
        assert answer.status_code in ({404, 405} if name == ".." else {404}), (method, url)
        assert "root:" not in answer.text
        assert "x-evil" not in answer.headers
        if method != "HEAD":
            is_openais = path.startswith("/v1/")
            shape = "application/json" if is_openais else "application/problem+json"
            assert answer.headers["content-type"] == shape


@pytest.mark.parametrize("field", ["image", "last_image", "video", "control_video", "references"])
async def test_s07_s08_what_is_no_upload_is_refused_alike_and_fetched_by_nobody(
    real: Real, field: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as sink:
        sink.settimeout(0)
        port = sink.getsockname()[1]
        said = set()
        for url in (url.format(port=port) for url in URLS):
            value = [url] if field == "references" else url
            answer = await real.client.post(GENERATIONS, json={"prompt": "x", field: value})

            assert answer.status_code == 422
            [fault] = answer.json()["errors"]
            assert fault["pointer"] == ("/references/0" if field == "references" else f"/{field}")
            said.add((answer.json()["code"], re.sub("'.*'", "", fault["reason"])))
        assert len(said) == 1, "an existing path and a missing one are told apart"
        with pytest.raises(BlockingIOError):
            sink.accept()
