"""Writes the examples in the description of the API anew: `python -m tests.integration.api_examples`.

What a server answers, and what it was asked with, word for word; of long lists, the beginning.
"""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from adapters.http import openapi_examples
from domain.repository import REPOSITORIES
from tests.fakes.hub_server import HubServer
from tests.integration.live_server import serving
from tests.integration.pictures import encoded
from tests.integration.weights import write_weights

ASKED: dict[str, Any] = {
    "prompt": "a red circle moving right on a blue background",
    "checkpoint": "mini",
    "seed": 7,
}
VIDEO: dict[str, Any] = {"prompt": ASKED["prompt"], "model": "mini", "seconds": "2", "seed": 7}
#: Entries of a list that an example shows.
SHOWN = 2


class Recorder:
    """Asks a server, and keeps what it was asked and what it said by the names of their types."""

    def __init__(self, url: str) -> None:
        self.kept: dict[str, Any] = {}
        self._client = httpx.Client(base_url=url, timeout=60)

    def get(self, name: str, path: str) -> Any:
        return self._keep(name, self._client.get(path).raise_for_status().json())

    def post(self, name: str, path: str, asked: str = "", body: Any = None) -> Any:
        return self.ask("POST", name, path, asked, body)

    def ask(self, method: str, name: str, path: str, asked: str = "", body: Any = None) -> Any:
        answer = self._client.request(method, path, json=body).raise_for_status()
        if asked:
            self.kept[asked] = body
        return self._keep(name, answer.json() if answer.content else None)

    def upload(self) -> str:
        picture, head = encoded("PNG", (128, 128)), {"Content-Type": "image/png"}
        answer = self._client.post("/api/v1/uploads", content=picture, headers=head)
        return str(self._keep("Upload", answer.raise_for_status().json())["id"])

    def text(self, name: str, path: str, about: str) -> None:
        """The lines of a text that are about that."""
        told = self._client.get(path).raise_for_status().text.splitlines(keepends=True)
        self.kept[name] = "".join(line for line in told if about in line)

    def event(self, name: str, path: str, number: int) -> None:
        """The stream's event of that number, from 0; all of it where it ends."""
        with self._client.stream("GET", path) as stream:
            for position, event in enumerate(_events(stream.iter_lines())):
                self.kept[name] = event
                if position == number:
                    return

    def _keep(self, name: str, told: Any) -> Any:
        if name:
            self.kept[name] = told
        return told


def _events(lines: Iterator[str]) -> Iterator[dict[str, str]]:
    event: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(": ")
        if name == "data":
            yield {**event, "data": value}
        elif name in {"id", "event"}:
            event[name] = value


def record(url: str) -> dict[str, Any]:
    """One example of each type, from a server at `url` that has made nothing yet."""
    wan = Recorder(url)
    for name, path in (("Alive", "/livez"), ("Started", "/startupz"), ("Ready", "/readyz")):
        wan.get(name, path)
    wan.get("PresetList", "/api/v1/presets")
    wan.get("LoraList", "/api/v1/loras")
    wan.get("LoraFacts", "/api/v1/loras/turn")
    wan.get("ModelList", "/api/v1/models")
    wan.get("Model", "/api/v1/models/mini")
    wan.get("Offer", "/api/v1/models/ti2v-5B/offer")
    wan.get("UsableModels", "/v1/models")
    wan.get("UsableModel", "/v1/models/mini")
    wan.post("CheckpointWork", "/api/v1/models/mini/verify")
    planned = {"checkpoint": "t2v-A14B", "width": 832, "height": 480, "num_frames": 81}
    planned |= {"accelerator_bytes": 24 << 30, "host_bytes": 64 << 30}
    wan.post("Plan", "/api/v1/plans", "NewPlan", planned)
    wan.upload()

    wan.post("", "/api/v1/queue/pause")
    done = wan.post("", "/api/v1/generations", "NewGeneration", ASKED)["id"]
    waiting = wan.post("", "/api/v1/generations", "", {**ASKED, "seed": 8})["id"]
    wan.ask("PATCH", "", f"/api/v1/queue/{waiting}", "Move", {"position": 1})
    wan.get("Queue", "/api/v1/queue")
    wan.post("", "/api/v1/queue/resume")
    for generation in (waiting, done):
        wan.event("GenerationEvent", f"/api/v1/generations/{generation}/events", 1 << 20)
    wan.event("GenerationEvent", f"/api/v1/generations/{done}/events?after=0", 6)
    wan.get("Generation", f"/api/v1/generations/{done}")
    wan.get("GenerationPage", "/api/v1/generations")
    judged = {"rating": 5, "favourite": True}
    wan.ask("PATCH", "", f"/api/v1/outputs/{done}", "Judgement", judged)

    created = wan.post("Video", "/v1/videos", "NewVideo", VIDEO)["id"]
    of = {"video": {"id": done}}
    words = {"prompt": "a green star moving left"}
    other = wan.post("", f"/v1/videos/{done}/remix", "NewRemix", words)["id"]
    edit = {**words, **of, "strength": 0.7}
    anew = wan.post("", "/v1/videos/edits", "NewEdit", edit)["id"]
    more = {**words, **of, "model": "mini-ti2v", "seconds": "1"}
    longer = wan.post("", "/v1/videos/extensions", "NewExtension", more)["id"]
    for generation in (created, other, anew, longer):
        wan.event("", f"/api/v1/generations/{generation}/events", 1 << 20)
    wan.kept.pop("")
    wan.get("Video", f"/v1/videos/{other}")
    wan.get("VideoPage", "/v1/videos?limit=2")
    wan.ask("DELETE", "DeletedVideo", f"/v1/videos/{longer}")

    wan.get("OutputPage", f"/api/v1/outputs?limit={SHOWN}")
    wan.get("Output", f"/api/v1/outputs/{done}")
    wan.get("Manifest", f"/api/v1/outputs/{done}/manifest")
    wan.get("Runs", "/api/v1/runs")
    wan.get("System", "/api/v1/system")
    wan.event("SystemEvent", "/api/v1/system/events", 0)
    wan.get("SystemHistory", "/api/v1/system/history")
    wan.text("tell_metrics", "/metrics", "wan_queue_depth")
    # Only a pull leaves something to be removed.
    wan.kept["Removal"] = {"files": 12, "freed_bytes": 17_000_000_000, "left": ["notes.txt"]}
    return {name: _short(told) for name, told in sorted(wan.kept.items())}


def _short(told: Any) -> Any:
    match told:
        case dict():
            return {name: _short(value) for name, value in told.items()}
        case [dict(), *_]:
            return [_short(value) for value in told[:SHOWN]]
        case _:
            return told


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        data_dir = Path(folder) / "data"
        name = "diffusion_model.blocks.0.self_attn.q.lora_{}.weight"
        turn = {name.format("A"): ("F32", (4, 64)), name.format("B"): ("F32", (64, 4))}
        (data_dir / "loras").mkdir(parents=True)
        (data_dir / "wan-studio.json").write_text('{"product": "wan-studio", "format": 1}\n')
        write_weights(data_dir / "loras" / "turn.safetensors", turn)
        files = {"model_index.json": b"{}", "transformer/model.safetensors": bytes(1 << 20)}
        hub = HubServer({REPOSITORIES["ti2v-5B"]: files})
        with hub.running(), serving(data_dir, hub__endpoint=hub.url) as url:
            kept = record(url)
    openapi_examples._FILE.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
