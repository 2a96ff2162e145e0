"""Asks a live server whatever its own description allows and forbids, and reads every answer against it.

Run with: python benchmarks/fuzz_api.py [--cases 100] [--steps 300] [--seed 7] [--out FILE]
A server that draws test cards, with an API key that may do everything; some generations that are over, waiting, failed
or deleted, an upload, and a hub that has nothing. Then all phases of schemathesis over both APIs: examples,
the edges of each schema, values drawn at random (`--cases` for each operation), and sequences of operations that
hand each other their ids (`--steps` of them). Prints how many cases each phase had and each failure once; ends with 1
where there was any.
Target: 5,000 cases or more; no status of 500 or above, nothing that the description does not say, every refusal in
the shape of its API.
"""

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import Status, events, from_schema
from schemathesis.engine.run import INTERNAL_PHASES

from benchmarks.served import keyed_service
from tests.e2e.service import Service
from tests.fakes.hub_server import HubServer
from tests.integration.pictures import encoded

SMALL: dict[str, Any] = {"width": 32, "height": 32, "num_frames": 5, "steps": 2}
#: The dearest that may be asked for: what is drawn at random shall not keep the processor for minutes.
DEAREST = 64 * 64 * 9 * 4
#: Streams without an end: one is read for so long, or until it has told so much.
STREAM_S = 0.4
STREAM_EVENTS = 3


@dataclass(slots=True)
class Tally:
    """What was asked and what was wrong."""

    cases: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    failures: dict[tuple[str, str, str], str] = field(default_factory=dict)
    failed: Counter[str] = field(default_factory=Counter)


@schemathesis.check
def refusal_shape(_context: Any, response: Any, case: Any) -> None:
    """Every refusal is a problem; under `/v1`, an error as OpenAI's clients read it."""
    if response.status_code < 400 or case.method == "HEAD":
        return
    kind = response.headers.get("content-type", [""])[0]
    told = json.loads(response.content)
    if case.operation.path.startswith("/v1/"):
        assert kind == "application/json", kind
        assert told["error"].keys() == {"message", "type", "code", "param"}, told
    else:
        assert kind == "application/problem+json", kind
        assert told["status"] == response.status_code, told
        assert told.keys() >= {"type", "title", "detail", "instance", "code"}, told


def config(cases: int, steps: int, seed: int, known: Mapping[str, Any]) -> Any:
    """How schemathesis is to ask; `known`: by the name of a parameter, values that there are."""
    return SchemathesisConfig.from_dict(
        {
            "seed": seed,
            "continue-on-failure": True,
            "request-timeout": 20,
            "headers": {"Authorization": f"Bearer {known['secret']}"},
            "generation": {"max-examples": cases, "database": "none"},
            "warnings": False,
            "dictionaries": {name: {"values": known[name]} for name in ("generation", "model")},
            "parameters": {
                f"path.{name}": {"dictionary": kind, "probability": 0.5}
                for name, kind in {
                    "generation_id": "generation",
                    "output_id": "generation",
                    "video_id": "generation",
                    "model_id": "model",
                }.items()
            },
            "checks": {
                # What a checkpoint can do is more than a schema says: well-formed is not yet possible.
                "positive_data_acceptance": {"enabled": False},
                # What was deleted is shown by its id, and can be restored, until it is gone for good.
                "use_after_free": {"enabled": False},
            },
            "phases": {
                "stateful": {"generation": {"max-examples": steps}},
                "examples": {"fill-missing": True},
            },
            "operations": [
                {
                    "include-path-regex": "/events$",
                    "request-timeout": STREAM_S,
                    "max-stream-events": STREAM_EVENTS,
                }
            ],
        }
    )


