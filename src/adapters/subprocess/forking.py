"""The preloaded process's end: a fork of itself for each request, until the server is gone.

A request is one message on the control socket: the worker's arguments, with three descriptors. Two are its
end of the pipe to the server. On the third the server is told its process, and later how that ended;
a third that closes before means that there is no worker, or nobody who could say.
"""

import os
import selectors
import socket
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import msgspec

#: Descriptors of a request.
_HANDED: Final = 3
_MAX_REQUEST_BYTES: Final = 65536
#: Bytes of a process id, and of an exit status: negative for a signal.
NUMBER_BYTES: Final = 4


@dataclass(frozen=True, slots=True)
class _Child:
    process_id: int
    #: Readable once it has ended.
    handle: int
    #: Where its end is told.
    teller: socket.socket

    def forget(self) -> None:
        os.close(self.handle)
        self.teller.close()


def request(arguments: Sequence[str]) -> bytes:
    """What the server sends, beside the descriptors."""
    return msgspec.msgpack.encode(arguments)


def serve_forks(control: socket.socket) -> Sequence[str] | None:
    """Fork for each request and tell each end. Returns, as a fork does, in two processes.

    Returns:
        In a forked process: the request's arguments; the pipe is on its standard input and output, and
        nothing of other requests is left. Here: None, once the server has closed `control`, or died.
    """
    children: dict[int, _Child] = {}
    with selectors.DefaultSelector() as ready, control:
        ready.register(control, selectors.EVENT_READ)
        while True:
            for key, _ in ready.select():
                if key.fileobj is not control:
                    ready.unregister(key.fd)
                    _tell_end(children.pop(key.fd))
                    continue
                told, handed, _, _ = socket.recv_fds(
                    control, _MAX_REQUEST_BYTES, _HANDED, socket.MSG_CMSG_CLOEXEC
                )
                if not told:
                    return None
                inward, outward, teller = handed
                with suppress(
                    OSError
                ):  # no process, or no memory, is to be had: the server is told
                    if (child := _fork(socket.socket(fileno=teller))) is None:
                        for other in children.values():
                            other.forget()
                        _to_standard_streams(inward, outward)
                        arguments: list[str] = msgspec.msgpack.decode(told, type=list[str])
                        return arguments
                    children[child.handle] = child
                    ready.register(child.handle, selectors.EVENT_READ)
                os.close(inward)
                os.close(outward)


def _fork(teller: socket.socket) -> _Child | None:
    """The child; None in the child itself."""
    try:
        if (process_id := os.fork()) == 0:
            teller.close()
            return None
        handle = os.pidfd_open(process_id)  # nobody else waits for it: it is still this process's
    except OSError:
        teller.close()
        raise
    with suppress(OSError):  # the server is gone: its worker finds out by itself
        number = process_id.to_bytes(NUMBER_BYTES, "big", signed=True)
        socket.send_fds(teller, [number], [handle])
    return _Child(process_id, handle, teller)


def _tell_end(child: _Child) -> None:
    _, status = os.waitpid(child.process_id, 0)
    with suppress(OSError):
        number = os.waitstatus_to_exitcode(status)
        child.teller.send(number.to_bytes(NUMBER_BYTES, "big", signed=True))
    child.forget()


def _to_standard_streams(inward: int, outward: int) -> None:
    for given, standard in ((inward, 0), (outward, 1)):
        os.dup2(given, standard)
        os.close(given)
