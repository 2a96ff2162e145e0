"""The worker's life: one order after another, each ended with a file or an error, never with silence."""

import logging
from collections.abc import Callable, Iterator
from typing import Protocol

from domain.errors import (
    AcceleratorFault,
    DomainError,
    OutOfAcceleratorMemory,
    RenderCancelled,
    RenderFailed,
    RenderSuspended,
)
from domain.rendering import RenderOrder, RenderProgress, Report
from domain.video import VideoFile

_log = logging.getLogger(__name__)


class Channel(Protocol):
    """The way to whoever gives the orders."""

    def orders(self, when_idle: Callable[[], None]) -> Iterator[RenderOrder]:
        """Orders as they come, until there will be no more.

        Args:
            when_idle: called once in every pause, when no order has come for a while.
        """

    def report(self, progress: RenderProgress) -> None:
        """Tell progress. Raises `RenderCancelled` or `RenderSuspended` to end the run."""

    def wants_out(self) -> bool:
        """Whether the present run was asked to hand its job back."""

    def staged(self, video: VideoFile) -> None:
        """Tell that the order is carried out."""

    def failed(self, error: DomainError) -> None:
        """Tell how the order ended."""


class Render(Protocol):
    """What carries out one order."""

    def execute(
        self, order: RenderOrder, report: Report, wants_out: Callable[[], bool]
    ) -> VideoFile:
        """The staged file; see `application.render_video`."""


def _nothing() -> None:
    """There is nothing to give back."""


def work(channel: Channel, render: Render, when_idle: Callable[[], None] = _nothing) -> None:
    """Carry out orders until the channel closes, the accelerator failed, or a fault came that nobody foresaw.

    After such a fault the process may be poisoned (a CUDA error leaves its context unusable), so it
    ends; the next order gets a new one.

    Args:
        when_idle: gives back what only the next order would need, and can have again at once.
    """
    for order in channel.orders(when_idle):
        try:
            channel.staged(render.execute(order, channel.report, channel.wants_out))
        except (RenderCancelled, RenderSuspended) as error:
            told = {"job_id": order.job_id, "attempt": order.fence, "reason": error.code}
            _log.info("stopped", extra=told)
            channel.failed(error)
        except (OutOfAcceleratorMemory, AcceleratorFault) as error:
            # What is left of its memory is in pieces, or its context is lost: the next order gets a new
            # process.
            _log.warning("failed", extra={"job_id": order.job_id, "reason": error.message})
            channel.failed(error)
            return
        except DomainError as error:
            _log.warning("failed", extra={"job_id": order.job_id, "reason": error.message})
            channel.failed(error)
        except Exception as error:  # noqa: BLE001 - a boundary: the server must hear of every end
            _log.exception("failed unexpectedly", extra={"job_id": order.job_id})
            channel.failed(RenderFailed(f"The run failed: {type(error).__name__}: {error}"))
            return
