"""`python -m integration_platform [all|serve|worker|migrate]`."""

from integration_platform.main import build
from integration_platform.settings import Settings
from kit.process import main

if __name__ == "__main__":
    main(build, Settings)
