"""The API's OpenAPI document: made once, with an example for each answer."""

from functools import cached_property

from experts.api.errors import error_example


class Described:
    """For the API class: completes what ninja says about it."""

    @cached_property
    def _document(self) -> dict:
        document = super().get_openapi_schema()
        for path in document["paths"].values():
            for operation in path.values():
                for status, answer in operation["responses"].items():
                    self._complete(document, int(status), answer)
        return document

    def get_openapi_schema(self, **kwargs) -> dict:
        return self._document

    def _complete(self, document: dict, status: int, answer: dict) -> None:
        for content in answer.get("content", {}).values():
            name = content["schema"].get("$ref", "").rsplit("/", 1)[-1]
            content["example"] = error_example(status) if name == "Error" else _example(document, content["schema"])
        if status in (429, 503):
            answer["headers"] = {
                "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}}
            }


def _example(document: dict, schema: dict):
    """The schema's own example; of a list, one with a single item."""
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
    if "examples" in schema:
        return schema["examples"][0]
    example = {"items": [_example(document, schema["properties"]["items"]["items"])], "count": 1}
    return example | {"next": None} if "next" in schema["properties"] else example
