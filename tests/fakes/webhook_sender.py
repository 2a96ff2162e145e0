"""A sender that goes nowhere."""

from domain.ports.webhook_sender import WebhookSender
from domain.webhook import WebhookMessage


class FakeWebhookSender(WebhookSender):
    """`sent`: what was taken. Put errors into `refusals` and as many of the next sends fail with them."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, WebhookMessage, int]] = []
        self.refusals: list[Exception] = []

    async def send(self, url: str, message: WebhookMessage, *, timestamp: int) -> None:
        if self.refusals:
            raise self.refusals.pop(0)
        self.sent.append((url, message, timestamp))
