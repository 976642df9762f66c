"""What `manage.py check --deploy` says beside Django's own checks."""

from django.conf import settings
from django.core.checks import Tags, Warning, register


@register(Tags.security, deploy=True)
def check_trusted_proxies(app_configs, **kwargs):
    """Warn when HTTPS is on and no proxy is trusted. That is right only where our own processes speak HTTPS."""
    if not settings.HTTPS or settings.TRUSTED_PROXIES:
        return []
    return [
        Warning(
            "HTTPS is on, and TRUSTED_PROXIES is empty.",
            hint="Behind a proxy that speaks HTTPS for the site, redirects to https never end, and all visitors share"
            " its address and limits. Name the proxy's address or network in TRUSTED_PROXIES.",
            id="bookingsite.W001",
        )
    ]
