"""The routes as Envoy matches them: refusals of size first, then the table, then 404."""

from collections.abc import Iterator
from typing import Any

from gateway.routes import Access, Route, Table
from gateway.settings import GatewaySettings

Json = dict[str, Any]

SAFE = "GET|HEAD"
URL_LIMIT = 16 * 1024

OURS = "fvm"  # the namespace of what our own parts tell each other
SUBJECT, CLIENT = "x-fvm-subject", "x-fvm-client"  # claims of the checked token; from outside they never come
JWT = "envoy.filters.http.jwt_authn"
RBAC = "envoy.filters.http.rbac"
CORS = "envoy.filters.http.cors"

OFF: Json = {"@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "disabled": True}

# RE2 repeats at most 1,000 times, so the length is spelled out; cheap, because a short path ends the match at once.
TOO_LONG = r".{1000}" * (URL_LIMIT // 1000) + f".{{{URL_LIMIT % 1000 + 1}}}.*"

# Trace id: nanoseconds since 1970 (19 digits) and 8 random hex digits; parent id: those digits again. Enough to be
# unique, and no formatter of Envoy gives 32 hex digits in one piece.
_RANDOM = "%REQ(X-REQUEST-ID):8%"
NEW_TRACE = f"00-%START_TIME(%s%9f)%00000{_RANDOM}-{_RANDOM}f%REQ(X-REQUEST-ID):7%-01"

CORS_POLICY: Json = {
    "@type": "type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy",
    "allow_origin_string_match": [{"exact": "*"}],
    "allow_methods": "GET, HEAD, POST, PUT, PATCH, DELETE",
    "allow_headers": (
        "Authorization, Accept, Content-Type, Prefer, If-Match, If-None-Match, If-None-Exist, If-Modified-Since, "
        "Idempotency-Key, FVM-Patient, FVM-Position, traceparent, tracestate"
    ),
    "expose_headers": (
        "ETag, Location, Content-Location, Last-Modified, Retry-After, WWW-Authenticate, FVM-Position, X-Request-Id"
    ),
    "max_age": "600",
    "allow_credentials": False,
}


# A second try goes to another copy of the service, where there is one.
_PREVIOUS = "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
RETRY: Json = {
    "retry_on": "connect-failure,reset-before-request",
    "num_retries": 2,
    "retry_host_predicate": [
        {"name": "envoy.retry_host_predicates.previous_hosts", "typed_config": {"@type": _PREVIOUS}}
    ],
    "host_selection_retry_max_attempts": 3,
}


def route_config(settings: GatewaySettings, table: Table) -> Json:
    """Envoy's route configuration. The narrower level adds its headers first: a given trace stands above a made one."""
    return {
        "name": "region",
        "virtual_hosts": [_virtual_host(settings, table)],
        "request_headers_to_add": [_header("traceparent", NEW_TRACE)],
    }


def _virtual_host(settings: GatewaySettings, table: Table) -> Json:
    """Envoy's one virtual host; host names do not matter, FVM_PUBLIC_URL is the only source of links (D11)."""
    return {
        "name": "region",
        "domains": ["*"],
        "routes": [*_too_large(settings), *_declared(settings, table), _refusal("unknown", {"prefix": "/"}, 404)],
        "request_headers_to_add": [_header("traceparent", f"%DYNAMIC_METADATA({OURS}:trace)%")],
        "request_headers_to_remove": ["x-envoy-external-address", SUBJECT],
        "response_headers_to_add": _security_headers(settings),
        "response_headers_to_remove": ["x-powered-by", "x-envoy-upstream-service-time"],
    }


def _too_large(settings: GatewaySettings) -> list[Json]:
    """Refused on the request's headers, before a byte of the body is read."""
    long_url = {"name": ":path", "string_match": {"safe_regex": {"regex": TOO_LONG}}}
    large_body = {"name": "content-length", "range_match": {"start": settings.max_body + 1, "end": 2**63 - 1}}
    return [
        _refusal("url-too-long", {"prefix": "/", "headers": [long_url]}, 414),
        _refusal("body-too-large", {"prefix": "/", "headers": [large_body]}, 413),
    ]


def _declared(settings: GatewaySettings, table: Table) -> Iterator[Json]:
    for route in table.routes:
        if route.access is Access.SESSION:
            yield from _session(settings, table, route)
        elif route.own_origin:
            yield _forward(settings, route, [_method(SAFE)])
            yield _forward(settings, route, [_own_origin(settings)])
            yield _refusal(f"{route.name}.origin", _match(route), 403)
        else:
            yield _forward(settings, route, [])


def _session(settings: GatewaySettings, table: Table, route: Route) -> Iterator[Json]:
    """The cookie for all, our own Origin for what changes something; whether the session lives, the platform says."""
    cookie = _cookie(settings)
    yield _forward(settings, route, [cookie, _method(SAFE)])
    yield _forward(settings, route, [cookie, _own_origin(settings)])
    yield _refusal(f"{route.name}.origin", _match(route, [cookie]), 403)
    if route.without_session == "sign-in":
        yield from _to_sign_in(table, route)
    yield _refusal(f"{route.name}.session", _match(route), 401)


def _forward(settings: GatewaySettings, route: Route, headers: list[Json]) -> Json:
    bearer = route.access is Access.BEARER
    filters: Json = {}
    if bearer:
        per_route = "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.PerRouteConfig"
        filters[JWT] = {"@type": per_route, "requirement_name": route.door}
    else:
        filters |= {JWT: OFF, RBAC: OFF}
    if route.cors:
        filters[CORS] = CORS_POLICY
    return {
        "name": route.name,
        "match": _match(route, headers),
        "route": {
            "cluster": route.to.value,
            "timeout": "0s" if route.stream else f"{settings.request_timeout}s",
            **({"idle_timeout": "0s"} if route.stream else {}),
            # Both happen before the request has left: nothing is ever done twice.
            "retry_policy": RETRY,
        },
        "typed_per_filter_config": filters,
        # Whose share a request takes from: the token's `sub`, or the address where nobody is known yet (filters.py).
        "metadata": {"filter_metadata": {OURS: {"share": "subject" if bearer else "address"}}},
        "response_headers_to_add": [] if route.access is Access.PUBLIC else _private(),
    }


def _refusal(name: str, match: Json, status: int) -> Json:
    """A route that never reaches a service; replies.py gives the answer its words."""
    filters = {JWT: OFF, RBAC: OFF}
    return {"name": name, "match": match, "direct_response": {"status": status}, "typed_per_filter_config": filters}


def _to_sign_in(table: Table, route: Route) -> Iterator[Json]:
    """A person who asks for a page is sent to sign in and comes back to the same path (the query is not carried)."""
    pages = [_method(SAFE), {"name": "accept", "string_match": {"contains": "text/html"}}]
    # Only a plain path is carried, so that nothing can be smuggled into the sign-in page's own query.
    plain = {"name": ":path", "string_match": {"safe_regex": {"regex": r"[A-Za-z0-9/._~-]*(\?.*)?"}}}
    name = f"{route.name}.sign-in"
    for headers, location in (
        ([*pages, plain], f"{table.sign_in}?next=%PATH(NQ)%"),
        (pages, table.sign_in),
    ):
        there = {"header": {"key": "location", "value": location}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
        yield {**_refusal(name, _match(route, headers), 303), "response_headers_to_add": [there, *_private()]}


def _match(route: Route, headers: list[Json] | None = None) -> Json:
    where = {"path": route.path} if route.path is not None else {"path_separated_prefix": route.prefix}
    wanted = [*(headers or []), *([_method("|".join(route.methods))] if route.methods else [])]
    return {**where, "headers": wanted} if wanted else where


def _method(pattern: str) -> Json:
    return {"name": ":method", "string_match": {"safe_regex": {"regex": pattern}}}


def _own_origin(settings: GatewaySettings) -> Json:
    return {"name": "origin", "string_match": {"exact": settings.origin}}


def _cookie(settings: GatewaySettings) -> Json:
    """There, under any region's name (cookies are shared by all ports of a host); its worth the platform decides."""
    pattern = rf"(.*;\s*)?(__Host-)?{settings.session_cookie}(_[A-Za-z0-9_-]+)?=[^;\s]+(;.*)?"
    return {"name": "cookie", "string_match": {"safe_regex": {"regex": pattern}}}


def _security_headers(settings: GatewaySettings) -> list[Json]:
    # "no-referrer" would make browsers send `Origin: null` from our own forms, so: same-origin.
    headers = {"x-content-type-options": "nosniff", "referrer-policy": "same-origin", "x-frame-options": "DENY"}
    if settings.public_url.startswith("https://"):
        headers["strict-transport-security"] = "max-age=31536000; includeSubDomains"
    return [_header(key, value) for key, value in headers.items()]


def _private() -> list[Json]:
    """What is not public is never kept by a cache, unless the service says otherwise."""
    return [_header("cache-control", "no-store")]


def _header(key: str, value: str) -> Json:
    return {"header": {"key": key, "value": value}, "append_action": "ADD_IF_ABSENT"}
