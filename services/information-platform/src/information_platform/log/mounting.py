"""Everything of the log that the composition root puts in: its loops."""

from fhirserver.engine import Engine
from fhirserver.logtelling import LogTeller
from information_platform.log.patterns import Patterns
from information_platform.log.reporting import Reports
from information_platform.log.upkeep import Upkeep
from information_platform.settings import Settings
from kit.process import Hook


def loops(engine: Engine, settings: Settings) -> list[Hook]:
    """Telling what was logged here, reports, patterns, and months."""
    return [
        LogTeller(engine).run,
        Reports(engine).run,
        Patterns(engine, settings.log_mass).run,
        Upkeep(engine.db, settings.log_years).run,
    ]
