"""The API's OpenAPI document: made once, with an example for each answer."""

from functools import cached_property

from experts.api.error_schemas import error_example


class Described:
    """For the API class: completes what ninja says about it."""

    @cached_property
    def _document(self) -> dict:
        document = super().get_openapi_schema()
        for schema in document["components"]["schemas"].values():
            for value in schema.get("properties", {}).values():
                if value.get("default", ...) is None:  # "left out", which is not null
                    del value["default"]
        for path in document["paths"].values():
            for method, operation in path.items():
                for parameter in operation["parameters"]:
                    _without_null(parameter["schema"])
                if method == "get":
                    operation["responses"][304] = {"description": "Not changed since the ETag of If-None-Match"}
                if method in ("patch", "put", "delete") and "get" in path:
                    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
                    text = "Changed since the ETag of If-Match"
                    operation["responses"][412] = {"description": text, "content": error}
                for status, answer in operation["responses"].items():
                    self._complete(document, int(status), answer)
        return document

    def get_openapi_schema(self, **kwargs) -> dict:
        """Shared by all requests: not to be changed."""
        return self._document

    def _complete(self, document: dict, status: int, answer: dict) -> None:
        for content in answer.get("content", {}).values():
            name = content["schema"].get("$ref", "").rsplit("/", 1)[-1]
            content["example"] = error_example(status) if name == "Error" else _example(document, content["schema"])
        if status in (429, 503):
            answer["headers"] = {
                "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}}
            }


def _without_null(schema: dict) -> None:
    """An optional parameter is left out; there is no way to send null."""
    kinds = [kind for kind in schema.pop("anyOf", []) if kind.get("type") != "null"]
    if kinds:
        schema.update(kinds[0])


def _example(document: dict, schema: dict):
    """The schema's own example; of a list one with a single item, of alternatives the last one's."""
    schema = schema.get("anyOf", [schema])[-1]
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
    if "examples" in schema:
        return schema["examples"][0]
    example = {"items": [_example(document, schema["properties"]["items"]["items"])], "count": 1}
    return example | ({"next": None} if "next" in schema["properties"] else {})
