"""Servers for the tests of whole processes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.service import NewService, Service


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/e2e" in str(item.path):
            item.add_marker(pytest.mark.slow)


@pytest.fixture
def new_service(tmp_path: Path) -> Iterator[NewService]:
    """Makes services that are closed at the end, whatever happened to them; see `Service`."""
    made: list[Service] = []

    def make(*, data_dir: Path | None = None, **settings: Any) -> Service:
        made.append(Service(data_dir or tmp_path / "data", **settings))
        return made[-1]

    yield make
    for service in made:
        service.close()


@pytest.fixture(scope="session")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A running server with the real pipeline, which loads for seconds: no test stops or hurts it."""
    service = Service(tmp_path_factory.mktemp("studio") / "data", backend="diffusers")
    service.start()
    yield service
    service.close()


@pytest.fixture
def card_service(tmp_path: Path) -> Iterator[Service]:
    """A running server that draws test cards: everything but the model is real."""
    service = Service(tmp_path / "data", backend="synthetic")
    service.start()
    yield service
    service.close()


@pytest.fixture
def service(new_service: NewService) -> Service:
    """The same, at a tenth of a second for each step: long enough to be cut short."""
    service = new_service(backend="synthetic", pipeline__card_step_s=0.1)
    service.start()
    return service
