"""What `deploy/` names exists, and what runs there is hardened. Containers are not built here."""

import json
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from adapters.http.page import BUILT_PAGE
from adapters.prometheus.exposition import Exposition
from domain.service_state import AcceleratorMemory, ServiceState, SlotCondition
from tests.architecture.source_tree import ROOT

DEPLOY = ROOT / "deploy"
_SUFFIX = re.compile(r"_(bucket|sum|count|total|created)$")


def exposed() -> set[str]:
    """Every family of ours in `/metrics`, whether or not it has a sample yet."""
    state = ServiceState(
        waiting=1,
        oldest_waiting_s=1.0,
        slots=[SlotCondition(number=0, is_up=True, silence_s=1.0, fenced_out=0)],
        holds={"paused": False},
        free_disk_bytes=1,
        accelerators=[AcceleratorMemory(index=0, used_bytes=1, total_bytes=2)],
        journal_bytes=1,
        webhooks_waiting=0,
    )
    text = Exposition("1").text(state).decode()
    return {_SUFFIX.sub("", name) for name in re.findall(r"^# TYPE (wan_\w+)", text, re.M)}


def named(text: str) -> set[str]:
    return {_SUFFIX.sub("", name) for name in re.findall(r"\bwan_[a-z_]+\b", text)} - {
        "wan_metrics_key"
    }


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((DEPLOY / "prometheus/alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def dockerfile() -> str:
    return (DEPLOY / "Dockerfile").read_text()


def stages(name: str) -> list[str]:
    found = re.split(r"^FROM ", dockerfile(), flags=re.M)
    return [stage for stage in found if re.match(rf"\S+ AS {name}\n", stage)]


def test_every_alert_is_about_a_metric_that_there_is() -> None:
    assert len(rules()) >= 8
    for rule in rules():
        assert rule["annotations"]["summary"].endswith(".")
        assert rule["labels"]["severity"] in {"warning", "critical"}
        used = named(rule["expr"])
        assert used <= exposed(), rule["alert"]
        assert used or "up{" in rule["expr"]


def test_every_panel_shows_a_metric_that_there_is() -> None:
    panels = json.loads((DEPLOY / "grafana/wan-studio.json").read_text())["panels"]

    shown = set()
    for panel in panels:
        for target in panel["targets"]:
            shown |= named(target["expr"])

    assert shown == exposed(), "and every metric is shown"
    assert len({panel["id"] for panel in panels}) == len(panels)


def test_the_documents_name_every_metric_and_no_other() -> None:
    assert named((ROOT / "docs/metrics.md").read_text()) == exposed()


def test_what_runs_in_a_container_may_write_its_data_and_nothing_else() -> None:
    compose = yaml.safe_load((DEPLOY / "compose.yml").read_text())

    for name, service in compose["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert all(port.startswith("127.0.0.1:") for port in service["ports"]), name
        writable = [volume for volume in service["volumes"] if not volume.endswith(":ro")]
        assert len(writable) == 1, name


@pytest.mark.parametrize("target", ["cpu", "cuda"])
def test_an_image_runs_as_nobody_in_particular(target: str) -> None:
    [stage] = stages(target)

    lines = stage.splitlines()
    assert "USER 10001" in lines
    assert "VOLUME /data" in lines
    assert lines.index("USER 10001") < lines.index('CMD ["wan", "serve"]')
    assert "HEALTHCHECK" in stage


def test_whatever_an_image_copies_is_sent_to_be_built() -> None:
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().split() if line[0] == "!"}

    copied = {
        name
        for line in re.findall(r"^COPY (?!--from)(.+) \S+$", dockerfile(), re.M)
        for name in line.split()
    }

    assert {name.split("/")[0] for name in copied} == sent
    assert all((ROOT / name).exists() for name in copied)


def test_the_page_is_built_where_it_is_served_and_installed_from() -> None:
    config = (ROOT / "frontend/vite.config.ts").read_text()
    [told] = re.findall(r'outDir: "(.+)"', config)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    here = BUILT_PAGE.relative_to(ROOT)

    assert (ROOT / "frontend" / told).resolve() == BUILT_PAGE
    assert f"{BUILT_PAGE.name}/**" in project["tool"]["setuptools"]["package-data"]["adapters.http"]
    assert f"\nPAGE := {here}/index.html\n" in (ROOT / "Makefile").read_text()
    assert f"\n/{here}/\n" in (ROOT / ".gitignore").read_text()


@pytest.mark.parametrize("target", ["cpu", "cuda"])
def test_an_image_is_installed_with_a_page_of_its_own_build(target: str) -> None:
    here = BUILT_PAGE.relative_to(ROOT)
    [stage] = stages(f"build-{target}")

    copied = stage.index(f"COPY --from=page /src/{here} {here}\n")

    assert stage.index("COPY src src\n") < copied < stage.index("-c constraints.txt")
    assert str(here) in (ROOT / ".dockerignore").read_text().split(), "an older one is not sent"


def test_what_describes_the_api_for_the_page_needs_what_its_stage_installs_and_no_more(
    tmp_path: Path,
) -> None:
    [stage] = stages("api")
    [line] = re.findall(r"-c constraints.txt (.+?) &&", stage.replace("\\\n", " "))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    ours = {Requirement(text).name for text in project["dependencies"]}
    script = "import sys; from bootstrap.api_description import main; main(); print(*sys.modules)"

    ran = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "api.json")],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )

    owners = metadata.packages_distributions()
    loaded = {
        canonicalize_name(name) for module in ran.stdout.split() for name in owners.get(module, ())
    }
    assert {Requirement(name.strip('"')).name for name in line.split()} == ours & loaded


def test_the_service_may_write_one_folder() -> None:
    unit = (DEPLOY / "systemd/wan-studio.service").read_text()

    for line in (
        "User=wan-studio",
        "StateDirectory=wan-studio",
        "ProtectSystem=strict",
        "NoNewPrivileges=yes",
        "CapabilityBoundingSet=",
        "KillMode=mixed",
    ):
        assert f"\n{line}\n" in unit
    assert "ReadWritePaths" not in unit
