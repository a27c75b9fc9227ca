"""`python -m gateway [FILE]`: render the configuration from the environment to FILE and validate it, or print it."""

import sys
from pathlib import Path

from pydantic import ValidationError

from gateway.envoy import InvalidConfiguration, validate
from gateway.render import render
from gateway.settings import GatewaySettings


def main(arguments: list[str]) -> int:
    """Exit code 0 when written (and accepted by Envoy), 2 when something is wrong."""
    try:
        text = render(GatewaySettings())
        if not arguments:
            sys.stdout.write(text)
            return 0
        target = Path(arguments[0])
        target.write_text(text, "utf-8")
        validate(target)
    except (ValidationError, InvalidConfiguration, OSError) as problem:
        sys.stderr.write(f"gateway: {problem}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
