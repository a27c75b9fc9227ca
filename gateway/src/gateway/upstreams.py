"""The services behind the gateway as Envoy's clusters: kept HTTP/1.1 connections, bounded queues."""

from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from gateway.routes import Upstream
from gateway.settings import GatewaySettings

Json = dict[str, Any]

BUFFER = 256 * 1024


def clusters(settings: GatewaySettings) -> list[Json]:
    """One cluster per service."""
    return [_cluster(upstream.value, getattr(settings, f"{upstream}_url"), settings) for upstream in Upstream]


def _cluster(name: str, url: str, settings: GatewaySettings) -> Json:
    parts = urlsplit(url)
    host = parts.hostname or ""
    address = {"socket_address": {"address": host, "port_value": parts.port or 80}}
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": address}}]}]
    options = "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    return {
        "name": name,
        "type": "STATIC" if _is_address(host) else "STRICT_DNS",
        "dns_lookup_family": "V4_PREFERRED",
        "connect_timeout": "2s",
        "per_connection_buffer_limit_bytes": BUFFER,
        "load_assignment": {"cluster_name": name, "endpoints": endpoints},
        # Open streams of server-sent events each hold a connection.
        "circuit_breakers": {
            "thresholds": [{"max_connections": 4096, "max_requests": 4096, "max_pending_requests": 1024}]
        },
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": options,
                # A service that closes an idle connection just as we use it would cost a request: we close first.
                "common_http_protocol_options": {"idle_timeout": f"{settings.upstream_idle:g}s"},
                "explicit_http_config": {"http_protocol_options": {}},
            }
        },
    }


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
