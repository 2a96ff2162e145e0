"""The contract of `ImageStore`, on every adapter."""

from pathlib import Path

import pytest

from adapters.filesystem.image_store import FilesystemImageStore
from domain.errors import UnknownImage, UnknownVideo
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


def kept_clip(images: ImageStore, content: bytes) -> str:
    staged = images.stage_clip()
    staged.write_bytes(content)
    clip_id = images.keep_clip(staged)
    assert not staged.exists()
    return clip_id


def test_a_clip_is_kept_under_its_content(images: ImageStore) -> None:
    first, again, other = (kept_clip(images, content) for content in (b"a", b"a", b"b"))

    assert first == again != other
    assert images.locate_clip(first).read_bytes() == b"a"


def test_sweeping_leaves_a_clip_that_was_kept_and_none_that_was_begun(images: ImageStore) -> None:
    clip, begun = kept_clip(images, b"a"), images.stage_clip()

    images.sweep()

    assert images.locate_clip(clip).read_bytes() == b"a"
    assert not begun.exists()


def test_two_clips_may_be_staged_at_once(images: ImageStore) -> None:
    first, second = images.stage_clip(), images.stage_clip()
    first.write_bytes(b"a")
    second.write_bytes(b"b")

    assert images.locate_clip(images.keep_clip(first)).read_bytes() == b"a"
    assert images.locate_clip(images.keep_clip(second)).read_bytes() == b"b"


def test_an_image_is_no_clip_and_a_clip_no_image(images: ImageStore) -> None:
    image_id, clip_id = images.keep(b"a"), kept_clip(images, b"a")

    with pytest.raises(UnknownVideo):
        images.locate_clip(image_id)
    with pytest.raises(UnknownImage):
        images.locate(clip_id)


@pytest.mark.parametrize("clip_id", ["vid_0", "", "../outputs/gen_1", "vid_0/../x", "vid\0"])
def test_a_clip_nobody_kept_is_unknown(clip_id: str, images: ImageStore) -> None:
    if "/" in clip_id and isinstance(images, FakeImageStore):
        pytest.skip("the fake trusts its callers")
    with pytest.raises((UnknownVideo, ValueError)):
        images.locate_clip(clip_id)
