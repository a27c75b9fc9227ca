"""What every request passes, in order: trace, other origins, token, its algorithm, the client's share, body size."""

from typing import Any

from gateway.routes import Table
from gateway.settings import GatewaySettings
from gateway.virtual_host import CLIENT, JWT, OURS, SUBJECT

Json = dict[str, Any]

_TYPE = "type.googleapis.com/envoy.extensions.filters"


def http_filters(settings: GatewaySettings, table: Table) -> list[Json]:
    """Envoy's HTTP filter chain."""
    return [
        _filter("header_to_metadata", _trace()),
        _filter("cors", {"@type": f"{_TYPE}.http.cors.v3.Cors"}),
        _filter("jwt_authn", _tokens(settings, table)),
        _filter("rbac", _algorithm()),
        _filter("local_ratelimit", _share(settings)),
        _body_without_length(settings),
        # Nothing of Envoy's own leaves towards services or clients.
        _filter("router", {"@type": f"{_TYPE}.http.router.v3.Router", "suppress_envoy_headers": True}),
    ]


def _filter(name: str, config: Json) -> Json:
    return {"name": f"envoy.filters.http.{name}", "typed_config": config}


def _trace() -> Json:
    """A W3C traceparent from outside is set aside when well formed, and dropped when not (it could say anything).

    virtual_host.py puts it back, or makes one (https://www.w3.org/TR/trace-context/). Envoy's own tracers cannot run
    without a collector and write the whole URL into their spans.
    """
    well_formed = {"pattern": {"regex": r"^(00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2})$|^.*$"}, "substitution": r"\1"}
    keep = {"metadata_namespace": OURS, "key": "trace", "type": "STRING", "regex_value_rewrite": well_formed}
    return {
        "@type": f"{_TYPE}.http.header_to_metadata.v3.Config",
        "request_rules": [{"header": "traceparent", "on_header_present": keep, "remove": True}],
    }


def _tokens(settings: GatewaySettings, table: Table) -> Json:
    """One provider per door, so that a token for one door is refused at the others (D11)."""
    doors = sorted({route.door for route in table.routes if route.door})
    return {
        "@type": f"{_TYPE}.http.jwt_authn.v3.JwtAuthentication",
        "providers": {door: _provider(settings, door) for door in doors},
        "requirement_map": {door: {"provider_name": door} for door in doors},
        # A route that forgot to say anything would still need a token: closed, not open.
        "rules": [
            {
                "match": {"prefix": "/"},
                "requires": {"requires_all": {"requirements": [{"provider_name": door} for door in doors]}},
            }
        ],
    }


def _provider(settings: GatewaySettings, door: str) -> Json:
    return {
        "issuer": settings.issuer,
        "audiences": [settings.audience(door)],
        "require_expiration": True,
        "clock_skew_seconds": 10,
        # Only the header: a token in a URL ends up in logs.
        "from_headers": [{"name": "Authorization", "value_prefix": "Bearer "}],
        "forward": True,  # each service verifies again
        # For the share below and the access log (cheaper than a copy of the whole payload).
        "claim_to_headers": [
            {"header_name": SUBJECT, "claim_name": "sub"},
            {"header_name": CLIENT, "claim_name": "client_id"},
        ],
        "header_in_metadata": "jwt_header",
        "jwt_cache_config": {"jwt_cache_size": 10_000, "jwt_max_token_size": 8192},
        "remote_jwks": {
            "http_uri": {
                "uri": f"{settings.addresses('application')[0]}/auth/jwks",
                "cluster": "application",
                "timeout": "2s",
            },
            "cache_duration": "60s",
            "async_fetch": {"fast_listener": True, "failed_refetch_duration": "1s"},
        },
    }


def _algorithm() -> Json:
    """Access tokens are ES256 and nothing else; the key set may hold RSA keys for id tokens (D11)."""
    path = [{"key": "jwt_header"}, {"key": "alg"}]
    matcher = {"filter": JWT, "path": path, "value": {"string_match": {"exact": "ES256"}}}
    es256 = {"sourced_metadata": {"metadata_matcher": matcher}}
    return {
        "@type": f"{_TYPE}.http.rbac.v3.RBAC",
        "rules": {
            "action": "ALLOW",
            "policies": {
                "es256": {
                    "permissions": [{"any": True}],
                    "principals": [es256],
                }
            },
        },
    }


def _share(settings: GatewaySettings) -> Json:
    """A bucket per client, made when first seen: the token's `sub`, or the address where nobody is known yet."""
    everything = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
    bucket = {"max_tokens": settings.rate_limit, "tokens_per_fill": settings.rate_limit, "fill_interval": "1s"}
    subject = {"request_headers": {"header_name": SUBJECT, "descriptor_key": "sub"}}
    share = {"key": OURS, "path": [{"key": "share"}]}  # "address", where the route says so
    by_address = {"metadata": {"descriptor_key": "share", "metadata_key": share, "source": "ROUTE_ENTRY"}}
    return {
        "@type": f"{_TYPE}.http.local_ratelimit.v3.LocalRateLimit",
        "stat_prefix": "client",
        # What names the client: where a value is missing, that line makes no bucket.
        "rate_limits": [{"actions": [subject]}, {"actions": [by_address, {"remote_address": {}}]}],
        # An empty value means: any value, each with a bucket of its own.
        "descriptors": [
            {"entries": [{"key": "sub", "value": ""}], "token_bucket": bucket},
            {
                "entries": [{"key": "share", "value": "address"}, {"key": "remote_address", "value": ""}],
                "token_bucket": bucket,
            },
        ],
        "max_dynamic_descriptors": settings.rate_limit_clients,
        # Envoy wants one for requests without a client; the routes leave none.
        "token_bucket": bucket,
        "always_consume_default_token_bucket": False,
        "filter_enabled": everything,
        "filter_enforced": everything,
    }


def _body_without_length(settings: GatewaySettings) -> Json:
    """A body that does not say its length is gathered up to the limit before it goes on; all others stream."""
    match = "type.googleapis.com/envoy.extensions.common.matching.v3.ExtensionWithMatcher"
    header = "type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput"
    skip = "type.googleapis.com/envoy.extensions.filters.common.matcher.action.v3.SkipFilter"
    says_its_length = {
        "single_predicate": {
            "input": {"name": "length", "typed_config": {"@type": header, "header_name": "content-length"}},
            "value_match": {"safe_regex": {"google_re2": {}, "regex": "[0-9]+"}},
        }
    }
    return {
        "name": "envoy.filters.http.buffer",
        "typed_config": {
            "@type": match,
            "extension_config": {
                "name": "envoy.filters.http.buffer",
                "typed_config": {
                    "@type": f"{_TYPE}.http.buffer.v3.Buffer",
                    "max_request_bytes": settings.max_body,
                },
            },
            "xds_matcher": {
                "matcher_list": {
                    "matchers": [
                        {
                            "predicate": says_its_length,
                            "on_match": {"action": {"name": "skip", "typed_config": {"@type": skip}}},
                        }
                    ]
                }
            },
        },
    }
