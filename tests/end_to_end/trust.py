"""Holds the bot's requests against Discord's own description of its HTTP API.

Discord's notes on it: a union means exactly one; a snowflake may be a string where the
description says integer. Where the description and the written documentation disagree, the
documentation wins ("ID Serialization": a snowflake sent as an integer is one, too).
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

Json = dict[str, Any]

DESCRIPTION = Path(__file__).parents[2].parent / "shared" / "discord-api-spec" / "openapi.json"
_URI = "urn:discord"
_THREAD_THERE = 160004
_METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True)
class Operation:
    """A method and a path of the description."""

    path: str
    pattern: re.Pattern[str]
    queries: frozenset[str]
    bodies: Mapping[str, Any]
    """Validators by content type."""
    is_body_required: bool


class Description:
    """The description, with a validator made once for each operation that is met."""

    def __init__(self, document: Json) -> None:
        self._document = _exactly_one(document)
        self._document["components"]["schemas"]["SnowflakeType"] = {
            "anyOf": [{"type": "integer"}, {"type": "string", "pattern": "^(0|[1-9][0-9]*)$"}]
        }
        resource = Resource.from_contents(self._document, default_specification=DRAFT202012)
        self._registry: Any = Registry().with_resource(_URI, resource)
        self._paths = [
            (path, re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path)), len(path.split("{")))
            for path in document["paths"]
        ]
        self._held: dict[tuple[str, str, str], list[str]] = {}

    def problems(self, requests: Iterable[Json], *, was_killed: bool = False) -> list[str]:
        """Say what is wrong with some requests, each kind of trouble once.

        A bot that `was_killed` may open a thread anew that it opened before.
        """
        found: dict[str, None] = {}
        opened: set[str] = set()
        for request in requests:
            method, path = request["method"].lower(), request["path"]
            operation = self._operation(method, path)
            if operation is None:
                found[f"{method.upper()} {path}: there is no such operation"] = None
                continue
            where = f"{method.upper()} {operation.path}"
            for name in dict(request["query"] or {}):
                if name not in operation.queries:
                    found[f"{where}: there is no query {name!r}"] = None
            for problem in self._body_problems(operation, request):
                found[f"{where}: {problem}"] = None
            again = was_killed and path in opened and _code(request) == _THREAD_THERE
            if request["status"] == 201 and path.endswith("/threads"):
                opened.add(path)
            if request["status"] in {400, 405} and not _answered_before(request) and not again:
                found[f"{where}: {request['status']} {json.dumps(request['response'])}"] = None
        return list(found)

    @functools.cache  # noqa: B019 - one description a process
    def _operation(self, method: str, path: str) -> Operation | None:
        # Of `/messages/pins` and `/messages/{message_id}` the one with fewer blanks is meant.
        for template, pattern, _ in sorted(self._paths, key=lambda item: item[2]):
            if pattern.fullmatch(path) and method in self._document["paths"][template]:
                return self._described(method, template)
        return None

    @functools.cache  # noqa: B019 - one description a process
    def _described(self, method: str, template: str) -> Operation:
        shared = self._document["paths"][template]
        own = shared[method]
        queries = frozenset(
            parameter["name"]
            for parameter in [*shared.get("parameters", []), *own.get("parameters", [])]
            if parameter.get("in") == "query"
        )
        body = own.get("requestBody", {})
        pointer = f"{_URI}#/paths/{template.replace('~', '~0').replace('/', '~1')}/{method}"
        return Operation(
            path=template,
            pattern=re.compile(template),
            queries=queries,
            bodies={
                kind: Draft202012Validator(
                    {
                        "$ref": f"{pointer}/requestBody/content/{kind.replace('/', '~1')}/schema",
                    },
                    registry=self._registry,
                )
                for kind in body.get("content", {})
            },
            is_body_required=bool(body.get("required")),
        )

    def _body_problems(self, operation: Operation, request: Json) -> list[str]:
        body = request["json"]
        if body is None:
            return ["a body is missing"] if operation.is_body_required else []
        if not operation.bodies:
            return ["there is no body"]
        kind = "multipart/form-data" if request["files"] else "application/json"
        if kind not in operation.bodies:
            return [f"there is no body of {kind}"]
        key = (operation.path + request["method"], kind, json.dumps(_shape(body), sort_keys=True))
        if key not in self._held:
            self._held[key] = [_told(error) for error in operation.bodies[kind].iter_errors(body)]
        return self._held[key]


def _shape(node: Any, name: str = "") -> Any:
    """Return what a body's problems come from: of free text nothing but its length counts.

    Contents may have whole thousands of characters at most.
    """
    match node:
        case dict():
            return {key: _shape(value, key) for key, value in node.items()}
        case list():
            return [_shape(value) for value in node]
        case str() if name == "content":
            return (len(node) - 1) // 1000
        case str() if name in {"label", "custom_id", "placeholder"}:
            return len(node)
    return node


def _answered_before(request: Json) -> bool:
    """Whether an interaction was answered by a try that the wire made look like a failure."""
    return _code(request) == 40060


def _code(request: Json) -> int | None:
    return (request["response"] or {}).get("code")


# Alternatives of which a good body may be more than one: a webhook's message, of which the
# documentation knows only the one shape, and an empty list of choices.
_OVERLAPPING = (
    {"$ref": "#/components/schemas/IncomingWebhookUpdateRequestPartial"},
    {"$ref": "#/components/schemas/InteractionApplicationCommandAutocompleteCallbackStringData"},
)


def _exactly_one(node: Any) -> Any:
    """Read every union as "exactly one"."""
    if isinstance(node, dict):
        return {_union(key, value): _exactly_one(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_exactly_one(value) for value in node]
    return node


def _union(key: str, value: Any) -> str:
    if key not in {"anyOf", "oneOf"}:
        return key
    return "anyOf" if any(shape in value for shape in _OVERLAPPING) else "oneOf"


def _told(error: jsonschema.ValidationError) -> str:
    """Say where a body differs, as deep inside as the unions let one see."""
    while error.context:
        branches: dict[Any, list[jsonschema.ValidationError]] = {}
        for inner in error.context:
            branches.setdefault(inner.schema_path[0], []).append(inner)
        # The alternative that is meant has the same `type`; null never is.
        meant = [
            found
            for found in branches.values()
            if not any(
                list(one.relative_path)[-1:] == ["type"] or one.schema == {"type": "null"}
                for one in found
            )
        ]
        error = min(meant or branches.values(), key=len)[0]
    where = "/".join(str(step) for step in error.absolute_path)
    return f"{where or 'body'}: {error.message[:300]}"


@functools.cache
def description() -> Description | None:
    """Return the description, None where it is absent."""
    if not DESCRIPTION.is_file():
        return None
    return Description(json.loads(DESCRIPTION.read_text()))


def hold_against_description(requests: list[Json], *, was_killed: bool = False) -> None:
    """Fail if a request isn't as Discord describes it; skip where the description is absent."""
    described = description()
    if described is None:
        pytest.skip(f"Discord's API description is not at {DESCRIPTION}")
    assert requests
    problems = described.problems(requests, was_killed=was_killed)
    assert not problems, "\n".join(problems)
