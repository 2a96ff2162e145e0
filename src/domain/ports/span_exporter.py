"""Where traces of what was done go."""

from abc import ABC, abstractmethod

from domain.job_trace import Span


class SpanExporter(ABC):
    """Never fails and never waits: what cannot be delivered is dropped, and told to the log."""

    @abstractmethod
    def export(self, span: Span, *, under: str | None) -> None:
        """Send a span that is over, with its parts.

        Args:
            under: the `traceparent` of whoever asked for it; None begins a trace. What that one does not
                record is not sent either.
        """

    @abstractmethod
    def close(self) -> None:
        """Deliver what still waits, or drop it after some seconds. Blocks; nothing is exported after."""
