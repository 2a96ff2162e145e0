"""Every way Wan Studio can say no, with the words the user reads.

DomainError
├── InvalidRequest              one or more fields cannot be honoured
├── NotFound
│   ├── UnknownCheckpoint
│   ├── UnknownJob
│   ├── UnknownImage
│   ├── UnknownLora
│   ├── UnknownVideo
│   ├── OutputMissing
│   └── PreviewMissing
├── Conflict
│   ├── NotCancellable
│   ├── NotRetryable
│   ├── NotCompleted
│   ├── KeyReused               an idempotency key came again with another request
│   ├── IllegalTransition
│   └── StaleFence
├── DoesNotFit                  no placement fits into the memory there is
├── ImageUnusable               what was uploaded is no picture that can be used
├── VideoUnusable               nor a video that can be
├── NotReproducible             a video's recipe cannot be followed here
├── CheckpointUnavailable       the weights are not here, not whole, or not safe
│   ├── CheckpointMissing
│   ├── CheckpointBroken
│   ├── UnsafeWeights
│   └── LoraUnusable
├── StorageError
│   ├── DiskFull
│   ├── ResumePointDamaged
│   ├── DataDirectoryUnusable
│   └── DataDirectoryLocked
├── RenderError                 the video could not be made
│   ├── RenderCancelled
│   ├── RenderSuspended
│   ├── Preempted
│   ├── WorkerCrashed
│   ├── NoProgress
│   ├── DeadlineExceeded
│   ├── WorkerUnavailable
│   ├── OutOfAcceleratorMemory
│   ├── AcceleratorFault        a driver, a memory cell, a kernel: whatever ran there is lost
│   ├── PromptTooLong
│   ├── LatentsBroken
│   ├── EncodingFailed
│   └── RenderFailed
└── BackendUnavailable          a library this machine lacks

Those of the library are drawn in `domain.library_errors`, those of the store of checkpoints in `domain.store_errors`;
`domain.shortcuts` has `PrecisionUnusable`, `domain.lora` `LoraDoesNotFit`: RenderErrors.

A class's docstring is its default message. HTTP statuses and exit codes live in one table at each edge.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar


class DomainError(Exception):
    """Something went wrong; the log has the details."""

    code: ClassVar[str] = "internal"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str | None = None, violations: "Sequence[Violation]" = ()) -> None:
        """`violations`: the fields that are in the way, if any are, and what would do."""
        super().__init__(message or (self.__class__.__doc__ or "").strip())
        self.violations = tuple(violations)

    @property
    def message(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One field that cannot be honoured, and what could be instead.

    Attributes:
        pointer: JSON pointer into the request body, such as `/num_frames`.
        reason: a sentence for the user.
        nearest: valid values close to the one given; empty where there is no such thing.
    """

    pointer: str
    reason: str
    nearest: tuple[int | float | str, ...] = ()

    def __str__(self) -> str:
        hint = f" (nearest: {' or '.join(str(n) for n in self.nearest)})" if self.nearest else ""
        return f"{self.pointer.lstrip('/')}: {self.reason}{hint}"


class InvalidRequest(DomainError):
    """The request cannot be honoured as it stands."""

    code = "invalid-request"

    def __init__(self, violations: Sequence[Violation]) -> None:
        super().__init__("; ".join(str(v) for v in violations), violations)


class NotFound(DomainError):
    """There is no such thing here."""

    code = "not-found"


class UnknownCheckpoint(NotFound):
    """No checkpoint has that id."""

    code = "unknown-checkpoint"


class UnknownJob(NotFound):
    """No generation has that id."""

    code = "unknown-generation"


class UnknownImage(NotFound):
    """No uploaded image has that id."""

    code = "unknown-image"


class UnknownLora(NotFound):
    """No LoRA has that name."""

    code = "unknown-lora"


class UnknownVideo(NotFound):
    """No uploaded video has that id."""

    code = "unknown-video"


class OutputMissing(NotFound):
    """This generation has no video: it has not completed, or the file was removed."""

    code = "output-missing"


class PreviewMissing(NotFound):
    """This generation has no preview now."""

    code = "preview-missing"


class Conflict(DomainError):
    """The thing asked for does not fit the state it is in."""

    code = "conflict"


class NotCancellable(Conflict):
    """The generation is past the point where it can be cancelled."""

    code = "not-cancellable"


class NotRetryable(Conflict):
    """Only a generation that failed or was cancelled can be retried."""

    code = "not-retryable"


class NotCompleted(Conflict):
    """The generation has no video yet."""

    code = "not-completed"


class KeyReused(Conflict):
    """This Idempotency-Key was used for another request: choose a new one."""

    code = "idempotency-key-reused"


class IllegalTransition(Conflict):
    """A generation cannot go from its state to the one asked for."""

    code = "illegal-transition"


