"""Answer addresses of the API through the middleware that programs need, and no other.

A program has no session, no cookie, no form and no time zone of a browser, and shows nothing in a frame. What pages
have for those was a good part of what an answer of the API cost, even where each layer only passed it on.
"""

from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.core.handlers.base import BaseHandler
from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpRequest, HttpResponseBase
from django.utils.module_loading import import_string


class ApiHandler(BaseHandler):
    """Django's way from a request to its view and back, with ``API_MIDDLEWARE``, outermost first.

    They are called as they are: none of them may have hooks for views, exceptions or templates.
    """

    _view_middleware = _template_response_middleware = _exception_middleware = ()

    def __init__(self) -> None:
        answer: Callable[[HttpRequest], HttpResponseBase] = convert_exception_to_response(self._get_response)
        for name in reversed(settings.API_MIDDLEWARE):
            made = import_string(name)
            assert not any(hasattr(made, hook) for hook in _HOOKS), f"{name} has hooks, which nobody would call"
            try:
                answer = convert_exception_to_response(made(answer))
            except MiddlewareNotUsed:
                continue
        self.answer = answer


_HOOKS = ("process_view", "process_exception", "process_template_response")
