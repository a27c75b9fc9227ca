"""`python -m gateway [FILE]`: render the configuration from the environment to FILE and validate it, or print it."""

import sys
from pathlib import Path

from gateway.envoy import InvalidConfiguration, validate
from gateway.render import render, write
from gateway.settings import GatewaySettings
from kit.settings import WrongSettings, read


def main(arguments: list[str]) -> int:
    """Exit code 0 when written (and accepted by Envoy), 2 when something is wrong."""
    try:
        settings = read(GatewaySettings)
        if not arguments:
            sys.stdout.write(render(settings))
            return 0
        target = Path(arguments[0])
        write(settings, target)
        validate(target)
    except (WrongSettings, ValueError, InvalidConfiguration, OSError) as problem:
        sys.stderr.write(f"gateway: {problem}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