class StaleFence(Conflict):
    """A newer attempt owns this job; what an older one reports changes nothing."""

    code = "stale-fence"


class DoesNotFit(DomainError):
    """The video does not fit into this machine's memory: choose a smaller size or fewer frames."""

    code = "does-not-fit"


class ImageUnusable(DomainError):
    """The image cannot be used: give a PNG, JPEG or WebP file."""

    code = "image-unusable"


class VideoUnusable(DomainError):
    """The video cannot be used: give an MP4, MOV, Matroska or WebM file."""

    code = "video-unusable"


class NotReproducible(DomainError):
    """This video cannot be made again here."""

    code = "not-reproducible"


class CheckpointUnavailable(DomainError):
    """The checkpoint cannot be used on this machine."""

    code = "checkpoint-unavailable"


class CheckpointMissing(CheckpointUnavailable):
    """The checkpoint's weights are not on this machine."""

    code = "model-missing"


class CheckpointBroken(CheckpointUnavailable):
    """The checkpoint's folder is incomplete or damaged."""

    code = "model-corrupt"


class UnsafeWeights(CheckpointUnavailable):
    """The checkpoint holds pickled weights or remote code; only safetensors and GGUF files are loaded."""

    code = "model-unsafe"


class LoraUnusable(CheckpointUnavailable):
    """The LoRA cannot be used: it is damaged, of an unknown kind, or made for another checkpoint."""

    code = "lora-unusable"


class StorageError(DomainError):
    """The data directory cannot be written."""

    code = "storage"
    retryable = True


class DiskFull(StorageError):
    """The disk of the data directory is full: free some space and try again."""

    code = "disk-full"

    def __init__(self, message: str | None = None, *, lacking_bytes: int | None = None) -> None:
        """`lacking_bytes`: so much more would have to be free, where that is known."""
        super().__init__(message)
        self.lacking_bytes = lacking_bytes


class ResumePointDamaged(StorageError):
    """What an earlier attempt saved is not as it was saved."""

    code = "resume-point-damaged"
    retryable = False


class DataDirectoryUnusable(StorageError):
    """The data directory cannot be used."""

    code = "data-directory-unusable"
    retryable = False


class DataDirectoryLocked(StorageError):
    """Another Wan Studio server is using this data directory: stop it, or choose another."""

    code = "data-directory-locked"
    retryable = False


class RenderError(DomainError):
    """The video could not be made."""

    code = "render-failed"


class RenderCancelled(RenderError):
    """The generation was cancelled while it ran."""

    code = "cancelled"


class RenderSuspended(RenderError):
    """The generation was handed back in the middle, to go on later from where it was."""

    code = "suspended"
    retryable = True


class Preempted(RenderError):
    """The generation made way for a more urgent one, and goes on after it from where it was."""

    code = "preempted"
    retryable = True


class WorkerCrashed(RenderError):
    """The worker process died while it made this video."""

    code = "worker-crashed"
    retryable = True


class NoProgress(RenderError):
    """The worker made no progress for longer than its work can take, and was killed."""

    code = "no-progress"
    retryable = True


class DeadlineExceeded(RenderError):
    """The generation ran or waited longer than it may."""

    code = "deadline"


class WorkerUnavailable(RenderError):
    """No worker process can be started; its log has the reason."""

    code = "worker-unavailable"
    retryable = True


class OutOfAcceleratorMemory(RenderError):
    """The accelerator ran out of memory: choose a smaller size or fewer frames."""

    code = "gpu-out-of-memory"


class AcceleratorFault(RenderError):
    """The accelerator failed while it made this video; the kernel's log may say why."""

    code = "gpu-fault"
    retryable = True


class PromptTooLong(RenderError):
    """The prompt has more tokens than the model reads."""

    code = "prompt-too-long"


class LatentsBroken(RenderError):
    """The run computed numbers that can become no video."""

    code = "latents-broken"


class EncodingFailed(RenderError):
    """The frames were made but the video file could not be written, or did not read back."""

    code = "encoding-failed"
    retryable = True


class RenderFailed(RenderError):
    """The renderer failed for a reason it did not foresee; the worker's log has the traceback."""

    code = "internal"
    retryable = True


class BackendUnavailable(DomainError):
    """A library that this setting needs is not installed."""

    code = "backend-unavailable"


def error_for(code: str, message: str) -> DomainError:
    """The error that travelled as `code` and `message` from another process.

    A code this version does not know becomes a `RenderFailed` that keeps the message.
    """
    for kind in _descendants(DomainError):
        if kind.code == code and kind is not InvalidRequest:
            return kind(message)
    return RenderFailed(message)


def _descendants(kind: type[DomainError]) -> Iterator[type[DomainError]]:
    for child in kind.__subclasses__():
        yield child
        yield from _descendants(child)
