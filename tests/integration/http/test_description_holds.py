"""Every answer is as the API's description says, whatever is asked: the short form of `benchmarks/fuzz_api.py`.

schemathesis asks for the edges of each schema, and for some values drawn at random, always the same.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import httpx
import pytest
import schemathesis
from litestar import Litestar
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import Status, events, from_schema

from application.submit_generation import Limits
from tests.integration.http.raw import OWN_ORIGIN

PHASES = ("examples", "coverage", "fuzzing", "stateful")


@pytest.fixture
def limits() -> Limits:
    """So many in line as are asked for."""
    return replace(Limits(), waiting=None)


def config(phase: str, mode: str) -> Any:
    return SchemathesisConfig.from_dict(
        {
            "seed": 7,
            "continue-on-failure": True,
            "base-url": OWN_ORIGIN,
            "warnings": False,
            "generation": {
                "mode": mode,
                "max-examples": 3,
                "deterministic": True,
                "database": "none",
            },
            "phases": {name: {"enabled": name == phase} for name in PHASES},
            "checks": {"positive_data_acceptance": {"enabled": False}},
            "operations": [{"include-path-regex": "/events$", "enabled": False}],
        }
    )


def ask(
    app: Litestar, document: Mapping[str, Any], phase: str, mode: str
) -> tuple[Counter[int], set[str]]:
    """How many answers had each status, and what was wrong."""
    schema = schemathesis.openapi.from_dict(dict(document), config=config(phase, mode))
    schema.app = app
    statuses: Counter[int] = Counter()
    faults: set[str] = set()
    for event in from_schema(schema).execute():
        assert not isinstance(event, events.FatalError | events.NonFatalError), event
        if not isinstance(event, events.ScenarioFinished):
            continue
        for interaction in event.recorder.interactions.values():
            assert interaction.response is not None
            statuses[interaction.response.status_code] += 1
        faults |= {
            f"{check.name}: {check.failure_info.failure.message}\n{check.failure_info.code_sample}"
            for checks in event.recorder.checks.values()
            for check in checks
            if check.status is Status.FAILURE and check.failure_info is not None
        }
    return statuses, faults


@pytest.mark.parametrize(
    ("phase", "mode", "at_least"), [("coverage", "positive", 700), ("fuzzing", "all", 100)]
)
async def test_every_answer_is_as_it_is_described(
    app: Litestar, client: httpx.AsyncClient, phase: str, mode: str, at_least: int
) -> None:
    document = (await client.get("/schema/openapi.json")).json()

    statuses, faults = await asyncio.to_thread(ask, app, document, phase, mode)

    assert faults == set()
    assert statuses.total() >= at_least
    assert not [status for status in statuses if status >= 500]
