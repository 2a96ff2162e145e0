"""How a submission is sent over HTTP, beside its body: by whom, and whether it was sent before."""

import hashlib
import json
from dataclasses import dataclass
from typing import Annotated, Any

from litestar import Request
from litestar.params import HeaderParameter
from msgspec import Struct
from msgspec.structs import asdict

from adapters.http.openai.new_video import Wishes
from adapters.http.parameters import ClientHeader, KeyHeader
from application.derive_generation import Derived
from application.submission import Asked, Submission
from domain.job import LOCAL_CLIENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """What the headers say.

    Attributes:
        is_repeated: whether OpenAI's client says that it has had no answer to this before; None where it is
            none of theirs.
    """

    client: str
    idempotency_key: str | None
    is_repeated: bool | None
    traceparent: str | None

    def about(self, wishes: Wishes, *of: str) -> Asked:
        """That the `wishes` are asked, of what `of` says; a file counts by its content, not by its name.

        Blocks for as long as hashing a file takes.
        """
        return Asked(
            client=self.client,
            said=json.dumps([*of, _plain(wishes)], sort_keys=True).encode(),
            idempotency_key=self.idempotency_key,
            is_repeated=self.is_repeated,
        )

    def for_(self, asked: Asked, derived: Derived, *, priority: int) -> Submission:
        """What to submit."""
        return Submission(
            client=asked.client,
            said=asked.said,
            idempotency_key=asked.idempotency_key,
            is_repeated=asked.is_repeated,
            draft=derived.draft,
            made_from=derived.made_from,
            made_as=derived.made_as,
            priority=priority,
            traceparent=self.traceparent,
        )


def read_asking(
    request: Request[Any, Any, Any],
    idempotency_key: KeyHeader = None,
    client: ClientHeader = LOCAL_CLIENT,
    retry_count: Annotated[
        int | None,
        HeaderParameter(
            name="X-Stainless-Retry-Count",
            ge=0,
            description="How many times OpenAI's client has sent this before; it sends no key.",
        ),
    ] = None,
) -> Asking:
    """A dependency of routes that take submissions."""
    return Asking(
        client=client,
        idempotency_key=idempotency_key,
        is_repeated=None if retry_count is None else retry_count > 0,
        traceparent=request.scope["state"]["traceparent"],
    )


def _plain(value: object) -> object:
    """As JSON has it, but for what was left out: a later version may know more to leave out."""
    match value:
        case Struct():
            return {name: _plain(told) for name, told in asdict(value).items() if told is not None}
        case list():
            return [_plain(each) for each in value]
        case bytes():
            return hashlib.sha256(value).hexdigest()
        case _:
            return value
