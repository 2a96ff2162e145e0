"""Row S20: what is secret stays so, in logs, answers, files and names."""

import io
import sys
from pathlib import Path

import httpx
import pytest
from litestar import Litestar

from bootstrap.logging import configure_logging
from bootstrap.setting_sections import Log
from tests.fakes.jobs import InMemoryJobs
from tests.integration.http.test_generations import GENERATIONS
from tests.integration.http.threats.conftest import NewClient
from tests.integration.http.threats.real import Real

CANARY = "a canary named Zarzuela"


@pytest.fixture(params=["console", "json"])
def log(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, settled: None
) -> io.StringIO:
    """What the server's own log says at its usual level."""
    told = io.StringIO()
    monkeypatch.setattr(sys, "stderr", told)
    configure_logging(Log(format=request.param), process="server")
    return told


async def test_s20_neither_key_nor_prompt_is_in_a_log_an_answer_or_a_name(
    log: io.StringIO, real: Real
) -> None:
    job_id = await real.made(CANARY, negative_prompt=f"no {CANARY}")
    headers = {"X-Request-ID": real.secret, "Idempotency-Key": real.secret}
    await real.client.post(GENERATIONS, json={"prompt": CANARY, "checkpoint": "?"}, headers=headers)
    await real.client.post(GENERATIONS, content=CANARY.encode(), headers=headers)
    await real.client.post(f"{GENERATIONS}/{job_id}/retry")
    shown = (await real.client.get(f"{GENERATIONS}/{job_id}")).text

    assert "submitted" in log.getvalue()
    for secret in (real.secret, real.secret[17:]):
        assert secret not in log.getvalue()
        assert secret not in shown
        holders = [
            str(path)
            for path in real.data_dir.rglob("*")
            if secret in path.name or (path.is_file() and secret.encode() in path.read_bytes())
        ]
        # A client that names its submission by its key has told it to the database itself.
        assert {Path(holder).name.partition("-")[0] for holder in holders} <= {"jobs.db"}
    assert "Zarzuela" not in log.getvalue()
    assert not list(real.data_dir.rglob("*Zarzuela*"))


async def test_s20_nor_where_something_breaks(
    log: io.StringIO, new_client: NewClient, jobs: InMemoryJobs
) -> None:
    ann = new_client("ann")
    secret = ann.headers["authorization"].removeprefix("Bearer ")
    jobs.refusals.append(RuntimeError(f"while {secret} was looked at"))  # type: ignore[arg-type]

    answer = await ann.post(GENERATIONS, json={"prompt": CANARY})

    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "RuntimeError" in log.getvalue()
    assert secret not in log.getvalue() + answer.text
    assert "Zarzuela" not in log.getvalue() + answer.text
    assert "Traceback" not in answer.text


async def test_s20_a_prompt_that_is_refused_is_not_logged_either(
    log: io.StringIO, client: httpx.AsyncClient
) -> None:
    for body in ({"prompt": CANARY * 500}, {"prompt": CANARY, "steps": 0}, {"promt": CANARY}):
        assert (await client.post(GENERATIONS, json=body)).status_code == 422

    assert "Zarzuela" not in log.getvalue()


async def test_s20_no_answer_names_what_it_runs_on(
    app: Litestar, client: httpx.AsyncClient
) -> None:
    answer = await client.get("/livez")

    assert not {"server", "x-powered-by"} & {*answer.headers}
