"""`python -m information_platform [all|serve|worker|migrate]`."""

from information_platform.main import build
from information_platform.settings import Settings
from kit.process import main

main(build, Settings)
