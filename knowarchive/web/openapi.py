"""The API's own description, OpenAPI 3.1, made from the types that it answers with."""

from typing import Any

import msgspec

from knowarchive import __version__
from knowarchive.web.answering import SORTS
from knowarchive.web.api import ANSWERS

VERSION = "1.0.0"  # of the API: its first number changes when something is taken away or means something else

_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["status", "title", "detail"],
            "properties": {"status": {"type": "integer"}, "title": {"type": "string"}, "detail": {"type": "string"}},
        }
    },
}
_TRANSCRIPT = {
    "type": "object",
    "required": ["schema", "chat", "session", "questions", "posts", "participants", "links", "stats", "coverage"],
    "properties": {"schema": {"const": "knowarchive.transcript/1"}},
}
_FAILED = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}}
_QUERY: dict[str, tuple[str, dict[str, Any]]] = {
    "q": ('Words, "phrases", -without, a OR b, from:, #tag, chat:, since:, has:link.', {"type": "string"}),
    "sort": ("What comes first.", {"type": "string", "enum": [*SORTS], "default": SORTS[0]}),
    "page": ("From 1; beyond the last it is the last.", {"type": "integer", "minimum": 1, "default": 1}),
    "limit": ("Rows on a page; more than there can be are as many as there can be.", {"type": "integer", "minimum": 1}),
}
#: path: (the handler's name, what it gives, what can be asked for besides)
PATHS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "/api/search": ("search", "The posts that fit a query, with facets", ("q", "sort", "page", "limit")),
    "/api/chats": ("chats", "Every chat with its figures", ()),
    "/api/sessions/{chat}": ("sessions", "The sessions of a chat, the newest first", ("page", "limit")),
    "/api/sessions/{chat}/{date}": ("session", "A session as knowarchive.transcript/1", ()),
    "/api/posts/{uid}": ("post", "A post by its uid, percent-encoded", ()),
}


def describe(*, is_private: bool = False) -> dict[str, Any]:
    """The whole description; of a private room, with the token that it asks for."""
    answers = {name: kind for name, kind in ANSWERS.items() if kind is not None}
    schemas, components = msgspec.json.schema_components(answers.values(), ref_template="#/components/schemas/{name}")
    shapes: dict[str, Any] = dict(zip(answers, schemas, strict=True))
    described: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": "Knowarchive reading room",
            "version": VERSION,
            "description": f"Read-only. Times are UTC, unknown is null. Knowarchive {__version__}.",
        },
        "paths": {path: {"get": _operation(path, *about, shapes)} for path, about in PATHS.items()},
        "components": {"schemas": {**components, "Error": _ERROR, "Transcript": _TRANSCRIPT}},
    }
    if is_private:
        described["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        described["security"] = [{"token": []}]
        for path in described["paths"].values():
            path["get"]["responses"]["401"] = {"description": "The room is private: send its token", **_FAILED}
    return described


def _operation(path: str, name: str, summary: str, query: tuple[str, ...], shapes: dict[str, Any]) -> dict[str, Any]:
    steps = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    parameters = [{"name": step, "in": "path", "required": True, "schema": {"type": "string"}} for step in steps]
    parameters += [
        {"name": one, "in": "query", "description": _QUERY[one][0], "schema": _QUERY[one][1]} for one in query
    ]
    shape = shapes.get(name, {"$ref": "#/components/schemas/Transcript"})
    answers: dict[str, Any] = {"200": {"description": summary, "content": {"application/json": {"schema": shape}}}}
    if query:
        answers["400"] = {"description": "This cannot be asked for", **_FAILED}
    if steps:
        answers["404"] = {"description": "The archive does not hold it", **_FAILED}
    answers["503"] = {"description": "The index is being built, or the archive cannot be read; ask again", **_FAILED}
    return {"operationId": name, "summary": summary, "parameters": parameters, "responses": answers}
