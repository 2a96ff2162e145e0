"""What every UploadOwners does."""

from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.filesystem.upload_owners import FilesystemUploadOwners
from domain.ports.upload_owners import UploadOwners
from tests.fakes.upload_owners import FakeUploadOwners

IMAGE, CLIP = f"img_{'a' * 64}", f"vid_{'b' * 64}"
ANN, BOB = "key_0123456789ab", "key_ba9876543210"


@pytest.fixture(params=["filesystem", "fake"])
def owners(request: pytest.FixtureRequest, tmp_path: Path) -> UploadOwners:
    make: dict[str, Callable[[], UploadOwners]] = {
        "filesystem": lambda: FilesystemUploadOwners(tmp_path),
        "fake": FakeUploadOwners,
    }
    return make[request.param]()


def test_an_upload_is_whose_it_was_said_to_be(owners: UploadOwners) -> None:
    owners.add(IMAGE, ANN)
    owners.add(IMAGE, ANN)
    owners.add(CLIP, BOB)

    assert owners.owns(IMAGE, ANN)
    assert owners.owns(CLIP, BOB)
    assert not owners.owns(IMAGE, BOB)
    assert not owners.owns(CLIP, ANN)


def test_the_same_picture_may_be_two_users(owners: UploadOwners) -> None:
    owners.add(IMAGE, ANN)
    owners.add(IMAGE, BOB)

    assert owners.owns(IMAGE, ANN)
    assert owners.owns(IMAGE, BOB)


@pytest.mark.parametrize(
    "upload_id",
    ["", "..", "../../etc/passwd", f"img_{'a' * 63}", f"{IMAGE}/..", f"{IMAGE}\0", "x" * 300],
)
def test_what_is_no_id_is_nobodys(owners: UploadOwners, upload_id: str) -> None:
    assert not owners.owns(upload_id, ANN)
