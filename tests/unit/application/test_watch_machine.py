"""The machine is looked at again and again, whatever its driver does."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from application import watch_machine
from application.watch_machine import HISTORY_S, WatchMachine
from domain.hardware import Accelerator, Hardware, Sample
from domain.heat import Heat, HeatLimits
from tests.fakes.clock import FakeClock
from tests.fakes.hardware_probe import GIB, FakeHardwareProbe


class Probe(FakeHardwareProbe):
    """Whatever is in `faults` befalls the next readings, in that order."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[Callable[[], None]] = []

    def read(self) -> Hardware:
        if self.faults:
            self.faults.pop(0)()
        return super().read()

    def heat_to(self, temperature_c: int | None) -> None:
        [one] = self.hardware.accelerators
        changed = replace(one, temperature_c=temperature_c, slowdown_c=90)
        self.hardware = replace(self.hardware, accelerators=(changed,))


@pytest.fixture
def probe() -> Probe:
    return Probe()


@pytest.fixture
def heat() -> Heat:
    return Heat(0, HeatLimits())


@pytest.fixture
def watch(probe: Probe, clock: FakeClock, heat: Heat) -> WatchMachine:
    """Has looked once; goes on in no time, by a clock of its own."""
    return WatchMachine(probe, clock, 0.001, [heat])


@asynccontextmanager
async def running(watch: WatchMachine) -> AsyncIterator[None]:
    task = asyncio.create_task(watch.run())
    try:
        async with asyncio.timeout(10):
            yield
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.wait([task])


async def sample(
    watch: WatchMachine, is_meant: Callable[[Sample], bool] = lambda _: True
) -> Sample:
    """The next that is meant."""
    async for told in watch.follow(after=watch.latest.number):
        if told is not None and is_meant(told):
            return told
    raise AssertionError("it never ends")


def test_the_first_look_is_there_before_anybody_asks(watch: WatchMachine, probe: Probe) -> None:
    assert (watch.latest.number, watch.latest.hardware) == (1, probe.hardware)
    assert watch.latest.free_disk_bytes == 100 * GIB
    assert watch.present() == probe.hardware


async def test_it_looks_again_and_again(watch: WatchMachine) -> None:
    async with running(watch):
        numbers = [(await sample(watch)).number for _ in range(3)]

    assert numbers == sorted(set(numbers))


