"""What `wan queue watch` shows of a generation's events, on a terminal and in a log."""

from collections.abc import Iterable
from typing import Any

import pytest

from adapters.cli.watching import shown_events


def event(kind: str, status: str = "running", **more: Any) -> dict[str, Any]:
    usual = {"stage": None, "step": 0, "steps": 40, "progress": 0.0, "attempt": 1, "message": None}
    return {"kind": kind, "status": status, **usual, **more}


def steps(first: int, last: int) -> Iterable[dict[str, Any]]:
    for step in range(first, last + 1):
        yield event("step", stage="denoising", step=step, progress=0.08 + 0.02 * step)
        yield event("resume_point_saved", stage="denoising", step=step, progress=0.08 + 0.02 * step)


def a_life() -> Iterable[dict[str, Any]]:
    yield event("queued", "queued")
    yield event("started", stage="loading")
    yield event("stage", stage="denoising", progress=0.08)
    yield from steps(1, 9)
    yield {"kind": "disconnected", "message": "the server is gone; waiting for it"}
    yield event("started", stage="loading", attempt=2)
    yield event(
        "resumed", stage="denoising", step=8, progress=0.24, message="It goes on after step 8."
    )
    yield from steps(9, 40)
    yield event("measured", stage="encoding_video", step=40, progress=0.98)
    yield event(
        "noticed", stage="encoding_video", step=40, progress=0.98, message="All is [black]."
    )
    yield event("completed", "completed", step=40, progress=1.0)


def shown(events: Iterable[dict[str, Any]], capsys: pytest.CaptureFixture[str]) -> str:
    with shown_events() as show:
        for one in events:
            show(one)
    return capsys.readouterr().out


def test_a_log_has_a_line_for_each_stage_and_some_steps(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = shown(a_life(), capsys).splitlines()

    assert lines[:5] == [
        "    0%  queued",
        "    0%  loading",
        "    8%  denoising 0/40",
        "   16%  denoising 4/40",
        "   24%  denoising 8/40",
    ]
    assert lines[5:8] == [
        "   …   the server is gone; waiting for it",
        "    0%  loading  attempt 2",
        "   24%  denoising 8/40  resumed  It goes on after step 8.",
    ]
    assert [line.split()[2] for line in lines[8:-2]] == [f"{step}/40" for step in range(12, 41, 4)]
    assert lines[-2:] == [
        "   98%  writing the video  noticed  All is [black].",
        "  100%  completed",
    ]


def test_a_terminal_has_one_line_that_is_redrawn_and_what_there_is_to_say_above_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("NO_COLOR", raising=False)

    told = shown(a_life(), capsys)

    kept = [line.rpartition("\x1b[2K")[2].strip() for line in told.splitlines() if line.strip()]
    said = [line for line in kept if line[:1].isdigit() or line.startswith("…")]
    assert said == [
        "…   the server is gone; waiting for it",
        "0%  loading  attempt 2",
        "24%  denoising 8/40  resumed  It goes on after step 8.",
        "98%  writing the video  noticed  All is [black].",
        "100%  completed",
    ]
    assert "resume point" not in told


def test_one_that_fails_says_why_in_either(capsys: pytest.CaptureFixture[str]) -> None:
    failed = event("failed", "failed", progress=0.5, message="The worker died.")

    assert shown([failed], capsys) == "   50%  failed  The worker died.\n"
