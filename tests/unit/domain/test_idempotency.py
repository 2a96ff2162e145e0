"""When two requests are one."""

from domain.idempotency import IdempotencyKey


def test_the_same_request_sent_again_has_the_same_key() -> None:
    assert IdempotencyKey.of("ann", "k", b"a cat") == IdempotencyKey.of("ann", "k", b"a cat")


def test_another_request_under_the_same_name_differs_only_in_its_fingerprint() -> None:
    cat, dog = IdempotencyKey.of("ann", "k", b"a cat"), IdempotencyKey.of("ann", "k", b"a dog")

    assert (cat.client, cat.key) == (dog.client, dog.key)
    assert cat.fingerprint != dog.fingerprint


def test_clients_do_not_share_names() -> None:
    assert IdempotencyKey.of("ann", "k", b"a cat") != IdempotencyKey.of("bob", "k", b"a cat")


def test_what_was_asked_cannot_be_read_from_the_key() -> None:
    assert "cat" not in repr(IdempotencyKey.of("ann", "k", b"a cat"))
