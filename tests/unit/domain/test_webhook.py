"""Where webhooks may lead, and how they are signed."""

import ipaddress
import json

import pytest

from domain.errors import InvalidRequest, RenderFailed
from domain.webhook import (
    WebhookMessage,
    WebhookRules,
    is_public,
    message_of,
    secret_bytes,
    signed_headers,
)
from tests.fakes.examples import NOON, a_job

RULES = WebhookRules(allow=("hooks.example", "n8n.local"), private_hosts=("n8n.local",))


def test_by_default_nobody_may_name_a_webhook() -> None:
    with pytest.raises(InvalidRequest, match="the operator allows no webhooks"):
        WebhookRules().check("https://hooks.example/")


def test_what_is_allowed_is_taken_apart() -> None:
    RULES.check("https://hooks.example:8443/a/b?c=d&e=%20")

    target = RULES.target("https://hooks.example:8443/a/b?c=d&e=%20")

    assert (target.host, target.port, target.target) == ("hooks.example", 8443, "/a/b?c=d&e=%20")
    assert target.authority == "hooks.example:8443"
    assert RULES.target("https://hooks.example").authority == "hooks.example"
    assert RULES.target("http://n8n.local/hook").port == 80


@pytest.mark.parametrize(
    "url",
    [
        "https://other.example/",
        "https://hooks.example.other.example/",
        "https://HOOKS.example/",
        "http://hooks.example/",
        "https://hooks.example\\@169.254.169.254/",
        "https://hooks.example@169.254.169.254/",
        "https://169.254.169.254#hooks.example/",
        "https://169.254.169.254\\.hooks.example/",
        "https://hooks..example/",
        f"https://{'a' * 64}.example/",
        f"https://{'a.' * 130}example/",
        "https://hooks.example./",
        "https://-hooks.example/",
        "https://hooks.example:0/",
        "https://hooks.example:99999/",
        "https://hooks.example /",
        "https://hooks.example/\r\nHost: inside",
        "https://hooks.example/\u2028",
        "https://hooks。example/",
        "https:hooks.example",
        "//hooks.example/",
        "file:///etc/passwd",
        "gopher://hooks.example/",
        "https://hooks.example/" + "a" * 2000,
        "",
    ],
)
def test_s08_whatever_else_is_refused_at_submission(url: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        RULES.check(url)

    assert refused.value.violations[0].pointer == "/webhook_url"


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("127.0.0.1", False),
        ("10.0.0.1", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("192.0.0.8", False),
        ("192.88.99.1", False),
        ("198.18.0.1", False),
        ("224.0.0.1", False),
        ("0.0.0.0", False),
        ("255.255.255.255", False),
        ("::", False),
        ("::1", False),
        ("::127.0.0.1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:8.8.8.8", False),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
        ("2001::1", False),
        ("2001:db8::1", False),
        ("fd00:ec2::254", False),
        ("fe80::1", False),
        ("ff02::1", False),
    ],
)
def test_s08_only_what_is_somebodys_on_the_internet_is_public(address: str, expected: bool) -> None:
    assert is_public(ipaddress.ip_address(address)) is expected


def test_an_address_with_a_scope_is_none_to_connect_to() -> None:
    assert not RULES.may_connect("hooks.example", "fe80::1%eth0")


def test_a_message_is_signed_as_the_specification_shows() -> None:
    # The example of the Standard Webhooks specification, its own secret and signature.
    secret = secret_bytes("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    message = WebhookMessage(id="msg_p5jXN8AQM9LWM0D4loKWxJek", body=b'{"test": 2432232314}')

    headers = signed_headers(message, secret, timestamp=1614265330)

    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert headers["webhook-id"] == message.id
    assert headers["webhook-timestamp"] == "1614265330"


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_short", "whsec_!!!!", "A" * 40])
def test_what_is_no_secret_is_told_with_one_that_is(secret: str) -> None:
    with pytest.raises(ValueError, match="whsec_"):
        secret_bytes(secret)


def test_a_message_says_that_it_is_over_and_never_what_was_asked() -> None:
    job = a_job()
    job.claim(at=NOON)
    job.end_attempt(RenderFailed("It broke at /home/me."), fence=1, at=NOON, jitter=0)
    while not job.status.is_terminal:
        job.claim(at=NOON)
        job.end_attempt(RenderFailed(), fence=job.fence, at=NOON, jitter=0)

    assert job.failure is not None
    message = message_of(job, message_id="msg_1")

    told = json.loads(message.body)
    assert told["type"] == "generation.failed"
    assert told["data"]["id"] == job.id
    assert told["data"]["error"]["code"] == job.failure.code
    assert job.request.prompt not in message.body.decode()
    assert "/home/me" not in message.body.decode()
