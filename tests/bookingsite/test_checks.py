"""What operators are warned of before they go live."""

import pytest
from django.core.checks import run_checks


@pytest.mark.parametrize(
    ("https", "proxies", "warned"), [(True, [], True), (True, ["10.0.0.0/8"], False), (False, [], False)]
)
def test_https_without_a_trusted_proxy(settings, https, proxies, warned):
    settings.HTTPS, settings.TRUSTED_PROXIES = https, proxies
    found = [check.id for check in run_checks(tags=["security"], include_deployment_checks=True)]
    assert ("bookingsite.W001" in found) == warned
