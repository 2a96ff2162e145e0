"""The contract of `ImageStore`, on every adapter."""

from pathlib import Path

import pytest

from adapters.filesystem.image_store import FilesystemImageStore
from domain.errors import UnknownImage
from domain.ports.image_store import ImageStore
from tests.fakes.image_store import FakeImageStore


@pytest.fixture(params=[FilesystemImageStore, FakeImageStore])
def images(request: pytest.FixtureRequest, tmp_path: Path) -> ImageStore:
    store: ImageStore = request.param(tmp_path / "inputs")
    return store


def test_an_image_is_kept_under_its_content(images: ImageStore) -> None:
    first, again, other = (images.keep(png) for png in (b"a", b"a", b"b"))

    assert first == again != other
    assert images.locate(first).read_bytes() == b"a"


def test_sweeping_leaves_what_was_kept(images: ImageStore) -> None:
    images.sweep()
    image = images.keep(b"a")

    images.sweep()

    assert images.locate(image).read_bytes() == b"a"


@pytest.mark.parametrize("image_id", ["img_0", "", "../outputs/gen_1", "img_0/../x", "img\0"])
def test_an_image_nobody_kept_is_unknown(image_id: str, images: ImageStore) -> None:
    if "/" in image_id and isinstance(images, FakeImageStore):
        pytest.skip("the fake trusts its callers")
    with pytest.raises((UnknownImage, ValueError)):
        images.locate(image_id)
