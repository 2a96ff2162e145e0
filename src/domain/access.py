"""Who asks, and what they may do.

Without API keys there is one user, the local one, who may do everything. With keys, each key is a user:
what it asked for is its own, and nobody else's but an administrator's to see.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from domain.access_errors import QueueFull, ScopeMissing, ShareUsedUp
from domain.errors import InvalidRequest, Violation
from domain.generation import GenerationRequest
from domain.job import LOCAL_CLIENT


class Scope(StrEnum):
    """What a key may do; each may do all that those before it may."""

    READ = "read"
    GENERATE = "generate"
    ADMIN = "admin"

    def covers(self, needed: "Scope") -> bool:
        """Whether this is enough where `needed` is asked for."""
        ranks = list(Scope)
        return ranks.index(self) >= ranks.index(needed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """How much one key may ask for. The defaults: reliability.md §5.

    Attributes:
        waiting: generations of its own in line.
        submissions_per_minute: of generations, retries and uploads; twice as many at once.
        requests_per_minute: of everything else; twice as many at once.
        streams: of events, open at once.
        job_cost: width x height x frames x steps of one generation; None for what the server allows.
    """

    waiting: int = 100
    submissions_per_minute: int = 30
    requests_per_minute: int = 600
    streams: int = 16
    job_cost: int | None = None

    def __post_init__(self) -> None:
        """Raise `InvalidRequest` for numbers under which nothing could be asked for."""
        violations = [
            Violation(pointer=f"/{name}", reason="must be at least 1", nearest=(1,))
            for name in self.__slots__
            if (number := getattr(self, name)) is not None and number < 1
        ]
        if violations:
            raise InvalidRequest(violations)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks.

    Attributes:
        client: owns what is asked for: a key's id, or `local`.
        quota: None for the local user, who shares with nobody.
    """

    client: str
    scope: Scope
    quota: Quota | None = None

    @property
    def is_local(self) -> bool:
        return self.quota is None

    @property
    def sees_all(self) -> bool:
        """Whether everybody's generations are this caller's to see and to change."""
        return self.scope is Scope.ADMIN

    @property
    def share(self) -> int | None:
        """How many of its generations may wait; None for any number."""
        return self.quota.waiting if self.quota else None

    @property
    def job_cost(self) -> int | None:
        """What one of its generations may cost at most; None for any."""
        return self.quota.job_cost if self.quota else None

    def may_see(self, owner: str) -> bool:
        """Whether what `owner` asked for exists for this caller."""
        return self.sees_all or owner == self.client

    def demand(self, needed: Scope) -> None:
        """Raise `ScopeMissing` where this caller may not do what needs that scope."""
        if not self.scope.covers(needed):
            raise ScopeMissing(
                f"This key has the scope {self.scope}, and this needs {needed}: ask the operator for "
                f"a key with it (`wan keys create NAME --scope {needed}`)."
            )

    def demand_place(self, *, priority: int, preempts: bool) -> None:
        """Raise `ScopeMissing` where this caller may not go before others: only administrators may."""
        if (priority > 0 or preempts) and not self.sees_all:
            raise ScopeMissing(
                "Only a key with the scope admin may go before others: leave `preempt` out, and give "
                "a priority of at most 0."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """How many generations may wait: all in all, and of one client. None: any number."""

    total: int | None = None
    share: int | None = None

    def check(self, *, waiting: int, own: int) -> None:
        """Refuse one more.

        Args:
            waiting, own: how many wait, and how many of them are the client's; whoever counted may have
                stopped at `total` and `share`.

        Raises:
            ShareUsedUp, QueueFull: there is no room for it.
        """
        if self.share is not None and own >= self.share:
            raise ShareUsedUp(
                f"{own} of your generations wait, as many as may: let some be done first."
            )
        if self.total is not None and waiting >= self.total:
            raise QueueFull(f"{waiting} generations wait, as many as may: ask again later.")


#: The one user of a server without keys.
LOCAL: Final = Caller(client=LOCAL_CLIENT, scope=Scope.ADMIN)


def job_cost(request: GenerationRequest) -> int:
    """What a generation costs, in units that only compare: width x height x frames x steps."""
    return request.width * request.height * request.segments.num_frames * request.all_steps


def check_cost(request: GenerationRequest, cap: int | None) -> None:
    """Refuse what costs more than `cap`; None is no cap.

    Raises:
        InvalidRequest: with the most steps that could be had, where one could.
    """
    cost = job_cost(request)
    if cap is None or cost <= cap:
        return
    affordable = request.steps * cap // cost
    raise InvalidRequest(
        [
            Violation(
                pointer="/steps",
                reason=f"width x height x frames x steps is {cost:,}; at most {cap:,} are made here",
                nearest=(affordable,) if affordable else (),
            )
        ]
    )
