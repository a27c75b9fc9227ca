"""`python -m application_platform [all|serve|worker|migrate]`."""

from application_platform.main import build
from application_platform.settings import Settings
from kit.process import main

main(build, Settings)
