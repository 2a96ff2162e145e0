"""Servers for the tests of whole processes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.service import Service


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/e2e" in str(item.path):
            item.add_marker(pytest.mark.slow)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A running server on a fresh data directory, with the real pipeline."""
    service = Service(tmp_path / "data", backend="diffusers")
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
