"""Envoy's whole configuration, put together in one place from settings and the routes."""

from pathlib import Path
from typing import Any

import yaml

from gateway import routes, tls
from gateway.filters import http_filters
from gateway.replies import local_reply_config
from gateway.settings import GatewaySettings
from gateway.upstreams import BUFFER, clusters
from gateway.virtual_host import CLIENT, URL_LIMIT, route_config

Json = dict[str, Any]

HEADERS_LIMIT = 16 * 1024

# The one large pattern is the URL's length (virtual_host.TOO_LONG); all patterns are ours, none comes from outside.
RUNTIME: Json = {"re2": {"max_program_size": {"error_level": 40_000, "warn_level": 40_000}}}


def write(settings: GatewaySettings, target: Path) -> None:
    """The configuration as `target`, and beside it what tells Envoy where certificates are, where there are any."""
    for file, content in tls.files(settings, target).items():
        file.write_text(_yaml(content), "utf-8")
    target.write_text(render(settings, target), "utf-8")


def render(settings: GatewaySettings, target: Path = Path("envoy.yaml")) -> str:
    """The configuration as YAML, ready for `envoy -c`; ValidationError where the routes contradict themselves."""
    return _yaml(configuration(settings, routes.load(), target))


def _yaml(found: Json) -> str:
    return yaml.safe_dump(found, sort_keys=False, width=120, default_flow_style=False)


def configuration(settings: GatewaySettings, table: routes.Table, target: Path = Path("envoy.yaml")) -> Json:
    """The bootstrap as plain data; `target` is where it will lie."""
    admin = {"admin": {"address": _socket("127.0.0.1", settings.gateway_admin_port)}}
    return {
        "node": {"id": "gateway", "cluster": "gateway"},
        **(admin if settings.gateway_admin_port else {}),
        "layered_runtime": {"layers": [{"name": "ours", "static_layer": RUNTIME}]},
        "overload_manager": _overload(settings),
        "static_resources": {
            "listeners": [_listener(settings, table, target)],
            "clusters": clusters(settings, target),
        },
    }


def _listener(settings: GatewaySettings, table: routes.Table, target: Path) -> Json:
    manager = {"name": "envoy.filters.network.http_connection_manager", "typed_config": _manager(settings, table)}
    return {
        "name": "front",
        "address": _socket(settings.gateway_host, settings.gateway_port),
        # Shared ports let a second gateway start unnoticed on a taken port; one worker does not need them.
        "enable_reuse_port": settings.gateway_concurrency > 1,
        "per_connection_buffer_limit_bytes": BUFFER,
        "filter_chains": [{"filters": [manager], **tls.downstream(settings, target)}],
    }


def _manager(settings: GatewaySettings, table: routes.Table) -> Json:
    network = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
    return {
        "@type": network,
        "stat_prefix": "front",
        "server_name": "fvm",
        "use_remote_address": True,
        "xff_num_trusted_hops": settings.gateway_trusted_hops,
        **_paths(),
        **_times(settings),
        "max_request_headers_kb": (URL_LIMIT + HEADERS_LIMIT) // 1024,
        "common_http_protocol_options": {
            "idle_timeout": "300s",
            "max_headers_count": 100,
            "headers_with_underscores_action": "REJECT_REQUEST",
        },
        "http2_protocol_options": {
            "max_concurrent_streams": 100,
            "initial_stream_window_size": 65_536,
            "initial_connection_window_size": 1_048_576,
        },
        "generate_request_id": True,
        "always_set_request_id_in_response": True,
        "request_id_extension": _request_id(),
        "early_header_mutation_extensions": [_strangers()],
        **_access_log(settings),
        "local_reply_config": local_reply_config(),
        "http_filters": http_filters(settings, table),
        "route_config": route_config(settings, table),
    }


def _paths() -> Json:
    """One spelling of a path before it is matched, so that no other spelling goes around a route."""
    return {
        "normalize_path": True,
        "merge_slashes": True,
        "path_with_escaped_slashes_action": "REJECT_REQUEST",
    }


def _times(settings: GatewaySettings) -> Json:
    return {
        "request_headers_timeout": "10s",
        "request_timeout": f"{settings.receive_timeout}s",
        # Silence in both directions; longer than the longest wait for an answer.
        "stream_idle_timeout": f"{settings.request_timeout + 15}s",
        "drain_timeout": "5s",
    }


def _request_id() -> Json:
    """A plain random id: ours, not the client's, which might say something about a patient."""
    kind = "type.googleapis.com/envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig"
    return {"typed_config": {"@type": kind, "pack_trace_reason": False, "use_request_id_for_trace_sampling": False}}


def _strangers() -> Json:
    """Headers that mean something inside never come from outside."""
    kind = "type.googleapis.com/envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation"
    prefixes = ("x-fvm-", "x-envoy-")
    by_prefix = [{"remove_on_match": {"key_matcher": {"prefix": prefix}}} for prefix in prefixes]
    by_name = [{"remove": name} for name in ("x-request-id", "baggage")]
    mutation = {"@type": kind, "mutations": [*by_prefix, *by_name]}
    return {"name": "envoy.http.early_header_mutation.header_mutation", "typed_config": mutation}


def _access_log(settings: GatewaySettings) -> Json:
    """One JSON line a request: the route's name, never its path, query, address or person."""
    if not settings.gateway_log:
        return {}
    line = {
        "at": "%START_TIME%",
        "route": "%ROUTE_NAME%",
        "method": "%REQ(:METHOD)%",
        "status": "%RESPONSE_CODE%",
        "why": "%RESPONSE_FLAGS%",
        "ms": "%DURATION%",
        "received": "%BYTES_RECEIVED%",
        "sent": "%BYTES_SENT%",
        "client": f"%REQ({CLIENT})%",
        "request": "%REQ(X-REQUEST-ID)%",
        "trace": "%REQ(TRACEPARENT)%",
    }
    stdout = settings.gateway_log == "stdout"
    kind = "stream.v3.StdoutAccessLog" if stdout else "file.v3.FileAccessLog"
    config = {
        "@type": f"type.googleapis.com/envoy.extensions.access_loggers.{kind}",
        **({} if stdout else {"path": settings.gateway_log}),
        "log_format": {"json_format": line},
    }
    name = "envoy.access_loggers.stdout" if stdout else "envoy.access_loggers.file"
    return {"access_log": [{"name": name, "typed_config": config}]}


def _overload(settings: GatewaySettings) -> Json:
    """Under memory pressure new requests are refused (503) before the process is killed."""
    heap = "envoy.resource_monitors.fixed_heap"
    connections = "envoy.resource_monitors.global_downstream_max_connections"
    kind = "type.googleapis.com/envoy.extensions.resource_monitors"
    return {
        "refresh_interval": "0.25s",
        "resource_monitors": [
            {
                "name": heap,
                "typed_config": {
                    "@type": f"{kind}.fixed_heap.v3.FixedHeapConfig",
                    "max_heap_size_bytes": settings.gateway_memory_mb * 1024 * 1024,
                },
            },
            {
                "name": connections,
                "typed_config": {
                    "@type": f"{kind}.downstream_connections.v3.DownstreamConnectionsConfig",
                    "max_active_downstream_connections": 10_000,
                },
            },
        ],
        "actions": [
            {"name": f"envoy.overload_actions.{action}", "triggers": [{"name": heap, "threshold": {"value": value}}]}
            for action, value in (("shrink_heap", 0.9), ("stop_accepting_requests", 0.95))
        ],
    }


def _socket(host: str, port: int) -> Json:
    return {"socket_address": {"address": host, "port_value": port}}
