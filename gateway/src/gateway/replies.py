"""The gateway's own refusals in words: RFC 9457 problem details for every answer no service has given.

https://www.rfc-editor.org/rfc/rfc9457, challenges after https://www.rfc-editor.org/rfc/rfc6750#section-3
"""

from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reply:
    """One refusal: which local replies of Envoy it answers (a CEL expression) and how it reads."""

    code: str
    status: int
    title: str
    detail: str
    when: str
    headers: dict[str, str] = field(default_factory=dict)


def _status(code: int) -> str:
    return f"response.code == {code}"


CHALLENGE = 'Bearer realm="fvm"'

# First match wins. `response.code_details` is Envoy's own word for why; what a client sees is ours.
REPLIES = (
    Reply(
        "keys-away",
        503,
        "Sign-in keys are not reachable",
        "Your token could not be checked just now. Try again in a moment.",
        "response.code_details.contains('Jwks_remote_fetch')",
        # Envoy's own challenge would repeat the address and blame the token; it can be replaced, not taken away.
        {"retry-after": "1", "www-authenticate": CHALLENGE},
    ),
    Reply(
        "token-missing",
        401,
        "An access token is needed",
        "Send an access token as Authorization: Bearer.",
        "response.code_details.contains('Jwt_is_missing')",
        {"www-authenticate": CHALLENGE},
    ),
    Reply(
        "token-refused",
        401,
        "The access token is not accepted",
        "It is expired, damaged, not issued here, or not meant for this door.",
        "response.code_details.startsWith('jwt_authn') || response.code_details.startsWith('rbac_access_denied')",
        {"www-authenticate": f'{CHALLENGE}, error="invalid_token"'},
    ),
    Reply("session-missing", 401, "You are not signed in", "Sign in and try again.", _status(401)),
    Reply("malformed", 400, "The request is not valid HTTP", "Its line, headers or path break rules.", _status(400)),
    Reply(
        "foreign-origin",
        403,
        "The request does not come from our own pages",
        "Changes made with a session must carry this site's Origin.",
        _status(403),
    ),
    Reply("unknown-path", 404, "There is nothing at this address", "Nothing is served under this path.", _status(404)),
    Reply("slow-request", 408, "The request took too long to arrive", "Send it again without pauses.", _status(408)),
    Reply(
        "body-too-large",
        413,
        "The body is too large",
        "Send it in smaller parts.",
        _status(413),
    ),
    Reply("url-too-long", 414, "The address is too long", "Search by POST to _search instead.", _status(414)),
    Reply(
        "too-many-requests",
        429,
        "Too many requests",
        "You have used your share of this second. Wait, then go on.",
        _status(429),
        {"retry-after": "1"},
    ),
    Reply("headers-too-large", 431, "The headers are too large", "Send fewer or shorter headers.", _status(431)),
    Reply(
        "service-late",
        504,
        "The service did not answer in time",
        "Whether a change was made is not known; ask, or repeat it with the same Idempotency-Key.",
        _status(504),
    ),
    Reply(
        "service-away",
        503,
        "The service is not reachable just now",
        "The same request may work in a moment.",
        "response.code == 503 || response.code == 502 || response.code == 507",  # 507: gone with a large body under way
        {"retry-after": "1"},
    ),
    Reply("refused", 0, "The request was refused", "The gateway could not pass it on.", "response.code >= 400"),
)


def local_reply_config() -> Json:
    """Envoy's `local_reply_config`: one mapper per reply."""
    return {"mappers": [_mapper(reply) for reply in REPLIES]}


def _mapper(reply: Reply) -> Json:
    expression = "type.googleapis.com/envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter"
    headers = {"cache-control": "no-store", "x-content-type-options": "nosniff", **reply.headers}
    return {
        "filter": {
            "extension_filter": {
                "name": "envoy.access_loggers.extension_filters.cel",
                "typed_config": {"@type": expression, "expression": reply.when},
            }
        },
        **({"status_code": reply.status} if reply.status else {}),
        "headers_to_add": [
            {"header": {"key": key, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
            for key, value in headers.items()
        ],
        "body_format_override": {
            "content_type": "application/problem+json",
            "json_format": {
                "type": f"/problems/gateway/{reply.code}",
                "title": reply.title,
                "status": reply.status or "%RESPONSE_CODE%",
                "detail": reply.detail,
                "request": "%REQ(X-REQUEST-ID)%",
            },
        },
    }
