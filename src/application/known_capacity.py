"""How much memory one video may use, on a machine whose memory its own workers fill."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from domain.hardware import Accelerator, Capacity, Hardware


class KnownCapacity:
    """The most that was ever free while this process runs, shared by the workers that may work at once.

    What is missing now is held by a worker, which gives it back, or uses it again, for the next video.
    What another program takes later is found out by the run.
    """

    def __init__(
        self,
        present: Callable[[], Hardware],
        workers: Sequence[str | None],
        *,
        spare_bytes: int = 0,
    ) -> None:
        """Takes a look at the machine, and keeps some of it back.

        Args:
            present: how the machine is, told at once: it is asked with every submission.
            workers: see `Hardware.capacity_for`.
            spare_bytes: of the host's memory, what workers in spare slots may take beside the video.
        """
        self._present = present
        self._workers = workers
        self._spare_bytes = spare_bytes
        self._most = present()

    def __call__(self) -> Capacity:
        """As known now; safe to call from any thread."""
        most = self._most = _more(self._most, self._present())
        left = max(0, most.host.available_bytes - self._spare_bytes)
        shared = replace(most, host=replace(most.host, available_bytes=left))
        return shared.capacity_for(self._workers)


def _more(known: Hardware, seen: Hardware) -> Hardware:
    """What was free in either of two readings; an accelerator that is gone was a worker's, and comes back."""
    available = max(known.host.available_bytes, seen.host.available_bytes)
    both = {it.index: it for it in known.accelerators}
    both |= {it.index: _emptier(both.get(it.index, it), it) for it in seen.accelerators}
    host = replace(seen.host, available_bytes=available)
    return Hardware(host=host, accelerators=tuple(both.values()))


def _emptier(known: Accelerator, seen: Accelerator) -> Accelerator:
    return replace(
        seen,
        used_bytes=min(known.used_bytes, seen.used_bytes),
        compute_capability=seen.compute_capability or known.compute_capability,
    )
