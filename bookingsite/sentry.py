"""Tell Sentry of mistakes, where SENTRY_DSN says so: no addresses of people, no bodies, no values of variables."""

from typing import Any

from django.conf import settings

from bookingsite.logs import without_tokens
from bookingsite.version import version
from experts import request_ids


def start(**options: Any) -> None:
    """Begin to report. ``options`` as sentry_sdk takes them."""
    import sentry_sdk  # noqa: PLC0415 (a package that most sites do not have)
    from sentry_sdk.integrations.django import DjangoIntegration  # noqa: PLC0415

    sentry_sdk.init(
        dsn=settings.SENTRY_DSN,
        release=version(),
        send_default_pii=False,
        include_local_variables=False,
        include_source_context=False,
        max_request_body_size="never",
        max_breadcrumbs=0,  # they hold statements and lines of the log
        before_send=without_people,
        integrations=[DjangoIntegration(middleware_spans=False, signals_spans=False, cache_spans=False)],
        **options,
    )


def without_people(event: Any, hint: Any) -> Any:
    """Return what may leave the site: where it went wrong, at which address, without who and with what."""
    asked = event.get("request") or {}
    kept = {"method": asked.get("method", "")}
    if "url" in asked:
        kept["url"] = without_tokens(str(asked["url"]).partition("?")[0])
    event["request"] = kept
    for dropped in ("user", "breadcrumbs", "server_name"):
        event.pop(dropped, None)
    for found in (event.get("exception") or {}).get("values") or []:
        found["value"] = ""  # words of errors repeat what was typed
    if name := request_ids.current.get():
        event.setdefault("tags", {})["request_id"] = name
    return event
