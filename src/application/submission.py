"""What is asked of the queue, and how the same is known when it is asked again."""

import json
from dataclasses import asdict, dataclass

from domain.derivation import Derivation
from domain.generation import GenerationDraft
from domain.idempotency import IdempotencyKey
from domain.job import LOCAL_CLIENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """That somebody asks for something, before it is known what that makes of a checkpoint.

    Attributes:
        client: who asks, where no key says it.
        said: all that decides what is made, in the client's own words.
        idempotency_key: the client's own name for this submission; sent again, it makes no second job.
        is_repeated: without such a name, whether the client says that it has sent this before and had no
            answer; None where it says neither.
    """

    client: str = LOCAL_CLIENT
    said: bytes = b""
    idempotency_key: str | None = None
    is_repeated: bool | None = None

    def key(self) -> IdempotencyKey | None:
        """The key together with what it stands for; None where nothing is known again."""
        if self.idempotency_key is not None:
            return IdempotencyKey.of(self.client, self.idempotency_key, self.meaning())
        if self.is_repeated is not None:
            return IdempotencyKey.unchosen(
                self.client, self.meaning(), is_repeated=self.is_repeated
            )
        return None

    def meaning(self) -> bytes:
        """Equal where the same is asked."""
        return self.said


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission(Asked):
    """What is asked, and how it is to wait. Where `said` is empty, the draft is what was said.

    Attributes:
        preempts: whether it may stop a running job of lower priority.
        traceparent: of the trace that the request is part of, if any.
        webhook_url: told once the generation is over.
        made_from: the generation that it is made from, or begins with a frame of.
        made_as: how it is; None where nobody says.
    """

    draft: GenerationDraft
    priority: int = 0
    preempts: bool = False
    made_from: str | None = None
    made_as: Derivation | None = None
    traceparent: str | None = None
    webhook_url: str | None = None

    def meaning(self) -> bytes:
        """Equal where the same is asked."""
        if self.said:
            return self.said
        # What was left out does not count: a later version may know more to leave out.
        said = asdict(self.draft, dict_factory=_what_was_said)
        if self.made_from is not None:
            said["made_from"] = [self.made_from, self.made_as]
        waits = [self.priority, self.preempts]
        told = [self.webhook_url] if self.webhook_url else []
        return json.dumps([said, *waits, *told], sort_keys=True).encode()


def _what_was_said(fields: list[tuple[str, object]]) -> dict[str, object]:
    return {name: value for name, value in fields if value is not None}
