"""What `deploy/` names exists, and what runs there is hardened. Containers are not built here."""

import json
import re
from typing import Any

import pytest
import yaml

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
    stages = re.split(r"^FROM ", (DEPLOY / "Dockerfile").read_text(), flags=re.M)
    [stage] = [stage for stage in stages if re.match(rf"\S+ AS {target}\n", stage)]

    lines = stage.splitlines()
    assert "USER 10001" in lines
    assert "VOLUME /data" in lines
    assert lines.index("USER 10001") < lines.index('CMD ["wan", "serve"]')
    assert "HEALTHCHECK" in stage


def test_whatever_an_image_copies_is_sent_to_be_built() -> None:
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().split() if line[0] == "!"}
    dockerfile = (DEPLOY / "Dockerfile").read_text()

    copied = {
        name
        for line in re.findall(r"^COPY (?!--from)(.+) \S+$", dockerfile, re.M)
        for name in line.split()
    }

    assert copied == sent
    assert all((ROOT / name).exists() for name in copied)


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