async def test_a_probe_that_raises_makes_an_unknown_sample_and_the_next_is_known(
    watch: WatchMachine, probe: Probe, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise ZeroDivisionError("a driver's bug")

    probe.faults += [fail, fail]

    async with running(watch):
        unknown = await sample(watch, lambda s: s.hardware is None)
        known = await sample(watch, lambda s: s.hardware is not None)

    assert unknown.problem == "The machine cannot be read: ZeroDivisionError: a driver's bug"
    assert (unknown.free_disk_bytes, known.problem) == (None, None)
    assert watch.present() == probe.hardware
    tracebacks = [record for record in caplog.records if record.exc_info]
    assert len(tracebacks) == 1, "said once, not with every sample"
    assert "the machine can be read again" in caplog.messages


async def test_a_driver_that_hangs_holds_up_nobody_and_is_told(
    watch: WatchMachine, probe: Probe, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_machine, "PATIENCE_S", 0.001)
    answers = threading.Event()
    probe.faults.append(lambda: answers.wait(10) and None)

    async with running(watch):
        hanging = await sample(watch)
        clock.advance(30)
        longer = await sample(watch, lambda s: "30 s" in (s.problem or ""))
        readers = [t for t in threading.enumerate() if t.name == "machine"]
        answers.set()
        known = await sample(watch, lambda s: s.problem is None)

    assert hanging.problem == "The machine has not answered for 0 s."
    assert (longer.hardware, known.hardware) == (None, probe.hardware)
    assert len(readers) == 1, "no thread is added to the one that hangs"


async def test_a_server_that_ends_does_not_wait_for_a_driver_that_hangs(
    watch: WatchMachine, probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_machine, "PATIENCE_S", 0.001)
    answers = threading.Event()
    probe.faults.append(lambda: answers.wait(10) and None)

    async with running(watch):
        await sample(watch, lambda s: s.hardware is None)
    [reader] = [t for t in threading.enumerate() if t.name == "machine"]
    kept = watch.latest.number
    answers.set()
    await asyncio.to_thread(reader.join, 10)
    await asyncio.sleep(0)

    assert reader.daemon, "nor does the interpreter"
    assert watch.latest.number == kept


async def test_a_hot_accelerator_is_held_and_freed_with_one_word_each(
    watch: WatchMachine,
    probe: Probe,
    heat: Heat,
    clock: FakeClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    probe.heat_to(88)
    async with running(watch):
        await sample(watch, lambda s: _temperature(s) == 88)
        await sample(watch)
        held = heat.is_held(now=clock.monotonic())
        probe.heat_to(70)
        await sample(watch, lambda s: _temperature(s) == 70)

    assert held
    assert not heat.is_held(now=clock.monotonic())
    assert len(caplog.messages) == 2
    assert "has 88 °C" in caplog.messages[0]
    assert "has cooled to 70 °C" in caplog.messages[1]


async def test_a_driver_that_fails_in_the_middle_frees_what_was_held_after_a_minute(
    watch: WatchMachine, probe: Probe, heat: Heat, clock: FakeClock
) -> None:
    probe.heat_to(88)
    async with running(watch):
        await sample(watch, lambda s: _temperature(s) == 88)
        probe.hardware = replace(
            probe.hardware, accelerators=(), note="the NVIDIA driver says: Lost"
        )
        await sample(watch, lambda s: s.hardware is not None and not s.hardware.accelerators)
        held_at_first = heat.is_held(now=clock.monotonic())
        clock.advance(60)
        await sample(watch)

    assert held_at_first
    assert heat.problem is None


async def test_a_clock_that_is_set_moves_no_sample_and_frees_nothing(
    watch: WatchMachine, probe: Probe, heat: Heat, clock: FakeClock
) -> None:
    probe.heat_to(88)
    async with running(watch):
        before = await sample(watch, lambda s: _temperature(s) == 88)
        clock.set_forwards(86_400)
        after = await sample(watch, lambda s: s.at.day == 2)
        clock.set_forwards(-2 * 86_400)
        earlier = await sample(watch, lambda s: s.at.day == 31)

    assert before.number < after.number < earlier.number
    assert {before.number, after.number, earlier.number} <= {
        kept.number for kept in watch.history(seconds=10)
    }
    assert heat.is_held(now=clock.monotonic())


class TestHistory:
    async def test_it_is_what_was_asked_for_oldest_first(
        self, probe: Probe, clock: FakeClock
    ) -> None:
        watch = WatchMachine(probe, clock, 5)
        for _ in range(10):
            await watch.look()
            clock.advance(5)

        told = watch.history(seconds=15)

        assert [sample.number for sample in told] == [9, 10, 11]

    async def test_it_holds_an_hour_and_no_more(self, probe: Probe, clock: FakeClock) -> None:
        watch = WatchMachine(probe, clock, 5)
        for _ in range(1000):
            await watch.look()
            clock.advance(5)

        told = watch.history(seconds=10 * HISTORY_S)

        assert len(told) == HISTORY_S / 5
        assert told[-1].number == 1001


class TestFollowing:
    async def test_it_begins_with_the_newest(self, watch: WatchMachine) -> None:
        await watch.look()

        assert await _first(watch, after=None) == 2

    async def test_it_goes_on_with_exactly_what_was_missed(self, watch: WatchMachine) -> None:
        for _ in range(3):
            await watch.look()

        told = watch.follow(after=2)

        assert [(await anext(told)).number for _ in range(2)] == [3, 4]  # type: ignore[union-attr]

    async def test_a_number_of_an_earlier_server_begins_with_the_newest(
        self, watch: WatchMachine
    ) -> None:
        assert await _first(watch, after=999) == 1

    async def test_silence_is_told(self, watch: WatchMachine) -> None:
        told = watch.follow(after=1, heartbeat_s=0.001)

        assert await anext(told) is None


async def _first(watch: WatchMachine, *, after: int | None) -> int:
    told = await anext(watch.follow(after=after))
    assert told is not None
    return told.number


def _temperature(sample: Sample) -> int | None:
    accelerators: tuple[Accelerator, ...] = sample.hardware.accelerators if sample.hardware else ()
    return accelerators[0].temperature_c if accelerators else None
