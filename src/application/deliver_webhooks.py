"""Tell those who asked to be told that generations are over: at least once, and not for ever."""

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from domain.errors import InvalidRequest, StorageError
from domain.ports.clock import Clock
from domain.ports.job_repository import JobRepository
from domain.ports.webhook_outbox import Delivery, WebhookOutbox
from domain.ports.webhook_sender import WebhookSender
from domain.webhook import PAUSES_S, WebhookRules, message_of
from domain.webhook_errors import WebhookFailed, WebhookRefused

_log = logging.getLogger(__name__)

#: Deliveries at once: each may wait for a slow receiver, and holds up those behind it.
AT_ONCE: Final = 16
#: Seconds between looks at an outbox that reported nothing new.
IDLE_POLL_S: Final = 5.0
#: Seconds before the next try where the outbox could not be read or written.
REST_S: Final = 5.0


class DeliverWebhooks:
    """Takes from the outbox what is due; what was sent, but not yet struck off, is sent again."""

    def __init__(
        self,
        outbox: WebhookOutbox,
        repository: JobRepository,
        sender: WebhookSender,
        clock: Clock,
        *,
        rules: WebhookRules,
        server_url: str | None,
        on_end: Callable[[str], None] = lambda _outcome: None,
    ) -> None:
        """Takes what generations may name by now, and whom the server tells.

        `on_end`: told of each try: `delivered`, `failed`, `given_up`.
        """
        self._outbox = outbox
        self._repository = repository
        self._sender = sender
        self._clock = clock
        self._rules = rules
        self._server_url = server_url
        self._on_end = on_end

    async def run(self) -> None:
        """Deliver until cancelled."""
        while True:
            try:
                while await self.deliver_due():
                    pass
                await self._outbox.wait(now=self._clock.now, timeout_s=IDLE_POLL_S)
            except StorageError as error:
                _log.error("no webhooks", extra={"reason": error.message})
                await asyncio.sleep(REST_S)

    async def deliver_due(self) -> int:
        """Try what is due, `AT_ONCE` at most. Returns how many that was."""
        due = await self._outbox.due(at=self._clock.now(), limit=AT_ONCE)
        async with asyncio.TaskGroup() as group:
            for delivery in due:
                group.create_task(self._deliver(delivery))
        return len(due)

    async def _deliver(self, delivery: Delivery) -> None:
        try:
            await self._try(delivery)
        except StorageError as error:  # it stays in the outbox, and is tried again
            _log.error("no webhook", extra={"job_id": delivery.job_id, "reason": error.message})
            await asyncio.sleep(REST_S)

    async def _try(self, delivery: Delivery) -> None:
        told = {"job_id": delivery.job_id, "webhook_id": delivery.id}
        url = delivery.url or self._server_url
        if url is None:  # nobody is to be told any more
            await self._outbox.remove(delivery.number)
            return
        job = await self._repository.get(delivery.job_id)
        message = message_of(job, message_id=delivery.id)
        try:
            if delivery.url is not None:
                self._rules.check(delivery.url)
            await self._sender.send(url, message, timestamp=int(self._clock.now().timestamp()))
        except InvalidRequest as error:  # accepted once, under other settings
            await self._note_failure(delivery, WebhookRefused(error.message))
        except WebhookFailed as error:
            await self._note_failure(delivery, error)
        except StorageError:
            raise
        except Exception as error:  # noqa: BLE001 - the others are delivered, whatever became of this one
            _log.error("webhook failed unexpectedly", exc_info=error, extra=told)
            await self._note_failure(delivery, WebhookFailed(type(error).__name__))
        else:
            _log.info("webhook delivered", extra=told)
            await self._outbox.remove(delivery.number)
            self._on_end("delivered")

    async def _note_failure(self, delivery: Delivery, error: WebhookFailed) -> None:
        told = {"job_id": delivery.job_id, "webhook_id": delivery.id, "reason": error.message}
        if isinstance(error, WebhookRefused) or delivery.tries >= len(PAUSES_S):
            _log.error("webhook given up", extra=told)
            await self._outbox.remove(delivery.number)
            self._on_end("given_up")
            return
        pause_s = PAUSES_S[delivery.tries]
        _log.warning("webhook failed", extra={**told, "again_in_s": pause_s})
        until = self._clock.now() + timedelta(seconds=pause_s)
        await self._outbox.postpone(delivery.number, until=until)
        self._on_end("failed")
