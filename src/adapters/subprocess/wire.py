"""What the server and a worker say to each other: msgpack, each message behind its length.

The pipe is private to the two processes, of the same version, on the same machine.
"""

from typing import Final, TypeAlias, assert_never

import msgspec

from domain.rendering import (
    Noticed,
    Previewed,
    RenderOrder,
    RenderProgress,
    Resumed,
    ResumePointSaved,
    ResumeRejected,
    RunMeasured,
    StageEntered,
    StepFinished,
    StillRunning,
)
from domain.video import VideoFile

#: Bytes of the big-endian length in front of each message.
LENGTH_BYTES: Final = 4


class Render(msgspec.Struct, tag=True, frozen=True):
    """To the worker: carry this out."""

    order: RenderOrder


class Cancel(msgspec.Struct, tag=True, frozen=True):
    """To the worker: stop that job; not to be answered where it is not the one being rendered."""

    job_id: str


class Suspend(msgspec.Struct, tag=True, frozen=True):
    """To the worker: hand that job back where it loses nothing; answered as `Cancel` is."""

    job_id: str


class Ready(msgspec.Struct, tag=True, frozen=True):
    """To the server: the libraries are loaded; orders can be carried out."""


class Stage(msgspec.Struct, tag=True, frozen=True):
    """To the server: a stage began."""

    report: StageEntered


class Step(msgspec.Struct, tag=True, frozen=True):
    """To the server: a step is done."""

    report: StepFinished


class Moment(msgspec.Struct, tag=True, frozen=True):
    """To the server: a part of a step is done, or of the decoding; told once in a while."""

    report: StillRunning


class Saved(msgspec.Struct, tag=True, frozen=True):
    """To the server: a resume point is durable."""

    report: ResumePointSaved


class Continued(msgspec.Struct, tag=True, frozen=True):
    """To the server: the run goes on from a resume point."""

    report: Resumed


class Rejected(msgspec.Struct, tag=True, frozen=True):
    """To the server: the run begins anew although there was a resume point."""

    report: ResumeRejected


class Notice(msgspec.Struct, tag=True, frozen=True):
    """To the server: something that whoever asked should know."""

    report: Noticed


class Preview(msgspec.Struct, tag=True, frozen=True):
    """To the server: how the video is going to look."""

    report: Previewed


class Measured(msgspec.Struct, tag=True, frozen=True):
    """To the server: what the whole run took."""

    report: RunMeasured


class Staged(msgspec.Struct, tag=True, frozen=True):
    """To the server: the order is carried out."""

    video: VideoFile


class Failed(msgspec.Struct, tag=True, frozen=True):
    """To the server: the order ended with the domain error of that code."""

    code: str
    message: str


Command: TypeAlias = Render | Cancel | Suspend
Progress: TypeAlias = (
    Stage | Step | Moment | Saved | Continued | Rejected | Notice | Preview | Measured
)
Answer: TypeAlias = Ready | Progress | Staged | Failed

_encoder: Final = msgspec.msgpack.Encoder()
decode_command: Final = msgspec.msgpack.Decoder(Command).decode
decode_answer: Final = msgspec.msgpack.Decoder(Answer).decode


def frame(message: Command | Answer) -> bytes:
    """`message` as it goes over the pipe."""
    body = _encoder.encode(message)
    return len(body).to_bytes(LENGTH_BYTES, "big") + body


def progress_of(report: RenderProgress) -> Progress:  # noqa: C901 - a branch for each kind
    """`report` as it is told."""
    match report:
        case StageEntered():
            return Stage(report)
        case StepFinished():
            return Step(report)
        case ResumePointSaved():
            return Saved(report)
        case Resumed():
            return Continued(report)
        case ResumeRejected():
            return Rejected(report)
        case Noticed():
            return Notice(report)
        case Previewed():
            return Preview(report)
        case RunMeasured():
            return Measured(report)
        case StillRunning():
            return Moment(report)
        case unreachable:
            assert_never(unreachable)


def body_length(head: bytes) -> int:
    """Bytes that follow `head`, the first `LENGTH_BYTES` of a frame."""
    return int.from_bytes(head, "big")
