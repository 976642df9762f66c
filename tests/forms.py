"""What a browser sends with a form: read from the page, changed by name, posted."""

from html.parser import HTMLParser

from django.http import QueryDict


class _Fields(HTMLParser):
    """The fields of the forms that are sent by POST, as a browser sends them: without buttons and what is disabled."""

    def __init__(self):
        super().__init__()
        self.sent: list[tuple[str, str]] = []
        self._is_read, self._select, self._options, self._textarea = False, None, [], None

    def handle_starttag(self, tag, attrs):
        at = dict(attrs)
        if tag == "form":
            self._is_read = at.get("method", "").lower() == "post" and "logout" not in at.get("action", "")
        if not self._is_read or "disabled" in at:
            return
        if tag == "input" and at.get("name"):
            kind = at.get("type", "text")
            if kind in ("checkbox", "radio"):
                if "checked" in at:
                    self.sent.append((at["name"], at.get("value", "on")))
            elif kind not in ("submit", "button", "file", "image", "reset"):
                self.sent.append((at["name"], at.get("value") or ""))
        elif tag == "select" and at.get("name"):
            self._select, self._options = (at["name"], "multiple" in at), []
        elif tag == "option" and self._select:
            self._options.append((at.get("value", ""), "selected" in at))
        elif tag == "textarea" and at.get("name"):
            self._textarea = (at["name"], "")

    def handle_endtag(self, tag):
        if tag == "form":
            self._is_read = False
        elif tag == "select" and self._select:
            name, is_multiple = self._select
            chosen = [value for value, is_selected in self._options if is_selected]
            if not is_multiple:
                chosen = chosen[-1:] or [value for value, _is_selected in self._options[:1]]
            self.sent += [(name, value) for value in chosen]
            self._select = None
        elif tag == "textarea" and self._textarea:
            name, text = self._textarea
            # The first line break after the tag is none of the text, and browsers send CRLF.
            self.sent.append((name, text.removeprefix("\n").replace("\r\n", "\n").replace("\n", "\r\n")))
            self._textarea = None

    def handle_data(self, data):
        if self._textarea:
            self._textarea = (self._textarea[0], self._textarea[1] + data)


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
