"""`python -m kit.alive [ready]`: exit status 0 when the service of this environment lives; a container's health check."""

import http.client
import os
import ssl
import sys

_PATIENCE = 3.0  # seconds


def main(arguments: list[str]) -> int:
    """Asks FVM_PORT on this machine; `ready` also wants every dependency there."""
    path = "/health/ready" if arguments == ["ready"] else "/health/live"
    port = int(os.environ.get("FVM_PORT") or 0)
    try:
        connection = _connection(port)
        connection.request("GET", path)
        return 0 if connection.getresponse().status == 200 else 1
    except (OSError, http.client.HTTPException):
        return 1


def _connection(port: int) -> http.client.HTTPConnection:
    if not os.environ.get("FVM_CERTIFICATE"):
        return http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE)
    # The certificate names the service, not this machine; whether it lives is all that is asked.
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return http.client.HTTPSConnection("127.0.0.1", port, timeout=_PATIENCE, context=context)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
