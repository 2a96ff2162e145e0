"""What a worker finds in its environment."""

import os

import pytest

from bootstrap.process_environment import (
    prepare_for_torch,
    visible_accelerators,
    worker_environment,
)


def test_a_worker_is_offline_and_sees_its_own_accelerator() -> None:
    environment = worker_environment("3")

    assert environment["CUDA_VISIBLE_DEVICES"] == "3"
    assert environment["HF_HUB_OFFLINE"] == "1"
    assert "PATH" in environment


def test_accelerators_are_counted_as_the_driver_counts_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # By itself CUDA counts the fastest first: the plan was for another card than the worker's.
    monkeypatch.setenv("CUDA_DEVICE_ORDER", "FASTEST_FIRST")

    assert worker_environment("0")["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"
    prepare_for_torch()
    assert os.environ["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"


def test_no_secret_of_ours_reaches_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "WAN_API_KEY",
        "WAN_WEBHOOKS__SECRET",
        "OTEL_EXPORTER_OTLP_HEADERS",
        "WAN_TELEMETRY__ENDPOINT",
    ):
        monkeypatch.setenv(name, "whsec_canary")

    assert "whsec_canary" not in worker_environment(None).values()


def test_workers_without_accelerators_share_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert "OMP_NUM_THREADS" not in worker_environment(None), "torch knows best"
    assert "OMP_NUM_THREADS" not in worker_environment("0", workers=2)
    cores = int(worker_environment(None, workers=2)["OMP_NUM_THREADS"])
    assert 1 <= cores <= max(1, (os.cpu_count() or 1) // 2)
    assert worker_environment(None, workers=1000)["OMP_NUM_THREADS"] == "1"

    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert worker_environment(None, workers=1000)["OMP_NUM_THREADS"] == "3", "an operator's rules"


def test_threads_that_wait_leave_their_core(monkeypatch: pytest.MonkeyPatch) -> None:
    # Two processes of two threads on two cores, each spinning: videos took ten times as long.
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    assert worker_environment(None)["OMP_WAIT_POLICY"] == "PASSIVE"

    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    assert worker_environment(None)["OMP_WAIT_POLICY"] == "ACTIVE"


def test_an_operators_own_choice_of_accelerators_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    # The worker got card 0 on a shared machine where its user had been given card 3.
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert visible_accelerators([0, 1]) == ["0", "1"]

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3, GPU-1")
    assert visible_accelerators([0, 1]) == ["3", "GPU-1"]


@pytest.mark.parametrize(("chosen", "seen"), [("", []), ("-1", []), ("1,-1,0", ["1"])])
def test_accelerators_can_be_hidden_as_cuda_does_it(
    chosen: str, seen: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", chosen)

    assert visible_accelerators([0, 1]) == seen
