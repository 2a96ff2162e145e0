"""How a message leaves the machine."""

from abc import ABC, abstractmethod

from domain.webhook import WebhookMessage


class WebhookSender(ABC):
    """Sends once, and connects to nothing that `WebhookRules` do not allow, whatever a name resolves to."""

    @abstractmethod
    async def send(self, url: str, message: WebhookMessage, *, timestamp: int) -> None:
        """Returns once the receiver has said that it took the message. Takes seconds at most.

        Args:
            timestamp: Unix seconds, signed with the message.

        Raises:
            WebhookFailed: it was not taken; another time it may be.
            WebhookRefused: the receiver never wants it again, or the URL leads where it may not.
        """
