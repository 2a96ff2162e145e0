"""How busy the processors are, whoever asks."""

import threading
import time

from adapters.hardware.cpu_load import CpuLoad


def busy(seconds: float) -> None:
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


def test_the_first_answer_is_no_invented_zero_whichever_thread_asks() -> None:
    # psutil remembers by thread: every new one was told 0.0.
    load = CpuLoad()
    busy(0.15)
    told: list[float] = []

    thread = threading.Thread(target=lambda: told.append(load.percent()))
    thread.start()
    thread.join()

    assert 0 < told[0] <= 100


def test_one_who_asks_at_once_waits_for_the_least_that_says_something() -> None:
    load, begun = CpuLoad(), time.monotonic()
    busy(0.02)

    told = load.percent()

    assert time.monotonic() - begun >= 0.1
    assert 0 < told <= 100


def test_asked_again_within_a_moment_it_says_the_same() -> None:
    load = CpuLoad()
    busy(0.1)

    assert load.percent() == load.percent()
