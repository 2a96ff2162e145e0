"""What a caller may do, see and ask for."""

import pytest

from domain.access import LOCAL, Caller, Quota, Room, Scope, check_cost, job_cost
from domain.access_errors import QueueFull, ScopeMissing, ShareUsedUp
from domain.errors import InvalidRequest
from tests.fakes.examples import a_request


def a_caller(scope: Scope = Scope.GENERATE) -> Caller:
    return Caller(client="key_1", scope=scope, quota=Quota())


@pytest.mark.parametrize(
    ("has", "may"),
    [
        (Scope.READ, [Scope.READ]),
        (Scope.GENERATE, [Scope.READ, Scope.GENERATE]),
        (Scope.ADMIN, [Scope.READ, Scope.GENERATE, Scope.ADMIN]),
    ],
)
def test_a_scope_may_do_what_those_before_it_may(has: Scope, may: list[Scope]) -> None:
    for needed in Scope:
        if needed in may:
            a_caller(has).demand(needed)
        else:
            with pytest.raises(ScopeMissing, match=f"needs {needed}"):
                a_caller(has).demand(needed)


def test_only_administrators_and_the_local_user_see_what_others_asked_for() -> None:
    assert a_caller().may_see("key_1")
    assert not a_caller().may_see("key_2")
    assert a_caller(Scope.ADMIN).may_see("key_2")
    assert LOCAL.may_see("key_2")


@pytest.mark.parametrize(("priority", "preempts"), [(1, False), (0, True)])
def test_only_they_go_before_others(priority: int, preempts: bool) -> None:
    with pytest.raises(ScopeMissing):
        a_caller().demand_place(priority=priority, preempts=preempts)
    a_caller(Scope.ADMIN).demand_place(priority=priority, preempts=preempts)
    LOCAL.demand_place(priority=priority, preempts=preempts)


def test_whoever_makes_way_needs_no_leave() -> None:
    a_caller().demand_place(priority=-1, preempts=False)


@pytest.mark.parametrize("number", [0, -1])
def test_a_quota_under_which_nothing_could_be_asked_for_is_refused(number: int) -> None:
    with pytest.raises(InvalidRequest) as refused:
        Quota(waiting=number, job_cost=number)

    assert [v.pointer for v in refused.value.violations] == ["/waiting", "/job_cost"]


def test_the_line_has_room_up_to_its_limits_and_not_beyond() -> None:
    room = Room(total=3, share=2)

    room.check(waiting=2, own=1)
    with pytest.raises(ShareUsedUp):
        room.check(waiting=2, own=2)
    with pytest.raises(QueueFull):
        room.check(waiting=3, own=1)
    Room().check(waiting=10**6, own=10**6)


def test_what_costs_too_much_is_told_how_many_steps_would_do() -> None:
    request = a_request()  # 16 x 16 x 5 x 4
    assert job_cost(request) == 5120

    check_cost(request, 5120)
    check_cost(request, None)
    with pytest.raises(InvalidRequest) as refused:
        check_cost(request, 5119)

    [violation] = refused.value.violations
    assert (violation.pointer, violation.nearest) == ("/steps", (3,))


def test_several_segments_cost_what_they_make() -> None:
    asked = {"checkpoint": "animate-14B", "width": 16, "height": 16, "steps": 4}

    whole, short = (job_cost(a_request(**asked, num_frames=count)) for count in (153, 81))

    assert whole == short == 16 * 16 * 77 * 8


def test_where_no_number_of_steps_would_do_none_is_named() -> None:
    with pytest.raises(InvalidRequest) as refused:
        check_cost(a_request(), 1000)

    assert refused.value.violations[0].nearest == ()