def prepare(service: Service) -> Mapping[str, Any]:
    """Things to ask for, by their ids: a generation in each state, and an upload."""
    client = service.client
    ids = [service.submit(**SMALL, seed=seed) for seed in range(4)]
    for generation in ids:
        service.wait_until(generation, "completed")
    client.delete(f"/api/v1/outputs/{ids[0]}").raise_for_status()
    client.post("/api/v1/queue/pause").raise_for_status()
    waiting = [service.submit(**SMALL, seed=seed) for seed in range(4)]
    client.post(f"/api/v1/generations/{waiting[0]}/cancel").raise_for_status()
    client.post(
        "/api/v1/uploads", content=encoded("PNG"), headers={"Content-Type": "image/png"}
    ).raise_for_status()
    return {"generation": [*ids, *waiting], "model": ["mini", "mini-ti2v", "t2v-A14B", "ti2v-5B"]}


def run(base_url: str, settings: Any, tally: Tally) -> None:
    """All phases; each answer counted, each failure kept once."""
    schema = schemathesis.openapi.from_url(f"{base_url}/schema/openapi.json", config=settings)
    for event in from_schema(schema).execute():
        match event:
            case events.ScenarioFinished() if event.phase not in INTERNAL_PHASES:
                count(event, tally)
            case events.NonFatalError():
                key = (str(event.phase), event.label, type(event.value).__name__)
                tally.failures[key] = str(event.value)
                tally.failed["could not be asked"] += 1
            case events.FatalError():
                raise event.exception


def count(event: events.ScenarioFinished, tally: Tally) -> None:
    recorder = event.recorder
    tally.cases[event.phase.display] += len(recorder.interactions)
    for interaction in recorder.interactions.values():
        status = interaction.response.status_code if interaction.response else "none"
        tally.statuses[str(status)] += 1
    for case_id, checks in recorder.checks.items():
        for check in checks:
            if check.status is not Status.FAILURE or check.failure_info is None:
                continue
            case, told = recorder.cases[case_id].value, check.failure_info
            tally.failed[check.name] += 1
            key = (check.name, case.operation.label, told.failure.title)
            tally.failures.setdefault(key, f"{told.failure.message}\n{told.code_sample}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=100, help="drawn for each operation")
    parser.add_argument("--steps", type=int, default=300, help="sequences of operations")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path, help="where to write each failure in full")
    options = parser.parse_args()
    tally = Tally()
    with tempfile.TemporaryDirectory() as temporary, HubServer({}).running() as hub:
        folder = Path(temporary)
        service, secret = keyed_service(
            folder / "data", backend="synthetic", job_cost=DEAREST, hub__endpoint=hub.url,
            disk__soft_mib=0, disk__hard_mib=0, log__level="WARNING",
        )  # fmt: skip
        service.start()
        try:
            known = {**prepare(service), "secret": secret}
            began = time.monotonic()
            url = str(service.client.base_url).rstrip("/")
            run(url, config(options.cases, options.steps, options.seed, known), tally)
            seconds = time.monotonic() - began
            findings = service.audit()
        finally:
            service.close()
        log = service.log
    show(tally, seconds, findings, log, options.out)
    sys.exit(1 if tally.failures or findings else 0)


def show(tally: Tally, seconds: float, findings: str, log: str, out: Path | None) -> None:
    for phase, number in tally.cases.items():
        print(f"{phase:<44} {number:>7,} cases")
    print(f"{'in all':<44} {tally.cases.total():>7,} in {seconds:.0f} s")
    print("answers: " + ", ".join(f"{n:,} x {s}" for s, n in sorted(tally.statuses.items())))
    print(f"errors in the server's log: {log.count('request failed unexpectedly')}; "
          f"findings of wan audit: {findings or 0}")  # fmt: skip
    for name, number in sorted(tally.failed.items()):
        print(f"FAILED {name:<37} {number:>7,}")
    for check, label, title in sorted(tally.failures):
        print(f"  {check}: {label}: {title}")
    if out:
        told = [f"## {' | '.join(key)}\n{text}\n" for key, text in sorted(tally.failures.items())]
        out.write_text("\n".join([*told, "## log", log]))


if __name__ == "__main__":
    main()
