"""What a run left behind is damaged before the next one comes for it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.service import Service

STEPS = 20


def with_a_bit_flipped(point: bytes) -> bytes:
    return point[:-3] + bytes([point[-3] ^ 1]) + point[-2:]


def cut_short(point: bytes) -> bytes:
    return point[: len(point) // 2]


def of_another_version(point: bytes) -> bytes:
    return point.replace(b"wan-studio-resume 1", b"wan-studio-resume 0", 1)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    service = Service(
        tmp_path / "data", backend="synthetic", resume__interval=1, pipeline__card_step_s=0.1
    )
    service.start()
    yield service
    service.close()


@pytest.mark.parametrize("damaged", [with_a_bit_flipped, cut_short, of_another_version])
def test_a_damaged_resume_point_is_told_and_the_job_starts_over(
    damaged: Callable[[bytes], bytes], service: Service
) -> None:
    generation = service.submit(steps=STEPS)
    service.wait_for_step(generation, 5)
    service.stop()
    (file,) = (service.data_dir / "resume").iterdir()
    file.write_bytes(damaged(file.read_bytes()))

    service.start()
    done = service.wait_until(generation, "completed", "failed")

    second = [event for event in service.events(generation) if event["attempt"] == 2]
    (rejected,) = [event for event in second if event["kind"] == "resume_rejected"]
    steps = [event["step"] for event in second if event["kind"] == "step"]
    assert (done["status"], done["attempts"]) == ("completed", 2), done["error"]
    assert "not as it was saved" in rejected["message"]
    assert rejected["message"] in service.log
    assert "resumed" not in [event["kind"] for event in second]
    assert steps == list(range(1, STEPS + 1))
    assert service.audit() == ""
