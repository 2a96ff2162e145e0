"""A webhook outlives the server that was to send it; what watches over a server sees it all."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.e2e.service import NewService, wait_for

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class _Receiver(ThreadingHTTPServer):
    """Takes messages, and answers none of them before `ready`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.ready = threading.Event()
        self.ids: list[str] = []
        self.bodies: list[bytes] = []


class _Handler(BaseHTTPRequestHandler):
    server: _Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.ids.append(self.headers["webhook-id"])
        self.server.bodies.append(body)
        self.server.ready.wait(20)
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Silence."""


@contextmanager
def receiving() -> Iterator[_Receiver]:
    with _Receiver() as receiver:
        thread = threading.Thread(target=receiver.serve_forever)
        thread.start()
        try:
            yield receiver
        finally:
            receiver.ready.set()
            receiver.shutdown()
            thread.join()


def test_a_webhook_of_a_killed_server_is_delivered_by_the_next(new_service: NewService) -> None:
    with receiving() as receiver:
        service = new_service(
            backend="synthetic",
            webhooks__url=f"http://127.0.0.1:{receiver.server_port}/hook",
            webhooks__private_hosts="127.0.0.1",
            webhooks__secret=SECRET,
        )
        service.start()
        made = service.submit()
        wait_for(lambda: len(receiver.ids) == 1, seconds=30)
        arguments = [part for worker in service.workers() for part in worker.cmdline()]
        service.kill()
        assert not any(SECRET in part for part in arguments), "everybody can read them"

        receiver.ready.set()
        service.start()
        metrics = service.client.get("/metrics")
        wait_for(lambda: len(receiver.ids) == 2, seconds=30)

        assert len(set(receiver.ids)) == 1, "the receiver can tell that it is the same"
        assert made.encode() in receiver.bodies[1]
        assert 'wan_worker_up{slot="0"} 1.0' in metrics.text
        wait_for(
            lambda: "wan_webhooks_waiting 0.0" in service.client.get("/metrics").text, seconds=10
        )
        assert SECRET not in service.log
        assert not service.audit()
