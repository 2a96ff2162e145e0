"""A server that the tests of a module share, and OpenAI's own client of it."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import openai
import pytest

from tests.integration.live_server import serving

#: OpenAI tells of the end of its own service with every call.
SORAS_END = "ignore:The Sora API is scheduled:DeprecationWarning"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "integration/openai" in str(item.path):
            item.add_marker(pytest.mark.filterwarnings(SORAS_END))


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("server") / "data"


@pytest.fixture(scope="module")
def url(data_dir: Path) -> Iterator[str]:
    """A server that the tests of a module share."""
    with serving(data_dir) as url:
        yield url


@pytest.fixture
def paused(url: str) -> Iterator[None]:
    """Nothing is started meanwhile."""
    httpx.post(f"{url}/api/v1/queue/pause").raise_for_status()
    yield
    httpx.post(f"{url}/api/v1/queue/resume").raise_for_status()


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client:
        yield client
