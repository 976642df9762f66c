"""The one shape of an error, and which of them each call documents."""

from pydantic import BaseModel, Field

CODES = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    409: "not_allowed",
    411: "length_required",
    412: "changed",
    413: "too_large",
    415: "unsupported_media_type",
    422: "invalid",
    429: "too_many_requests",
    500: "error",
    503: "busy",
}
EXAMPLES = {
    400: "The body is not JSON.",
    401: "Send a valid token: Authorization: Bearer …",
    403: "You may not do that.",
    404: "There is no such slot.",
    409: "That is not possible any more.",
    412: "Somebody has changed this meanwhile. Look at it again first.",
    415: "Send JSON, with Content-Type: application/json.",
    422: "Some details need a fix.",
    429: "You have tried very often in a short time. Please wait a moment and try again.",
    503: "Many people are booking right now. Please try again in a moment.",
}


class Error(BaseModel):
    """``code`` is for programs, ``detail`` for people; ``fields`` maps a field to what is wrong with it."""

    code: str
    detail: str
    fields: dict[str, list[str]] | None = Field(default=None, json_schema_extra={"type": "object"})


def error_example(status: int) -> dict:
    body = {"code": CODES[status], "detail": EXAMPLES[status]}
    return body | {"fields": {"email": ["Enter your e-mail address."]}} if status == 422 else body


def errors(*statuses: int) -> dict:
    """The part of a call's ``response`` that is about errors.

    503 belongs to each: the database may be away. What cannot be read (400) may also be no JSON at all (415).
    """
    return dict.fromkeys((*statuses, *((415,) if 400 in statuses else ()), 503), Error)
