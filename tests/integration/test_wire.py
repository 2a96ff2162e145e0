"""What goes over the pipe comes out as it went in."""

import pytest

from adapters.subprocess import wire
from domain.lora import LoraDraft
from domain.progress import Stage
from domain.rendering import (
    Noticed,
    Previewed,
    RenderOrder,
    RenderProgress,
    Resumed,
    ResumePointSaved,
    ResumeRejected,
    StageEntered,
    StepFinished,
    StillRunning,
)
from tests.fakes.examples import a_request


@pytest.mark.parametrize(
    "report",
    [
        StageEntered(stage=Stage.DECODING),
        StepFinished(step=3),
        StillRunning(),
        ResumePointSaved(step=3),
        Resumed(step=3),
        ResumeRejected(reason="It is damaged."),
        Noticed(text="LoRA turn: 4 tensors matched."),
        Previewed(step=3, image=b"RIFF\x00\xff"),
    ],
    ids=lambda report: type(report).__name__,
)
def test_every_report_arrives(report: RenderProgress) -> None:
    told = wire.frame(wire.progress_of(report))

    answer = wire.decode_answer(told[wire.LENGTH_BYTES :])

    assert answer.report == report


def test_an_order_arrives_with_its_loras() -> None:
    loras = (LoraDraft(name="turn", strength=0.5).complete(["ab", "cd"]),)
    order = RenderOrder(job_id="gen_1", fence=2, request=a_request(loras=loras))

    command = wire.decode_command(wire.frame(wire.Render(order))[wire.LENGTH_BYTES :])

    assert command == wire.Render(order)
