"""How much memory one video may use, on a machine whose memory its own workers fill."""

from collections.abc import Callable
from dataclasses import replace

from domain.hardware import Capacity, Hardware


class KnownCapacity:
    """The most that was ever free while this process runs.

    What is missing now is held by a worker, which gives it back, or uses it again, for the next video.
    What another program takes later is found out by the run.
    """

    def __init__(self, present: Callable[[], Hardware], *, spare_bytes: int = 0) -> None:
        """Takes a look at the machine, and keeps some of it back.

        Args:
            present: how the machine is, told at once: it is asked with every submission.
            spare_bytes: of the host's memory, what workers in spare slots may take beside the video.
        """
        self._present = present
        self._spare_bytes = spare_bytes
        self._most = present().capacity

    def __call__(self) -> Capacity:
        """As known now; safe to call from any thread."""
        self._most = _more(self._most, self._present().capacity)
        left = max(0, self._most.host_bytes - self._spare_bytes)
        return replace(self._most, host_bytes=left)


def _more(one: Capacity, other: Capacity) -> Capacity:
    accelerators = [
        size for size in (one.accelerator_bytes, other.accelerator_bytes) if size is not None
    ]
    return Capacity(
        accelerator_bytes=max(accelerators, default=None),
        host_bytes=max(one.host_bytes, other.host_bytes),
        compute_capability=one.compute_capability or other.compute_capability,
    )
