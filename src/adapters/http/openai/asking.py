"""How a submission is sent over HTTP, beside its body: by whom, and whether it was sent before."""

from dataclasses import dataclass
from typing import Annotated, Any

from litestar import Request
from litestar.params import HeaderParameter

from adapters.http.parameters import ClientHeader, KeyHeader
from application.derive_generation import Derived
from application.submit_generation import Submission
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

    def for_(self, derived: Derived, *, priority: int) -> Submission:
        """What to submit."""
        return Submission(
            draft=derived.draft,
            made_from=derived.made_from,
            made_as=derived.made_as,
            client=self.client,
            priority=priority,
            idempotency_key=self.idempotency_key,
            is_repeated=self.is_repeated,
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
