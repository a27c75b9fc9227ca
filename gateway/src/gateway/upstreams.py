"""The services behind the gateway as Envoy's clusters: kept HTTP/1.1 connections, bounded queues, one endpoint a copy."""

from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from gateway.routes import Upstream
from gateway.settings import GatewaySettings
from gateway.tls import trusting

Json = dict[str, Any]

BUFFER = 256 * 1024

# A copy that is told to stop says so here first, and gets no more requests (kit.process). Where none is ready, all are tried.
READY: Json = {
    "health_checks": [
        {
            "timeout": "3s",
            "interval": "1s",
            "no_traffic_interval": "1s",
            "unhealthy_threshold": 2,
            "healthy_threshold": 1,
            "http_health_check": {"path": "/health/serving"},
        }
    ],
    # Envoy's own rule would ask them all again as soon as fewer than half are ready: the ones that stop among them.
    "common_lb_config": {"ignore_new_hosts_until_first_hc": True, "healthy_panic_threshold": {"value": 1}},
    "dns_refresh_rate": "2s",
}


def clusters(settings: GatewaySettings, target: Path) -> list[Json]:
    """One cluster per service; `target` is where the configuration will lie."""
    return [_cluster(upstream.value, settings, target) for upstream in Upstream]


def _cluster(name: str, settings: GatewaySettings, target: Path) -> Json:
    urls = [urlsplit(url) for url in settings.addresses(name)]
    fixed = all(_is_address(url.hostname or "") for url in urls)
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": _address(url)}} for url in urls]}]
    options = "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    return {
        "name": name,
        "type": "STATIC" if fixed else "STRICT_DNS",
        # One fixed address is always used; of several, and of a name that may have several, those that are ready.
        **({} if fixed and len(urls) == 1 else READY),
        **(_tls(target, urls[0].hostname or "") if urls[0].scheme == "https" else {}),
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


def _address(url: SplitResult) -> Json:
    port = url.port or (443 if url.scheme == "https" else 80)
    return {"socket_address": {"address": url.hostname or "", "port_value": port}}


def _tls(target: Path, host: str) -> Json:
    """Only a certificate of the region's own authority that names this service."""
    named = {"san_type": "IP_ADDRESS" if _is_address(host) else "DNS", "matcher": {"exact": host}}
    context = {
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        "common_tls_context": trusting(target, named),
        **({} if _is_address(host) else {"sni": host}),
    }
    return {"transport_socket": {"name": "envoy.transport_sockets.tls", "typed_config": context}}


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
