import pytest

from experts.signed_tokens import SignedToken

LINK, OFFER = SignedToken("tests.link"), SignedToken("tests.offer", prefix="W-")


@pytest.mark.parametrize("kind", [LINK, OFFER])
def test_a_token_fits_its_row_and_address_alone(kind):
    token = kind.of(17, "Maya@Example.com")
    assert token == kind.of(17, "maya@example.com")
    assert kind.number_in(token) == 17
    assert kind.fits(token, 17, "maya@example.com")
    assert not kind.fits(token, 18, "maya@example.com")
    assert not kind.fits(token, 17, "lee@example.com")


def test_a_token_of_one_kind_is_none_of_another():
    signature = LINK.of(17, "maya@example.com").partition(".")[2]
    assert not OFFER.fits(f"W-17.{signature}", 17, "maya@example.com")


@pytest.mark.parametrize("token", ["", "17", "17.", ".x", "17.x:y", "W-17.x", "²7.x", "9999999999999999999.x", "-1.x"])
def test_nonsense_fits_nothing(token):
    assert not LINK.fits(token, 17, "maya@example.com")
    assert LINK.number_in(token) in (0, 17)
