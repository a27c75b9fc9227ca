"""The gateway's own certificate, and whom it trusts: Envoy watches the files' folders, so a renewal needs no restart."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gateway.settings import GatewaySettings

Json = dict[str, Any]

FRONT, SERVICES = "front", "services"
_TLS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3"


def downstream(settings: GatewaySettings, target: Path) -> Json:
    """Of the filter chain: TLS where there is a certificate, else nothing. `target` is Envoy's configuration."""
    if settings.gateway_certificate is None:
        return {}
    context = {
        "@type": f"{_TLS}.DownstreamTlsContext",
        "common_tls_context": {
            "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
            "alpn_protocols": ["h2", "http/1.1"],
            "tls_certificate_sds_secret_configs": [_named(FRONT, target)],
        },
    }
    return {"transport_socket": {"name": "envoy.transport_sockets.tls", "typed_config": context}}


def trusting(target: Path, named: Json) -> Json:
    """Of a cluster: only a certificate that the services' authority signed for `named` (a matcher of names)."""
    combined = {
        "default_validation_context": {"match_typed_subject_alt_names": [named]},
        "validation_context_sds_secret_config": _named(SERVICES, target),
    }
    return {"combined_validation_context": combined}


def files(settings: GatewaySettings, target: Path) -> dict[Path, Json]:
    """What lies beside the configuration: a file per secret that says where it is; none where there is no TLS.

    Envoy looks again when a file is moved into a secret's folder (not when one is written in place):
    https://www.envoyproxy.io/docs/envoy/latest/configuration/security/secret.
    """
    found: dict[Path, Json] = {}
    if settings.gateway_certificate is not None:
        pair = {"certificate_chain": settings.gateway_certificate, "private_key": settings.gateway_key}
        found[_beside(target, FRONT)] = _secret(FRONT, "tls_certificate", pair)
    if settings.services_ca is not None:
        trusted = {"trusted_ca": settings.services_ca}
        found[_beside(target, SERVICES)] = _secret(SERVICES, "validation_context", trusted)
    return found


def _beside(target: Path, name: str) -> Path:
    return target.absolute().with_name(f"{target.stem}-{name}.yaml")


def _named(name: str, target: Path) -> Json:
    source = {"path_config_source": {"path": str(_beside(target, name))}, "resource_api_version": "V3"}
    return {"name": name, "sds_config": source}


def _secret(name: str, kind: str, paths: Mapping[str, Path | None]) -> Json:
    folder = {"watched_directory": {"path": str(next(path for path in paths.values() if path).parent)}}
    content = {key: {"filename": str(path)} for key, path in paths.items()}
    return {"resources": [{"@type": f"{_TLS}.Secret", "name": name, kind: {**content, **folder}}]}
