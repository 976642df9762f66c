"""The root of the JSON API: its parts, and the one way in which it says that something went wrong."""

import logging

import django.core.exceptions
from csp.constants import SELF
from csp.decorators import csp_update
from django.db import IntegrityError
from django.http import Http404, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError
from ninja.openapi.docs import DocsBase
from ninja.params.models import ParamModel

import bookings.api.public
import bookings.api.staff
import experts.api.hours
import experts.api.public
import experts.api.session_types
import experts.api.staff
import experts.api.time_off
from bookings.api.authentication import StaffToken
from bookingsite.api_schema import Described
from experts.addresses import absolute_url
from experts.api.error_schemas import CODES
from experts.api.session_types import TypePreview
from experts.api.staff_schemas import Preview
from experts.errors import PreviewNeeded, Refused, TypePreviewNeeded
from experts.metadata import Metadata
from experts.outages import busy_for, is_outage

logger = logging.getLogger(__name__)


class Docs(DocsBase):
    """Swagger UI from our own static files. It draws its arrows and hints as images inside its style sheet."""

    @csp_update({"img-src": [SELF, "data:"]})
    def render_page(self, request, api, **kwargs):
        about = _("Find experts and their slots, book and cancel; with a staff token, manage an organisation.")
        metadata = Metadata(_("The API, call by call"), about, absolute_url("api:openapi-view"))
        return render(request, "api/docs.html", {"metadata": metadata})


# Ninja makes a dict of each of a request's path, query, headers and body. A dict asks for keys, which pydantic looks
# for among the fields, and then puts an error into words that nobody reads: a twentieth of what a booking took.
ParamModel.keys = lambda self: self.__dict__.keys()
ParamModel.__getitem__ = lambda self, name: self.__dict__[name]


class Api(Described, NinjaAPI):
    def get_openapi_operation_id(self, operation):
        return operation.view_func.__name__


def problem(status: int, detail: str, *, code: str = "", fields: dict | None = None, headers=None) -> JsonResponse:
    """An error in the one shape that they all have."""
    body = {"code": code or CODES.get(status, "error"), "detail": str(detail)}
    if fields:
        body["fields"] = fields
    return JsonResponse(body, status=status, headers=headers)


api = Api(
    title="ExpertBook",
    version="1",
    urls_namespace="api",
    description=(
        "Find experts and their slots, book and cancel; with a staff token, manage an organisation. "
        "Times are UTC with the expert's wall clock beside them."
    ),
    docs=Docs(),
)
api.add_router("", experts.api.public.router)
api.add_router("", bookings.api.public.router)
api.add_router("", bookings.api.public.of_booking)
api.add_router("/admin", experts.api.staff.router, auth=StaffToken())
api.add_router("/admin", experts.api.hours.router, auth=StaffToken())
api.add_router("/admin", experts.api.session_types.router, auth=StaffToken())
api.add_router("/admin", experts.api.time_off.router, auth=StaffToken())
api.add_router("/admin", bookings.api.staff.router, auth=StaffToken())


@api.exception_handler(Refused)
def _refused(request, error: Refused):
    headers = {"Retry-After": str(error.retry_after)} if error.retry_after else {}
    return problem(error.status, str(error), code=error.code, fields=error.fields or None, headers=headers)


@api.exception_handler(PreviewNeeded)
def _preview_needed(request, needed: PreviewNeeded):
    return JsonResponse(Preview.of(needed).model_dump(), status=409)


@api.exception_handler(TypePreviewNeeded)
def _type_preview_needed(request, needed: TypePreviewNeeded):
    return JsonResponse(TypePreview.of(needed).model_dump(), status=409)


@api.exception_handler(ValidationError)
def _unreadable(request, error: ValidationError):
    """What has the wrong shape: said at each field, and for the whole body under "body"."""
    fields: dict[str, list[str]] = {}
    for found in error.errors:
        path = [str(part) for part in found["loc"][1:]]
        if found["loc"][0] == "body":  # the first name is ours: that of the view's argument
            path = path[1:]
        fields.setdefault(".".join(path) or str(found["loc"][0]), []).append(_words(found))
    return problem(422, _("Some details need a fix."), fields=fields)


def _words(found: dict) -> str:
    if found["type"] == "missing":
        return _("This is missing.")
    if found["type"] == "extra_forbidden":
        return _("There is no such field.")
    return found["msg"].removeprefix("Value error, ")


@api.exception_handler(django.core.exceptions.ValidationError)
def _invalid(request, error):
    """What a model does not accept."""
    fields = error.message_dict if hasattr(error, "error_dict") else {"": error.messages}
    whole = fields.pop(django.core.exceptions.NON_FIELD_ERRORS, []) + fields.pop("", [])
    return problem(422, " ".join(whole) or _("Some details need a fix."), fields=fields)


@api.exception_handler(AuthenticationError)
def _unauthorized(request, error):
    text = _("Send a valid token: Authorization: Bearer …")
    return problem(401, text, headers={"WWW-Authenticate": 'Bearer realm="ExpertBook"'})


@api.exception_handler(django.core.exceptions.SuspiciousOperation)
def _refused_by_django(request, error):
    if isinstance(error, django.core.exceptions.RequestDataTooBig):
        return problem(413, _("The body is too large."))
    return problem(400, _("This request cannot be fulfilled."))


@api.exception_handler(HttpError)
def _http_error(request, error: HttpError):
    """Only raised for a body that cannot be read."""
    return problem(error.status_code, _("The body is not JSON."))


@api.exception_handler(Http404)
def _not_found(request, error):
    return problem(404, _("There is nothing here."))


@api.exception_handler(IntegrityError)
def _conflict(request, error):
    """Somebody else wrote the same thing in the meantime: nothing was written, and a look again tells."""
    return problem(409, _("Somebody changed that at the same moment. Look again, and repeat it if need be."))


@api.exception_handler(Exception)
def _failed(request, error):
    """A part that is broken; or a mistake of ours: in the log, with its traceback, and the caller learns nothing."""
    if is_outage(error):
        return _refused(request, busy_for(error))
    logger.error("%s %s failed", request.method, request.path, exc_info=error)
    return problem(500, _("Something went wrong on our side."))
