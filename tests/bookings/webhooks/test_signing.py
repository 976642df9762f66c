"""Signatures, by the published example of Standard Webhooks and by what docs/webhooks.md tells receivers to do."""

from base64 import b64decode

from bookings.models.webhook import new_secret
from bookings.webhooks.signing import headers, signature

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
EVENT, BODY = "msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}'


def test_it_signs_as_the_reference_libraries_do():
    """The example that the libraries of github.com/standard-webhooks/standard-webhooks are tested with."""
    assert signature(SECRET, EVENT, 1614265330, BODY) == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_two_secrets_make_two_signatures():
    other = new_secret()
    made = headers([SECRET, other], EVENT, 1614265330, BODY)
    assert made["webhook-id"] == EVENT
    assert made["webhook-timestamp"] == "1614265330"
    assert made["webhook-signature"].split() == [
        signature(secret, EVENT, 1614265330, BODY) for secret in (SECRET, other)
    ]


def test_secrets_are_long_and_never_the_same():
    """The specification asks for 24 to 64 random bytes."""
    one, other = new_secret(), new_secret()
    assert one != other
    assert 24 <= len(b64decode(one.removeprefix("whsec_"), validate=True)) <= 64
