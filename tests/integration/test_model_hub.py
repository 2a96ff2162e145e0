"""What a hub on a network can do to us."""

from collections.abc import Iterator

import pytest

from adapters.huggingface.model_hub import HuggingFaceHub
from domain.errors import DomainError
from domain.repository import Listing
from domain.store_errors import HubUnreachable, RepositoryGated, RepositoryUnknown
from tests.fakes.hub_server import HubServer
from tests.fakes.model_hub import COMMIT

REPOSITORY = "Wan-AI/Tiny-Diffusers"
WEIGHTS = "vae/model.safetensors"
CONTENT = bytes(range(256)) * 40
LISTING = Listing(repository=REPOSITORY, revision=COMMIT, files=())


@pytest.fixture
def server() -> Iterator[HubServer]:
    with HubServer({REPOSITORY: {WEIGHTS: CONTENT}}).running() as server:
        yield server


def test_a_redirect_is_followed_with_its_range(server: HubServer) -> None:
    server.redirects = True

    assert b"".join(HuggingFaceHub(server.url).read(LISTING, WEIGHTS, 100)) == CONTENT[100:]
    assert server.requests[-1] == (f"/cdn/{REPOSITORY}/{WEIGHTS}", "bytes=100-")


def test_a_token_is_for_the_hub_and_not_for_where_its_files_lie(
    server: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    server.redirects = True

    b"".join(HuggingFaceHub(server.url).read(LISTING, WEIGHTS, 0))

    (_, to_the_hub), (cdn, to_the_cdn) = server.tokens
    assert to_the_hub == "Bearer hf_secret"
    assert cdn.startswith("/cdn/")
    assert to_the_cdn is None


def test_a_hub_without_ranges_still_goes_on_from_the_middle(server: HubServer) -> None:
    server.knows_ranges = False

    assert b"".join(HuggingFaceHub(server.url).read(LISTING, WEIGHTS, 5000)) == CONTENT[5000:]


def test_a_cut_is_told_after_what_came(server: HubServer) -> None:
    server.cuts = {WEIGHTS: [3000]}
    received = bytearray()

    with pytest.raises(HubUnreachable):
        for chunk in HuggingFaceHub(server.url).read(LISTING, WEIGHTS, 0):
            received += chunk

    assert CONTENT.startswith(bytes(received))


@pytest.mark.parametrize(
    ("refusal", "error", "words"),
    [
        ((401, ""), RepositoryUnknown, "has no repository Wan-AI/Tiny-Diffusers"),
        ((404, "RepoNotFound"), RepositoryUnknown, "has no repository"),
        ((404, ""), RepositoryUnknown, "not as a model hub does: see hub.endpoint"),
        ((404, "RevisionNotFound"), RepositoryUnknown, "Wan-AI/Tiny-Diffusers at main"),
        ((403, "GatedRepo"), RepositoryGated, "accept its terms at http"),
        ((403, ""), RepositoryGated, "HF_TOKEN"),
        ((429, ""), HubUnreachable, "answers 429"),
        ((500, ""), HubUnreachable, "answers 500"),
        ((503, ""), HubUnreachable, "answers 503"),
    ],
)
def test_a_refusal_says_what_to_do(
    server: HubServer, refusal: tuple[int, str], error: type[DomainError], words: str
) -> None:
    server.refusal = refusal

    with pytest.raises(error, match=words):
        HuggingFaceHub(server.url).listing(REPOSITORY, "main")


def test_a_refused_file_is_told_the_same_way(server: HubServer) -> None:
    server.refusal = (503, "")

    with pytest.raises(HubUnreachable, match="answers 503"):
        b"".join(HuggingFaceHub(server.url).read(LISTING, WEIGHTS, 0))


def test_no_network_is_told_with_the_address() -> None:
    with pytest.raises(HubUnreachable, match=r"http://127\.0\.0\.1:9 cannot be reached"):
        HuggingFaceHub("http://127.0.0.1:9").listing(REPOSITORY, "main")


def test_a_hub_that_falls_silent_is_given_up(server: HubServer) -> None:
    server.bytes_per_s = 2048  # a few bytes every 20 ms

    with pytest.raises(HubUnreachable, match="Timeout"):
        b"".join(HuggingFaceHub(server.url, silence_s=0.01).read(LISTING, WEIGHTS, 0))


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd"])
def test_a_listing_that_names_a_file_outside_is_refused(server: HubServer, name: str) -> None:
    server.repositories[REPOSITORY] = {name: b"x"}

    with pytest.raises(HubUnreachable, match="leaves its folder"):
        HuggingFaceHub(server.url).listing(REPOSITORY, "main")
