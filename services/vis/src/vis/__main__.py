"""`python -m vis [all|serve|worker|migrate]`."""

from kit.process import main
from vis.main import build
from vis.settings import Settings

main(build, Settings)
