"""What is told of the machine: now, over the last hour, and as it goes on."""

import asyncio
import json
from dataclasses import replace

import httpx
import pytest
from litestar import Litestar

from application.run_generation import RunGeneration
from application.watch_machine import WatchMachine
from domain.errors import AcceleratorFault
from domain.hardware import Hardware
from tests.fakes.clock import FakeClock
from tests.fakes.hardware_probe import GIB, FakeHardwareProbe
from tests.integration.http.raw import OWN_HOST, Answer, exchange
from tests.integration.http.test_events import parse

SYSTEM = "/api/v1/system"


@pytest.fixture
async def later(machine: WatchMachine, clock: FakeClock) -> WatchMachine:
    """Two samples more, each 5 s after the one before."""
    for _ in range(2):
        clock.advance(5)
        await machine.look()
    return machine


async def test_the_machine_shows_its_versions_readings_and_slots(client: httpx.AsyncClient) -> None:
    body = (await client.get(SYSTEM)).json()

    assert body["versions"]["wan-studio"] == "1.2.3"
    assert body["versions"]["python"].startswith("3.")
    assert body["hardware"]["host"]["cpu_count"] == 8
    assert body["hardware"]["accelerators"][0]["power_w"] is None
    assert (body["free_disk_bytes"], body["problem"]) == (100 * GIB, None)
    assert body["at"] == "2026-01-01T12:00:00Z"
    assert [slot["number"] for slot in body["slots"]] == [0]


async def test_asking_never_asks_the_driver(
    client: httpx.AsyncClient, hardware: FakeHardwareProbe, monkeypatch: pytest.MonkeyPatch
) -> None:
    # One that hangs held up every request there was a thread for.
    def hang(_self: FakeHardwareProbe) -> Hardware:
        raise AssertionError("asked within a request")

    monkeypatch.setattr(FakeHardwareProbe, "read", hang)

    for path in (SYSTEM, f"{SYSTEM}/history", "/api/v1/queue"):
        assert (await client.get(path)).status_code == 200


async def test_history_is_what_changed_oldest_first(
    client: httpx.AsyncClient, later: WatchMachine
) -> None:
    body = (await client.get(f"{SYSTEM}/history")).json()

    assert body["interval_s"] == 5.0
    assert [sample["number"] for sample in body["data"]] == [1, 2, 3]
    assert body["data"][2] == {
        "number": 3,
        "at": "2026-01-01T12:00:10Z",
        "accelerators": [
            {
                "index": 0,
                "used_bytes": 2 * GIB,
                "load_percent": 7,
                "temperature_c": 41,
                "power_w": None,
            }
        ],
        "host_load_percent": 12.5,
        "host_available_bytes": 48 * GIB,
        "free_disk_bytes": 100 * GIB,
        "note": None,
        "problem": None,
    }


async def test_history_goes_back_as_far_as_is_asked(
    client: httpx.AsyncClient, later: WatchMachine
) -> None:
    body = (await client.get(f"{SYSTEM}/history", params={"seconds": 7})).json()

    assert [sample["number"] for sample in body["data"]] == [2, 3]


@pytest.mark.parametrize("seconds", ["0", "3601", "x", "1.5"])
async def test_a_time_that_is_not_remembered_is_refused(
    client: httpx.AsyncClient, seconds: str
) -> None:
    response = await client.get(f"{SYSTEM}/history", params={"seconds": seconds})

    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == "/seconds"


async def test_events_begin_with_the_newest_and_go_on(app: Litestar, later: WatchMachine) -> None:
    async with exchange(app, f"{SYSTEM}/events") as answer:
        newest = await next_sample(answer)
        await later.look()
        then = await next_sample(answer)

    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.headers["cache-control"] == "private, no-store"
    assert (newest["event"], newest["id"], then["id"]) == ("sample", "3", "4")
    assert json.loads(then["data"])["accelerators"][0]["temperature_c"] == 41


@pytest.mark.parametrize(("seen", "first"), [("1", "2"), ("0", "1"), ("77", "3")])
async def test_last_event_id_resumes_and_an_earlier_servers_begins_anew(
    app: Litestar, later: WatchMachine, seen: str, first: str
) -> None:
    headers = [*OWN_HOST, (b"last-event-id", seen.encode())]

    async with exchange(app, f"{SYSTEM}/events", headers=headers) as answer:
        told = await next_sample(answer)

    assert told["id"] == first


async def test_silence_is_broken_by_comments(
    app: Litestar, machine: WatchMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    defaults = WatchMachine.follow.__kwdefaults__
    assert defaults["heartbeat_s"] == 15.0
    monkeypatch.setitem(defaults, "heartbeat_s", 0.01)

    headers = [*OWN_HOST, (b"last-event-id", b"1")]
    async with exchange(app, f"{SYSTEM}/events", headers=headers) as answer:
        silence = await asyncio.wait_for(answer.chunks.get(), 5)

    assert silence == b": still here\r\n\r\n"


async def test_a_client_that_hangs_up_leaves_nothing_behind(
    app: Litestar, machine: WatchMachine
) -> None:
    before = asyncio.all_tasks()

    async with exchange(app, f"{SYSTEM}/events") as answer:
        await next_sample(answer)

    assert asyncio.all_tasks() == before


async def next_sample(answer: Answer) -> dict[str, str]:
    chunk = await asyncio.wait_for(answer.chunks.get(), 5)
    return parse(chunk.decode())[0]


async def test_a_gpu_that_is_lost_is_missing_and_the_sample_says_why(
    client: httpx.AsyncClient, hardware: FakeHardwareProbe, machine: WatchMachine
) -> None:
    hardware.hardware = replace(
        hardware.hardware, accelerators=(), note="1 of 1 GPUs cannot be read (GPU is lost)"
    )
    await machine.look()

    [_, lost] = (await client.get(f"{SYSTEM}/history")).json()["data"]

    assert (lost["accelerators"], lost["problem"]) == ([], None)
    assert "GPU is lost" in lost["note"]


async def test_a_machine_that_cannot_be_read_is_null_and_says_why(
    client: httpx.AsyncClient,
    hardware: FakeHardwareProbe,
    machine: WatchMachine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(_self: FakeHardwareProbe) -> Hardware:
        raise OSError("no /proc")

    monkeypatch.setattr(FakeHardwareProbe, "read", fail)
    await machine.look()

    body = (await client.get(SYSTEM)).json()

    assert body["hardware"] is None
    assert body["free_disk_bytes"] is None
    assert body["problem"] == "The machine cannot be read: OSError: no /proc"


async def test_what_a_slot_complains_of_is_told_without_the_servers_folders(
    client: httpx.AsyncClient, lane: RunGeneration
) -> None:
    for number in range(2):
        lane.slot.note_end(f"gen_{number}", AcceleratorFault("/srv/mine/lib.so failed."), now=0)

    told = [(await client.get(path)).text for path in (SYSTEM, "/readyz/gpu", "/api/v1/queue")]

    assert all("lib.so failed" in text and "mine" not in text for text in told)
