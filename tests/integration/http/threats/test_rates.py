"""Rows S15 and S19: nobody asks for more than their share, by whatever name."""

import httpx
import pytest
from litestar import Litestar

from adapters.http.doorkeeper import FAILURES_PER_MINUTE
from domain.access import Scope
from tests.fakes.clock import FakeClock
from tests.fakes.jobs import InMemoryJobs
from tests.integration.http.raw import OWN_HOST, exchange
from tests.integration.http.test_generations import GENERATIONS, submit
from tests.integration.http.threats.conftest import NewClient


async def test_s15_a_forwarded_address_is_never_read(
    client: httpx.AsyncClient, new_client: NewClient
) -> None:
    new_client("ann")
    answers = [
        await client.get(
            "/api/v1/queue",
            headers={
                "X-Forwarded-For": f"203.0.113.{number % 256}, 10.0.{number // 256}.1",
                "Forwarded": f"for=203.0.113.{number % 256}",
                "X-Real-IP": f"203.0.113.{number % 256}",
            },
        )
        for number in range(200)
    ]

    statuses = [answer.status_code for answer in answers]
    assert statuses == [401] * FAILURES_PER_MINUTE + [429] * (200 - FAILURES_PER_MINUTE)
    assert answers[-1].json()["code"] == "too-many-requests"
    assert 0 < int(answers[-1].headers["retry-after"]) <= 60


@pytest.mark.parametrize(
    ("peers", "is_one"),
    [
        ([f"2001:db8:0:1::{number:x}" for number in range(1, 21)], True),
        ([f"2001:db8:0:{number:x}::1" for number in range(1, 21)], False),
        ([f"192.0.2.{number}" for number in range(1, 21)], False),
        (["192.0.2.1", "::ffff:192.0.2.1"] * 10, True),
    ],
    ids=["one IPv6 network", "many", "many of IPv4", "IPv4 in two forms"],
)
async def test_s15_a_peer_is_its_network(
    app: Litestar, new_client: NewClient, peers: list[str], is_one: bool
) -> None:
    new_client("ann")
    statuses = set()
    for peer in peers:
        async with exchange(app, "/api/v1/queue", headers=OWN_HOST, peer=peer) as answer:
            statuses.add(answer.status)

    assert (429 in statuses) == is_one


async def test_s15_a_right_key_is_let_in_whatever_others_try_from_its_address(
    client: httpx.AsyncClient, new_client: NewClient
) -> None:
    ann = new_client("ann")
    for _ in range(3 * FAILURES_PER_MINUTE):
        await client.get("/api/v1/queue")

    assert (await ann.get("/api/v1/queue")).status_code == 200
    assert (await client.get("/livez")).status_code == 200


async def test_s15_a_minute_later_one_may_err_again(
    client: httpx.AsyncClient, new_client: NewClient, clock: FakeClock
) -> None:
    new_client("ann")
    for _ in range(FAILURES_PER_MINUTE + 1):
        last = await client.get("/api/v1/queue")
    assert last.status_code == 429

    clock.advance(60)
    assert (await client.get("/api/v1/queue")).status_code == 401


async def test_s15_requests_are_counted_by_key_and_told(
    new_client: NewClient, clock: FakeClock
) -> None:
    ann, bob = new_client("ann", requests_per_minute=5), new_client("bob")

    answers = [await ann.get("/api/v1/queue") for _ in range(11)]

    assert [answer.status_code for answer in answers] == [200] * 10 + [429]
    assert [answer.headers["ratelimit-remaining"] for answer in answers[:3]] == ["9", "8", "7"]
    assert answers[0].headers["ratelimit-limit"] == "10"
    assert (answers[10].headers["retry-after"], answers[10].json()["retryable"]) == ("12", True)
    assert (await bob.get("/api/v1/queue")).status_code == 200
    clock.advance(12)
    assert (await ann.get("/api/v1/queue")).status_code == 200


async def test_s15_a_refusal_for_its_scope_counts_like_any_request(new_client: NewClient) -> None:
    ann = new_client("ann", Scope.READ, requests_per_minute=1)

    statuses = [(await ann.post("/api/v1/queue/pause")).status_code for _ in range(3)]

    assert statuses == [403, 403, 429]


