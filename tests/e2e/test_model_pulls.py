"""A checkpoint fetched by a running server, over its death and its stop."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from domain.repository import REPOSITORIES, is_taken
from tests.e2e.service import NewService, Service, wait_for
from tests.fakes.hub_server import HubServer
from tests.integration.weights import write_t2v

A14B = "/api/v1/models/t2v-A14B"


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[HubServer]:
    """One whose T2V-A14B is half a megabyte of the same form, given slowly."""
    folder = write_t2v(tmp_path / "hub")
    paths = (path for path in folder.rglob("*") if path.is_file())
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
    with HubServer({REPOSITORIES["t2v-A14B"]: files}, bytes_per_s=200_000).running() as server:
        yield server


def model(service: Service) -> dict[str, Any]:
    return dict(service.client.get(A14B).raise_for_status().json())


def pull_until(service: Service, done_bytes: int) -> None:
    """Ask for the pull, and wait until so much of it is here."""
    assert service.client.post(f"{A14B}/pull").status_code == 202

    def there() -> bool:
        progress = model(service)["work"]["progress"]
        return bool(progress) and progress["done_bytes"] >= done_bytes

    wait_for(there, seconds=30)


def test_a_pull_goes_on_after_the_servers_death_and_stop(
    new_service: NewService, hub: HubServer
) -> None:
    service = new_service(
        backend="synthetic", hub__endpoint=hub.url, disk__soft_mib=1, disk__hard_mib=1
    )
    service.start()
    pull_until(service, 50_000)
    service.kill()
    service.start()
    cut = model(service)
    pull_until(service, cut["unfinished"]["done_bytes"] + 30_000)
    assert service.stop() == 0
    service.start()
    stopped = model(service)
    assert stopped["unfinished"]["done_bytes"] > cut["unfinished"]["done_bytes"] >= 50_000
    hub.bytes_per_s = 0
    hub.requests.clear()

    pull_until(service, 0)
    wait_for(lambda: model(service)["work"]["status"] != "running", seconds=30)

    pulled = model(service)
    assert (pulled["work"]["status"], pulled["state"]) == ("completed", "ready")
    assert pulled["origin"] == "pulled"
    fetched = {path for path, _ in hub.requests}
    taken = [name for name in hub.repositories[REPOSITORIES["t2v-A14B"]] if is_taken(name)]
    assert 0 < len(fetched) < len(taken), "what was whole before was not fetched again"
    removed = service.client.delete(A14B).raise_for_status().json()
    assert removed["freed_bytes"] == pulled["size_bytes"]
    assert model(service)["state"] == "not here"
