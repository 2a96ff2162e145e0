"""The contract of `ModelHub`, on every adapter."""

from collections.abc import Iterator

import pytest

from adapters.huggingface.model_hub import HuggingFaceHub
from domain.ports.model_hub import ModelHub
from domain.store_errors import RepositoryUnknown
from tests.fakes.hub_server import HubServer
from tests.fakes.model_hub import COMMIT, FakeModelHub, listed

REPOSITORY = "Wan-AI/Tiny-Diffusers"
FILES = {
    "model_index.json": b'{"a": 1}',
    "vae/model.safetensors": bytes(range(256)) * 40,
    "empty.json": b"",
}


@pytest.fixture(params=["huggingface", "fake"])
def hub(request: pytest.FixtureRequest) -> Iterator[ModelHub]:
    if request.param == "fake":
        yield FakeModelHub({REPOSITORY: FILES})
        return
    with HubServer({REPOSITORY: FILES}).running() as server:
        yield HuggingFaceHub(server.url)


@pytest.mark.parametrize("revision", ["main", COMMIT])
def test_a_listing_names_the_commit_and_every_file_with_its_hash(
    hub: ModelHub, revision: str
) -> None:
    listing = hub.listing(REPOSITORY, revision)

    assert (listing.repository, listing.revision) == (REPOSITORY, COMMIT)
    assert listing.files == tuple(listed(name, content) for name, content in FILES.items())


def test_what_is_not_there_is_unknown(hub: ModelHub) -> None:
    with pytest.raises(RepositoryUnknown):
        hub.listing("Wan-AI/Nothing", "main")
    with pytest.raises(RepositoryUnknown):
        hub.listing(REPOSITORY, "no-such-branch")
    with pytest.raises(RepositoryUnknown):
        b"".join(hub.read(hub.listing(REPOSITORY, "main"), "vae/other.safetensors", 0))


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_read_from_its_beginning(hub: ModelHub, name: str) -> None:
    listing = hub.listing(REPOSITORY, "main")

    assert b"".join(hub.read(listing, name, 0)) == FILES[name]


@pytest.mark.parametrize("start", [1, 5000, 10239])
def test_a_file_is_read_from_the_middle(hub: ModelHub, start: int) -> None:
    listing = hub.listing(REPOSITORY, "main")
    name = "vae/model.safetensors"

    assert b"".join(hub.read(listing, name, start)) == FILES[name][start:]


def test_reading_may_end_early(hub: ModelHub) -> None:
    reading = hub.read(hub.listing(REPOSITORY, "main"), "vae/model.safetensors", 0)

    first = next(reading)
    reading.close()

    assert FILES["vae/model.safetensors"].startswith(first)
