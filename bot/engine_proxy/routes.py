"""The calls that pass: method, path and query, each by a pattern. Everything else is refused."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast
from urllib.parse import parse_qsl, quote, urlencode

from bot.engine_proxy import names
from bot.engine_proxy.containers import LABEL
from bot.engine_proxy.refusal import Refused
from bot.engine_proxy.schema import items, mapping, parse, serialise, text
from bot.engine_proxy.settings import Rules

# Below 1.24 a start call takes a body with everything in it that a create call is refused.
_OLDEST_API = 24


class Body(StrEnum):
    """What the body of a call has to be."""

    NONE = "none"
    CONTAINER = "container"
    NETWORK = "network"
    EXECUTION = "execution"
    START = "start"


# A call a line: method, path, the parameters it may have, and what its body is.
_TABLE = """
GET    /_ping
HEAD   /_ping
GET    /version
GET    /info
GET    /events                      since until filters
GET    /images/json                 all filters digests
GET    /images/search               term limit
POST   /images/create               fromImage tag platform
GET    /images/{image}/json
POST   /images/{image}/tag          repo tag
DELETE /images/{image}              noprune
GET    /distribution/{image}/json
GET    /containers/json             all limit size filters
POST   /containers/create           name platform               = container
GET    /containers/{container}/json    size
GET    /containers/{container}/logs    stdout stderr tail since until timestamps follow
GET    /containers/{container}/top     ps_args
GET    /containers/{container}/stats   stream one-shot
POST   /containers/{container}/start
POST   /containers/{container}/stop    t
POST   /containers/{container}/restart t
POST   /containers/{container}/kill    signal
POST   /containers/{container}/pause
POST   /containers/{container}/unpause
POST   /containers/{container}/exec                             = execution
DELETE /containers/{container}         v force
GET    /exec/{execution}/json
POST   /exec/{execution}/start                                  = start
GET    /networks                    filters
POST   /networks/create                                         = network
GET    /networks/{network}
DELETE /networks/{network}
"""
_NAMES = {
    "image": names.IMAGE,
    "container": names.IDENTIFIER,
    "execution": names.EXECUTION,
    "network": names.IDENTIFIER,
}
# How docker-py writes what it doesn't want; such a parameter is left out.
_UNSET = frozenset({"", "0", "false", "False"})
_FLAG = "0|1|true|false|True|False"
_PARAMETERS = {
    **dict.fromkeys(("all", "digests", "size", "noprune", "v", "force"), _FLAG),
    **dict.fromkeys(("stdout", "stderr", "timestamps", "follow", "stream", "one-shot"), _FLAG),
    "filters": ".{2,8000}",
    "term": r"[\w./-]{1,128}",
    "limit": r"-1|[0-9]{1,4}",
    "fromImage": names.REPOSITORY,
    "repo": names.REPOSITORY,
    "tag": rf"{names.TAG}|{names.DIGEST}",
    "platform": r"[a-z0-9]+(?:/[a-z0-9]+){0,2}",
    "name": names.IDENTIFIER,
    "tail": r"all|[0-9]{1,9}",
    "since": r"[0-9]{1,12}(?:\.[0-9]{1,9})?",
    "until": r"[0-9]{1,12}(?:\.[0-9]{1,9})?",
    "t": r"[0-9]{1,4}",
    "signal": r"[A-Z0-9+-]{1,16}",
    # The engine runs ps on its machine with these: columns only, and none renamed.
    "ps_args": r"-ef|-eo [a-z]{1,16}(?::[0-9]{1,3})?(?:,[a-z]{1,16}(?::[0-9]{1,3})?){0,20}",
}
_IMAGE_PARTS = rf"([^/]+)/({names.REPOSITORY})(?::({names.TAG}))?(?:@{names.DIGEST})?"
# Without its tag a pull would fetch every one there is; without an end events would never end.
_REQUIRED: Mapping[tuple[str, ...], tuple[str, ...]] = {
    ("images", "create"): ("fromImage", "tag"),
    ("images", "{image}", "tag"): ("repo", "tag"),
    ("events",): ("since", "until"),
}


@dataclass(frozen=True, slots=True)
class Call:
    """A call that may pass, read apart. `names` by kind: what its path speaks of."""

    method: str
    version: str
    parts: tuple[str, ...]
    names: Mapping[str, str]
    query: Mapping[str, str]
    body: Body

    @property
    def reaches_registry(self) -> bool:
        """Whether the engine asks a registry, which may want to know who asks."""
        return self.parts == ("images", "create") or self.parts[0] == "distribution"

    def target(self, replaced: Mapping[str, str]) -> str:
        """Write path and query anew, with the ids that were found for the names."""
        found = {f"{{{kind}}}": name for kind, name in {**self.names, **replaced}.items()}
        parts = [quote(found.get(part, part), safe="/:@") for part in self.parts]
        query = f"?{urlencode(self.query)}" if self.query else ""
        return f"{self.version}/{'/'.join(parts)}{query}"


@dataclass(frozen=True, slots=True)
class _Route:
    method: str
    parts: tuple[str, ...]
    pattern: re.Pattern[str]
    parameters: Mapping[str, re.Pattern[str]]
    body: Body


def _routes() -> list[_Route]:
    found: list[_Route] = []
    for line in filter(None, _TABLE.splitlines()):
        call, _sign, body = line.partition("=")
        method, path, *parameters = call.split()
        parts = tuple(path.strip("/").split("/"))
        pattern = "".join(
            f"/(?P<{part[1:-1]}>{_NAMES[part[1:-1]]})" if part[0] == "{" else f"/{part}"
            for part in parts
        )
        found.append(
            _Route(
                method,
                parts,
                re.compile(pattern, re.ASCII),
                {name: re.compile(_PARAMETERS[name], re.ASCII) for name in parameters},
                Body(body.strip() or "none"),
            )
        )
    return found


_ROUTES = _routes()


def match(method: str, target: str, rules: Rules) -> Call:
    """Find the call that a request line asks for.

    Raises:
        Refused: it isn't one of those that pass, or not in this form.
    """
    raw_path, _mark, raw_query = target.partition("?")
    found = re.fullmatch(r"(?P<version>/v1\.(?P<minor>[0-9]{2}))?(?P<path>/.*)", raw_path)
    if found is None:
        raise Refused("the path is none that passes")
    if found["minor"] is not None and int(found["minor"]) < _OLDEST_API:
        raise Refused(f"the API's version must be 1.{_OLDEST_API} or newer")
    path = _decoded(found["path"])
    for route in _ROUTES:
        named = route.pattern.fullmatch(path) if route.method == method else None
        if named is not None:
            query = _query(raw_query, route)
            if route.parts in {("containers", "json"), ("networks",), ("events",)}:
                query["filters"] = _narrowed(query.get("filters", "{}"), rules)
            version = found["version"] or ""
            call = Call(method, version, route.parts, named.groupdict(), query, route.body)
            if route.parts[-1] == "tag":
                _check_tag(call, rules)
            return call
    raise Refused(f"{method} {path[:100]} is not among the calls that pass")


def _decoded(path: str) -> str:
    """Undo the encoding of "@" and ":"; nothing else in a name needs one."""
    plain = re.sub("%3a", ":", path.replace("%40", "@"), flags=re.IGNORECASE)
    if not re.fullmatch(r"[A-Za-z0-9/_.:@-]*", plain):
        raise Refused("the path has characters that no name needs")
    return plain


def _query(raw: str, route: _Route) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            raw, keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=32
        )
    except ValueError as error:
        raise Refused("the query can't be read", 400) from error
    query = dict(pairs)
    if len(query) != len(pairs):
        raise Refused("a parameter stands twice in the query")
    known: dict[str, str] = {}
    for key, value in query.items():
        if key in route.parameters:
            if not route.parameters[key].fullmatch(value):
                raise Refused(f"the parameter {key} may not be {value[:60]!r}")
            known[key] = value
        elif value not in _UNSET:
            raise Refused(f"the parameter {key[:40]!r} may not be set here")
    required = _REQUIRED.get(route.parts, ())
    if not set(required) <= set(known):
        raise Refused(f"the parameters {' and '.join(required)} must be set")
    return known


def _narrowed(filters: str, rules: Rules) -> str:
    """Have a list hold the lab's own only; the engine wants each of several labels."""
    found = _FILTERS(parse(filters.encode()), "filters")
    asked: list[str] = found.get("label", [])
    ours = [f"{LABEL}={each}" for each in rules.labels] or [LABEL]
    label = asked if set(asked) & set(ours) else [*asked, ours[0]]
    return serialise({**found, "label": label}).decode()


def _filter_values(value: Any, where: str) -> list[str]:
    # The API has two forms: a list, or an object whose values are all true.
    if isinstance(value, dict):
        value = [key for key, held in cast("dict[str, Any]", value).items() if held is True]
    return items(text(most=400), 32)(value, where)


_FILTERS = mapping(text(r"[a-z-]{1,20}"), _filter_values)


def _check_tag(call: Call, rules: Rules) -> None:
    """Let an image from the mirror be called as the public hub calls it, and nothing else.

    Otherwise whoever may tag could put an image of theirs under any name, and wait for the
    machine's owner to start it.
    """
    if rules.mirror is None:
        raise Refused("no image may be given a name: STUDY_BOT_PROXY_MIRROR is not set")
    found = re.fullmatch(_IMAGE_PARTS, call.names["image"], re.ASCII)
    registry, repository, tag = found.groups() if found is not None else (None, "", None)
    wanted = call.query["repo"].removeprefix("docker.io/")
    is_same = repository.removeprefix("library/") == wanted.removeprefix("library/")
    if registry != rules.mirror or not is_same or tag not in {None, call.query["tag"]}:
        raise Refused(f"only the image of that name in {rules.mirror} may be called {wanted}")
