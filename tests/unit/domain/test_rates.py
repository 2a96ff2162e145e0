"""Token buckets."""

from domain.rates import Buckets


def test_a_burst_is_served_and_paid_for_afterwards() -> None:
    buckets = Buckets()

    burst = [buckets.ask("ann", per_minute=30, now=0.0) for _ in range(61)]

    assert [standing.is_allowed for standing in burst] == [True] * 60 + [False]
    assert (burst[0].limit, burst[0].remaining, burst[59].remaining) == (60, 59, 0)
    assert (burst[60].wait_s, burst[60].full_s) == (2, 120)


def test_it_is_refilled_steadily_and_never_beyond_its_brim() -> None:
    buckets = Buckets()
    for _ in range(60):
        buckets.ask("ann", per_minute=30, now=0.0)

    assert not buckets.ask("ann", per_minute=30, now=1.9).is_allowed
    assert buckets.ask("ann", per_minute=30, now=2.1).is_allowed
    assert not buckets.ask("ann", per_minute=30, now=2.2).is_allowed
    assert buckets.ask("ann", per_minute=30, now=10_000.0).remaining == 59


def test_each_has_a_bucket_of_its_own() -> None:
    buckets = Buckets()
    for _ in range(11):
        buckets.ask("ann", per_minute=10, burst=1, now=0.0)

    assert buckets.ask("bob", per_minute=10, burst=1, now=0.0).remaining == 9


def test_however_many_ask_few_are_remembered_the_latest_of_them() -> None:
    buckets = Buckets(max_buckets=100)
    for number in range(10_000):
        buckets.ask(f"peer {number}", per_minute=1, burst=1, now=0.0)

    assert len(buckets._levels) == 100
    assert not buckets.ask("peer 9999", per_minute=1, burst=1, now=0.0).is_allowed
    assert buckets.ask("peer 0", per_minute=1, burst=1, now=0.0).is_allowed
