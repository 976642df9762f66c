"""Tell htmx's requests for a part of a page from those for a whole page."""

from experts.requests import SiteRequest


def is_partial(request: SiteRequest) -> bool:
    """Return whether htmx asks for a fragment. False for a whole page, which htmx asks for on Back, too."""
    return bool(request.htmx) and request.htmx.request_type == "partial"
