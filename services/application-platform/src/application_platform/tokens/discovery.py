"""What this authorisation server can do, said at every address where clients look; only what works is said.

https://hl7.org/fhir/smart-app-launch/STU2.2/conformance.html,
https://openid.net/specs/openid-connect-discovery-1_0.html
"""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from application_platform.tokens import assertions

router = APIRouter(tags=["discovery"])

GRANT_TYPES = ("authorization_code", "client_credentials", "refresh_token")
AUTH_METHODS = ("client_secret_basic", "client_secret_post", "private_key_jwt", "none")
SCOPES = (
    "openid",
    "fhirUser",
    "profile",
    "launch",
    "launch/patient",
    "launch/encounter",
    "offline_access",
    "online_access",
    "patient/*.rs",
    "patient/*.cruds",
    "patient/*.read",
    "user/*.rs",
    "user/*.cruds",
    "user/*.read",
    "system/*.rs",
    "system/*.cruds",
)
CAPABILITIES = (
    "launch-ehr",
    "launch-standalone",
    "authorize-post",
    "client-public",
    "client-confidential-symmetric",
    "client-confidential-asymmetric",
    "sso-openid-connect",
    "context-banner",
    "context-style",
    "context-ehr-patient",
    "context-ehr-encounter",
    "context-standalone-patient",
    "context-standalone-encounter",
    "permission-offline",
    "permission-online",
    "permission-patient",
    "permission-user",
    "permission-v1",
    "permission-v2",
)


CLAIMS = ("sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "name", "sid", "fhirUser", "profile")


def _shared(issuer: str) -> dict[str, Any]:
    return {
        "issuer": issuer,
        "jwks_uri": f"{issuer}/auth/jwks",
        "authorization_endpoint": f"{issuer}/auth/authorize",
        "token_endpoint": f"{issuer}/auth/token",
        "introspection_endpoint": f"{issuer}/auth/introspect",
        "revocation_endpoint": f"{issuer}/auth/revoke",
        "grant_types_supported": list(GRANT_TYPES),
        "response_types_supported": ["code"],
        "scopes_supported": list(SCOPES),
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": list(AUTH_METHODS),
        "token_endpoint_auth_signing_alg_values_supported": list(assertions.ALGORITHMS),
    }


def smart_configuration(issuer: str) -> dict[str, Any]:
    return {**_shared(issuer), "management_endpoint": f"{issuer}/auth/sessions", "capabilities": list(CAPABILITIES)}


def openid_configuration(issuer: str) -> dict[str, Any]:
    return {
        **_shared(issuer),
        "response_modes_supported": ["query"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "claims_supported": list(CLAIMS),
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "authorization_response_iss_parameter_supported": True,
    }


def _document(content: dict[str, Any]) -> JSONResponse:
    headers = {"Cache-Control": "public, max-age=300", "Access-Control-Allow-Origin": "*"}
    return JSONResponse(content, headers=headers)


def _issuer(request: Request) -> str:
    url: str = request.app.state.office.issuer.url
    return url


@router.get("/.well-known/smart-configuration")
@router.get("/vis/fhir/.well-known/smart-configuration", include_in_schema=False)
@router.get("/fhir/.well-known/smart-configuration", include_in_schema=False)
async def read_smart_configuration(request: Request) -> JSONResponse:
    """SMART App Launch 2.2 discovery; the same document below both FHIR addresses."""
    return _document(smart_configuration(_issuer(request)))


@router.get("/.well-known/openid-configuration")
@router.get("/vis/fhir/.well-known/openid-configuration", include_in_schema=False)
@router.get("/fhir/.well-known/openid-configuration", include_in_schema=False)
async def read_openid_configuration(request: Request) -> JSONResponse:
    """OpenID Connect discovery."""
    return _document(openid_configuration(_issuer(request)))
