"""The machine's clock is set, forwards and back, while jobs run and wait."""

import sys
from pathlib import Path

from tests.e2e.service import NewService

A_DAY = 86400


def test_a_clock_that_jumps_hurts_no_job(tmp_path: Path, new_service: NewService) -> None:
    offset = tmp_path / "offset"
    offset.write_text("0")
    service = new_service(backend="synthetic", pipeline__card_step_s=0.02, watchdog__step_s=5)
    service.program = [sys.executable, "-m", "tests.e2e.jumping_clock", str(offset)]
    service.start()
    accepted = []

    for jump in (A_DAY, -A_DAY, 0, -400 * A_DAY, 400 * A_DAY):
        accepted.append(service.submit(steps=30))
        service.wait_for_step(accepted[-1], 5)
        offset.write_text(str(jump))
    done = [service.wait_until(generation, "completed", "failed") for generation in accepted]

    assert [(job["status"], job["attempts"]) for job in done] == [("completed", 1)] * len(done)
    assert service.audit() == ""
