"""Start the service, ask it for one video over HTTP, watch it being made, and keep the file.

Run with: make demo   (or: python examples/demo.py "a prompt")
"""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[1]
WAN = Path(sys.executable).with_name("wan")
PROMPT = "a red circle moving right"
#: Where `make serve` listens.
SERVED_AT = "http://127.0.0.1:8022"


def main() -> None:
    """Submit, follow, download."""
    prompt = sys.argv[1] if len(sys.argv) > 1 else PROMPT
    with service(ROOT / ".data") as client:
        answer = client.post("/api/v1/generations", json={"prompt": prompt}).raise_for_status()
        generation = answer.json()
        print(f"submitted  {generation['id']}: {prompt!r}, seed {generation['request']['seed']}")

        for event in events(client, generation["id"]):
            stage = (event["stage"] or event["status"]).replace("_", " ")
            steps = f" {event['step']}/{event['steps']}" if event["stage"] == "denoising" else ""
            print(f"{event['progress']:>8.0%}  {stage}{steps}", flush=True)

        generation = client.get(f"/api/v1/generations/{generation['id']}").json()
        if generation["status"] != "completed":
            sys.exit(f"It {generation['status']}: {(generation['error'] or {}).get('detail')}")

        video = client.get(generation["links"]["video"]).raise_for_status().content
        path = ROOT / ".data" / "demo" / f"{generation['id']}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(video)
        print(
            f"\nThe same from a program, while `make serve` runs:\n\n{snippet(SERVED_AT, prompt)}\n"
        )
        print(path)


def snippet(url: str, prompt: str) -> str:
    """A program that asks the service at `url` for a video by OpenAI's client: `pip install openai`."""
    return f"""\
import openai
videos = openai.OpenAI(base_url="{url}/v1", api_key="none").videos
videos.download_content(videos.create_and_poll(prompt={prompt!r}).id).write_to_file("out.mp4")"""


@contextmanager
def service(data_dir: Path) -> Iterator[httpx.Client]:
    """A running `wan serve`, stopped in the end; yields a client of it."""
    port = free_port()
    command = [WAN, "serve", "--port", str(port), "--data-dir", data_dir / "service"]
    data_dir.mkdir(parents=True, exist_ok=True)
    with (data_dir / "demo.log").open("w") as log:
        server = subprocess.Popen(command, stderr=log)
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
                wait_until_ready(client, server, data_dir / "demo.log")
                print(f"serving    {client.base_url}")
                yield client
        finally:
            server.terminate()
            server.wait(timeout=30)


def wait_until_ready(client: httpx.Client, server: "subprocess.Popen[bytes]", log: Path) -> None:
    """Return once the service answers; end the program with its own words if it does not."""
    for _ in range(300):
        try:
            if client.get("/readyz").is_success:
                return
        except httpx.ConnectError:
            pass
        if server.poll() is not None:
            break
        time.sleep(0.1)
    sys.exit(f"The service did not start. It said:\n{log.read_text()}")


def events(client: httpx.Client, generation_id: str) -> Iterator[dict[str, object]]:
    """The generation's events as they come, until its last."""
    url = f"/api/v1/generations/{generation_id}/events"
    with client.stream("GET", url, timeout=None) as stream:
        for line in stream.iter_lines():
            if line.startswith("data: "):
                yield json.loads(line.removeprefix("data: "))


def free_port() -> int:
    """A port nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
