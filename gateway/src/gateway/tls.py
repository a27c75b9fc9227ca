"""The gateway's own certificate: Envoy reads it from files and watches their folder, so a renewal needs no restart."""

from pathlib import Path
from typing import Any

from gateway.settings import GatewaySettings

Json = dict[str, Any]

NAME = "front"
_TLS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3"


def downstream(settings: GatewaySettings, secrets_file: Path) -> Json:
    """Of the filter chain: TLS where there is a certificate, else nothing."""
    if settings.gateway_certificate is None:
        return {}
    source = {"path_config_source": {"path": str(secrets_file)}, "resource_api_version": "V3"}
    context = {
        "@type": f"{_TLS}.DownstreamTlsContext",
        "common_tls_context": {
            "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
            "alpn_protocols": ["h2", "http/1.1"],
            "tls_certificate_sds_secret_configs": [{"name": NAME, "sds_config": source}],
        },
    }
    return {"transport_socket": {"name": "envoy.transport_sockets.tls", "typed_config": context}}


def secrets(settings: GatewaySettings) -> Json:
    """Where the certificate and its key are. Envoy looks again when a file is moved into their folder (not when one
    is written in place): https://www.envoyproxy.io/docs/envoy/latest/configuration/security/secret."""
    certificate, key = settings.gateway_certificate, settings.gateway_key
    assert certificate is not None
    files = {
        "certificate_chain": {"filename": str(certificate)},
        "private_key": {"filename": str(key)},
        "watched_directory": {"path": str(certificate.parent)},
    }
    return {"resources": [{"@type": f"{_TLS}.Secret", "name": NAME, "tls_certificate": files}]}
