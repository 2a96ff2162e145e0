"""A hub on loopback that speaks as huggingface.co does, and misbehaves on request."""

import hashlib
import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

from tests.fakes.checkpoint_store import git_sha1
from tests.fakes.model_hub import COMMIT


@dataclass
class HubServer:
    """The repositories of one hub, and what goes wrong with them.

    Attributes:
        cuts: file -> bytes after which each of the next answers about it is cut.
        wrong: file -> how many of the next answers have a wrong first byte.
        refusal: (status, X-Error-Code) of every answer.
        redirects: whether files lie elsewhere, as they do on a CDN.
        knows_ranges: whether it can begin in the middle.
        bytes_per_s: how fast it gives files; 0 is at once.
        requests: (path, Range header) of each request.
        tokens: (path, Authorization header) of each.
    """

    repositories: dict[str, Mapping[str, bytes]]
    commit: str = COMMIT
    cuts: dict[str, list[int]] = field(default_factory=dict)
    wrong: dict[str, int] = field(default_factory=dict)
    refusal: tuple[int, str] | None = None
    redirects: bool = False
    knows_ranges: bool = True
    bytes_per_s: int = 0
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    tokens: list[tuple[str, str | None]] = field(default_factory=list)
    url: str = ""

    @contextmanager
    def running(self) -> Iterator["HubServer"]:
        """Serve on a free port."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": self}))
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        self.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield self
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


class _Handler(BaseHTTPRequestHandler):
    hub: HubServer

    protocol_version = "HTTP/1.1"

    def log_message(self, *_told: object) -> None:
        pass

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append((path, self.headers.get("Range")))
        self.hub.tokens.append((path, self.headers.get("Authorization")))
        parts = path.strip("/").split("/")
        if self.hub.refusal:
            self._refuse(*self.hub.refusal)
        elif parts[:2] == ["api", "models"]:
            self._list("/".join(parts[2:4]), parts[5])
        elif parts[0] == "cdn":
            self._give("/".join(parts[1:3]), "/".join(parts[3:]))
        elif self.hub.redirects:
            self.send_response(302)
            self.send_header(
                "Location",
                f"{self.hub.url.replace('127.0.0.1', 'localhost')}/cdn/{parts[0]}/{parts[1]}/{'/'.join(parts[4:])}",
            )
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self._give("/".join(parts[:2]), "/".join(parts[4:]))

    def _list(self, repository: str, revision: str) -> None:
        if repository not in self.hub.repositories:
            return self._refuse(401, "")  # what the hub says of a repository it does not have
        if revision not in {"main", self.hub.commit}:
            return self._refuse(404, "RevisionNotFound")
        siblings = []
        for name, content in self.hub.repositories[repository].items():
            told: dict[str, object] = {
                "rfilename": name, "size": len(content), "blobId": git_sha1(content)
            }  # fmt: skip
            if name.endswith(".safetensors"):
                sha256 = hashlib.sha256(content).hexdigest()
                told["lfs"] = {"sha256": sha256, "size": len(content), "pointerSize": 134}
            siblings.append(told)
        body = json.dumps({"id": repository, "sha": self.hub.commit, "siblings": siblings}).encode()
        self._answer(200, body, {"Content-Type": "application/json"})
        return None

    def _give(self, repository: str, name: str) -> None:
        content = self.hub.repositories.get(repository, {}).get(name)
        if content is None:
            return self._refuse(404, "EntryNotFound")
        if self.hub.wrong.get(name):
            self.hub.wrong[name] -= 1
            content = bytes([content[0] ^ 1]) + content[1:]
        asked = self.headers.get("Range")
        headers = {"X-Repo-Commit": self.hub.commit, "ETag": '"x"'}
        status, start = 200, 0
        if asked and self.hub.knows_ranges:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            status = 206
        pending = self.hub.cuts.get(name)
        cut = pending.pop(0) if pending else None
        self._answer(status, content[start:], headers, cut)
        return None

    def _refuse(self, status: int, code: str) -> None:
        self._answer(status, b"{}", {"X-Error-Code": code} if code else {})

    def _answer(
        self, status: int, body: bytes, headers: Mapping[str, str], cut: int | None = None
    ) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        sent = body if cut is None else body[:cut]
        self.close_connection = cut is not None
        piece = self.hub.bytes_per_s // 50 or len(sent) or 1
        try:
            for offset in range(0, len(sent), piece):
                self.wfile.write(sent[offset : offset + piece])
                if self.hub.bytes_per_s:
                    time.sleep(1 / 50)
        except ConnectionError:  # whoever asked was killed, or has enough
            self.close_connection = True
