"""Messages leave the outbox once, or are tried again and again, and not for ever."""

import pytest

from application.deliver_webhooks import DeliverWebhooks
from domain.errors import StorageError
from domain.webhook import PAUSES_S, WebhookRules
from domain.webhook_errors import WebhookFailed, WebhookRefused
from tests.fakes.clock import FakeClock
from tests.fakes.examples import NOON, a_job
from tests.fakes.jobs import InMemoryJobs
from tests.fakes.webhook_sender import FakeWebhookSender

OWN, SERVERS = "https://own.example/", "https://server.example/"


class World:
    def __init__(
        self, *, server_url: str | None = None, allow: tuple[str, ...] = ("own.example",)
    ) -> None:
        self.jobs = InMemoryJobs()
        self.jobs.tells_server = server_url is not None
        self.sender = FakeWebhookSender()
        self.clock = FakeClock()
        self.ends: list[str] = []
        self.deliver = DeliverWebhooks(
            self.jobs.outbox,
            self.jobs.repository,
            self.sender,
            self.clock,
            rules=WebhookRules(allow=allow),
            server_url=server_url,
            on_end=self.ends.append,
        )

    async def over(self, job_id: str = "gen_1", url: str | None = OWN) -> None:
        await self.jobs.repository.add(a_job(job_id, webhook_url=url))
        await self.jobs.repository.update(job_id, lambda job: job.request_cancel(at=NOON))


async def test_whoever_asked_and_the_server_are_told_with_messages_of_their_own() -> None:
    world = World(server_url=SERVERS)
    await world.over()

    await world.deliver.deliver_due()

    assert sorted(url for url, _, _ in world.sender.sent) == [OWN, SERVERS]
    assert len({message.id for _, message, _ in world.sender.sent}) == 2
    assert {timestamp for _, _, timestamp in world.sender.sent} == {int(NOON.timestamp())}
    assert await world.jobs.outbox.length() == 0
    assert world.ends == ["delivered", "delivered"]


async def test_what_fails_is_tried_again_with_the_same_id_and_a_new_time() -> None:
    world = World()
    await world.over()
    world.sender.refusals = [WebhookFailed(), WebhookFailed()]

    await world.deliver.deliver_due()
    assert await world.deliver.deliver_due() == 0, "not at once"
    for pause_s in PAUSES_S[:2]:
        world.clock.advance(pause_s)
        assert await world.deliver.deliver_due() == 1

    [(_, message, timestamp)] = world.sender.sent
    assert message.id.startswith("msg_")
    assert timestamp == int(NOON.timestamp()) + sum(PAUSES_S[:2])
    assert world.ends == ["failed", "failed", "delivered"]


async def test_after_three_days_it_is_given_up() -> None:
    world = World()
    await world.over()
    world.sender.refusals = [WebhookFailed() for _ in range(99)]

    for pause_s in (0, *PAUSES_S):
        world.clock.advance(pause_s)
        await world.deliver.deliver_due()

    assert world.ends == ["failed"] * len(PAUSES_S) + ["given_up"]
    assert await world.jobs.outbox.length() == 0
    assert sum(PAUSES_S) > 3 * 24 * 3600


async def test_who_wants_no_more_is_not_asked_again() -> None:
    world = World()
    await world.over()
    world.sender.refusals = [WebhookRefused()]

    await world.deliver.deliver_due()

    assert world.ends == ["given_up"]
    assert await world.jobs.outbox.length() == 0


async def test_a_host_that_is_allowed_no_more_is_not_told() -> None:
    world = World(server_url=SERVERS, allow=())
    await world.over()

    await world.deliver.deliver_due()

    assert [url for url, _, _ in world.sender.sent] == [SERVERS]
    assert sorted(world.ends) == ["delivered", "given_up"]


async def test_where_the_server_tells_nobody_any_more_the_message_is_dropped() -> None:
    world = World()
    world.jobs.tells_server = True
    await world.over(url=None)

    await world.deliver.deliver_due()

    assert world.sender.sent == []
    assert await world.jobs.outbox.length() == 0


async def test_a_message_that_was_sent_but_not_struck_off_is_sent_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # As where the server is killed in between.
    world = World()
    await world.over()
    remove = world.jobs.outbox.remove

    async def dies(number: int) -> None:
        raise StorageError

    monkeypatch.setattr("application.deliver_webhooks.REST_S", 0)
    monkeypatch.setattr(world.jobs.outbox, "remove", dies)
    await world.deliver.deliver_due()
    monkeypatch.setattr(world.jobs.outbox, "remove", remove)
    await world.deliver.deliver_due()

    first, second = world.sender.sent
    assert first[1] == second[1], "the receiver can tell that it is the same"
    assert await world.jobs.outbox.length() == 0


async def test_what_nobody_foresaw_holds_up_no_other_message() -> None:
    world = World()
    await world.over("gen_1")
    await world.over("gen_2")
    world.sender.refusals = [RuntimeError("a bug")]

    await world.deliver.deliver_due()

    assert sorted(world.ends) == ["delivered", "failed"]
    assert await world.jobs.outbox.length() == 1