async def test_s19_submissions_are_fewer(new_client: NewClient) -> None:
    ann = new_client("ann", submissions_per_minute=2)
    statuses = [(await ann.post(GENERATIONS, json={"prompt": "x"})).status_code for _ in range(5)]

    assert statuses == [202] * 4 + [429]
    assert (await ann.get("/api/v1/queue")).status_code == 200


async def test_s19_a_retry_and_an_upload_are_submissions(new_client: NewClient) -> None:
    ann = new_client("ann", submissions_per_minute=1)
    job_id = await submit(ann)
    await ann.post(f"{GENERATIONS}/{job_id}/cancel")
    assert (await ann.post(f"{GENERATIONS}/{job_id}/retry")).status_code == 202

    headers = {"Content-Type": "image/png"}
    upload = await ann.post("/api/v1/uploads", content=b"64x64", headers=headers)
    assert upload.status_code == 429


async def test_s19_the_local_user_has_no_rate(client: httpx.AsyncClient) -> None:
    answers = [await client.get("/livez") for _ in range(50)]
    answers += [await client.get("/api/v1/queue") for _ in range(50)]

    assert {answer.status_code for answer in answers} == {200}
    assert "ratelimit-limit" not in answers[-1].headers


async def test_s19_one_key_may_not_fill_the_line(new_client: NewClient) -> None:
    ann, bob = new_client("ann", waiting=3), new_client("bob")
    flood = [await ann.post(GENERATIONS, json={"prompt": "x"}) for _ in range(5)]

    assert [answer.status_code for answer in flood] == [202] * 3 + [429] * 2
    assert (flood[4].json()["code"], flood[4].json()["retryable"]) == ("share-used-up", True)
    assert int(flood[4].headers["retry-after"]) > 0
    await submit(bob)


async def test_s19_a_retry_takes_room_too(new_client: NewClient) -> None:
    ann = new_client("ann", waiting=1)
    cancelled = await submit(ann)
    await ann.post(f"{GENERATIONS}/{cancelled}/cancel")
    await submit(ann)

    answer = await ann.post(f"{GENERATIONS}/{cancelled}/retry")

    assert (answer.status_code, answer.json()["code"]) == (429, "share-used-up")


async def test_s19_a_full_line_is_told_to_everybody(client: httpx.AsyncClient) -> None:
    for _ in range(12):
        await submit(client)

    answer = await client.post(GENERATIONS, json={"prompt": "x"})

    assert (answer.status_code, answer.json()["code"]) == (503, "queue-full")
    assert int(answer.headers["retry-after"]) > 0


async def test_s19_whoever_floods_does_not_keep_another_waiting(
    new_client: NewClient, jobs: InMemoryJobs
) -> None:
    ann, bob = new_client("ann"), new_client("bob")
    for _ in range(10):
        await submit(ann)
    bobs = await submit(bob)

    line = [job.id for job in await jobs.queue.line()]

    assert line.index(bobs) == 1


@pytest.mark.parametrize("quota", [{}, {"job_cost": 128 * 128 * 17 * 12}])
async def test_s19_what_costs_too_much_is_refused(
    new_client: NewClient, quota: dict[str, int]
) -> None:
    ann = new_client("ann", **quota)
    body = {"prompt": "x", "checkpoint": "i2v-A14B" if not quota else "mini", "steps": 100}
    if not quota:
        headers = {"Content-Type": "image/png"}
        upload = await ann.post("/api/v1/uploads", content=b"1280x720", headers=headers)
        body |= {"image": upload.json()["id"], "width": 1280, "height": 720, "num_frames": 85}

    answer = await ann.post(GENERATIONS, json=body)

    assert answer.status_code == 422, answer.text
    [fault] = answer.json()["errors"]
    assert (fault["pointer"], "at most" in fault["reason"]) == ("/steps", True)
    cheaper = await ann.post(GENERATIONS, json={**body, "steps": fault["nearest"][0]})
    assert cheaper.status_code == 202, cheaper.text
