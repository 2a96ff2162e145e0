"""Encoding beside decoding: in order, never far behind, and over when either is."""

import threading
from collections.abc import Iterable, Iterator

import pytest

from application.encode_alongside import CHUNKS_AHEAD, encode_alongside
from domain.appearance import Appearance
from domain.errors import DiskFull, RenderCancelled
from domain.ports.video_encoder import Footage
from domain.video import FrameChunk

TIMEOUT_S = 10


def a_chunk(sample: int) -> FrameChunk:
    return FrameChunk(rgb=memoryview(bytes([sample])), num_frames=1, height=1, width=1)


def chunks(count: int) -> Iterator[FrameChunk]:
    return (a_chunk(number) for number in range(count))


def footage(num_frames: int) -> Footage:
    return Footage(
        width=1,
        height=1,
        num_frames=num_frames,
        fps=1,
        duration_s=1,
        codec="fake",
        appearance=Appearance(brightness=100, contrast=50, motion=20),
        metadata={},
        pictures_sha256="",
    )


class Encoder:
    """Keeps the samples it was given. `fails_at`: how many chunks it takes before its disk is full."""

    def __init__(self, fails_at: int | None = None) -> None:
        self._fails_at = fails_at
        self.samples: list[int] = []
        self.thread: threading.Thread | None = None
        self.is_cut_short = False

    def encode(self, given: Iterable[FrameChunk]) -> Footage:
        self.thread = threading.current_thread()
        try:
            for chunk in given:
                if len(self.samples) == self._fails_at:
                    raise DiskFull
                self.samples += chunk.rgb.tolist()
        except DiskFull:
            raise
        except BaseException:
            self.is_cut_short = True
            raise
        return footage(len(self.samples))


def test_every_chunk_is_encoded_in_order_on_another_thread() -> None:
    encoder = Encoder()

    made = encode_alongside(encoder.encode, chunks(20))

    assert encoder.samples == list(range(20))
    assert made == footage(20)
    assert encoder.thread not in {None, threading.current_thread()}


def test_decoding_goes_on_while_a_chunk_is_encoded_but_no_further_than_it_may() -> None:
    may_encode = threading.Event()
    made: list[int] = []

    def decoded() -> Iterator[FrameChunk]:
        for number in range(CHUNKS_AHEAD + 4):
            made.append(number)
            if number == CHUNKS_AHEAD + 1:  # one is being encoded, the others wait
                may_encode.set()
            yield a_chunk(number)

    def encode(given: Iterable[FrameChunk]) -> Footage:
        count = 0
        for count, _chunk in enumerate(given, start=1):
            assert may_encode.wait(TIMEOUT_S), "decoding waits for the encoder"
            assert len(made) <= count + CHUNKS_AHEAD + 1
        return footage(count)

    assert encode_alongside(encode, decoded()).num_frames == CHUNKS_AHEAD + 4


def test_what_stops_the_decoding_cuts_the_encoder_short() -> None:
    encoder = Encoder()

    def cancelled() -> Iterator[FrameChunk]:
        yield a_chunk(0)
        raise RenderCancelled

    with pytest.raises(RenderCancelled):
        encode_alongside(encoder.encode, cancelled())

    assert encoder.is_cut_short, "half a video is none"
    assert encoder.thread is not None
    assert not encoder.thread.is_alive()


@pytest.mark.parametrize("taken", [0, 1, 7])
def test_an_encoder_that_fails_ends_the_decoding(taken: int) -> None:
    encoder = Encoder(fails_at=taken)
    made: list[int] = []

    def decoded() -> Iterator[FrameChunk]:
        for number in range(1000):
            made.append(number)
            yield a_chunk(number)

    with pytest.raises(DiskFull):
        encode_alongside(encoder.encode, decoded())

    assert len(made) <= taken + 1 + CHUNKS_AHEAD + 1
    assert encoder.samples == list(range(taken))
