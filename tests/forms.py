"""What a browser sends with a form: read from the page, changed by name, posted."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

from django.http import QueryDict


@dataclass
class Form:
    """One form of a page: ``method`` in lower case, where it is sent ("" is the page itself), and its named buttons.

    ``files``: names of its fields for files.
    """

    method: str
    action: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    buttons: list[tuple[str, str]] = field(default_factory=list)
    files: list[str] = field(default_factory=list)


class _Fields(HTMLParser):
    """The fields of a page's forms, as a browser sends them: without what is disabled. ``sent``: of those by POST."""

    def __init__(self):
        super().__init__()
        self.forms: list[Form] = []
        self._form, self._select, self._options, self._textarea = None, None, [], None
        self._by_id: dict[str, Form] = {}
        self._files: list[tuple[str, str]] = []  # the id of a form elsewhere on the page, and the field's name

    @property
    def sent(self) -> list[tuple[str, str]]:
        return [pair for form in self.forms if form.method == "post" for pair in form.fields]

    def handle_starttag(self, tag, attrs):
        at = dict(attrs)
        if tag == "form":
            self._begin(at)
        elif tag == "input" and at.get("type") == "file":
            self._file(at)
        if self._form is None or "disabled" in at:
            return
        if tag in ("button", "input") and at.get("type", "submit" if tag == "button" else "") == "submit":
            if at.get("name"):
                self._form.buttons.append((at["name"], at.get("value") or ""))
            return
        if tag == "input" and at.get("name"):
            kind = at.get("type", "text")
            if kind in ("checkbox", "radio"):
                if "checked" in at:
                    self._form.fields.append((at["name"], at.get("value", "on")))
            elif kind not in ("submit", "button", "file", "image", "reset"):
                self._form.fields.append((at["name"], at.get("value") or ""))
        elif tag == "select" and at.get("name"):
            self._select, self._options = (at["name"], "multiple" in at), []
        elif tag == "option" and self._select:
            self._options.append((at.get("value", ""), "selected" in at))
        elif tag == "textarea" and at.get("name"):
            self._textarea = (at["name"], "")

    def _begin(self, at):
        self._form = self._by_id[at.get("id", "")] = Form(at.get("method", "get").lower(), at.get("action", ""))
        if "logout" not in self._form.action:
            self.forms.append(self._form)

    def _file(self, at):
        if at.get("form"):
            self._files.append((at["form"], at["name"]))
        elif self._form is not None:
            self._form.files.append(at["name"])

    def handle_endtag(self, tag):
        if tag == "form":
            self._form = None
        elif tag == "select" and self._select and self._form:
            name, is_multiple = self._select
            chosen = [value for value, is_selected in self._options if is_selected]
            if not is_multiple:
                chosen = chosen[-1:] or [value for value, _is_selected in self._options[:1]]
            self._form.fields += [(name, value) for value in chosen]
            self._select = None
        elif tag == "textarea" and self._textarea and self._form:
            name, text = self._textarea
            # The first line break after the tag is none of the text, and browsers send CRLF.
            self._form.fields.append((name, text.removeprefix("\n").replace("\r\n", "\n").replace("\n", "\r\n")))
            self._textarea = None

    def close(self):
        super().close()
        for form, name in self._files:
            if form in self._by_id:
                self._by_id[form].files.append(name)

    def handle_data(self, data):
        if self._textarea:
            self._textarea = (self._textarea[0], self._textarea[1] + data)


def forms_of(html: str) -> list[Form]:
    """All forms of a page but the one that logs out."""
    parser = _Fields()
    parser.feed(html)
    parser.close()
    return parser.forms


def filled_in(html: str, **changes: object) -> dict[str, str | list[str]]:
    """What a browser sends with the page's form, with other values for some of its fields; None takes one out.

    What is sent several times is a list.
    """
    parser = _Fields()
    parser.feed(html)
    data = QueryDict(mutable=True)
    for name, value in parser.sent:
        data.appendlist(name, value)
    for name, value in changes.items():
        data.pop(name, None)
        for each in value if isinstance(value, list) else [value]:
            if each is not None:
                data.appendlist(name, str(each))
    return {name: values if len(values) > 1 else values[0] for name, values in data.lists()}
