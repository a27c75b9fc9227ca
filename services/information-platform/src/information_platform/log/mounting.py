"""Everything of the log that the composition root puts in: its loops."""

from fhirserver.engine import Engine
from fhirserver.logpruning import LogPruner
from fhirserver.logtelling import LogTeller
from information_platform.log.checking import Checks
from information_platform.log.keeping import Keeper
from information_platform.log.patterns import Patterns
from information_platform.log.reporting import Reports
from information_platform.log.upkeep import Upkeep
from information_platform.settings import Settings
from kit.process import Hook


def loops(engine: Engine, settings: Settings) -> list[Hook]:
    """Telling what was logged here, reports, patterns, random checks, months, and rows here that the region's log holds."""
    return [
        LogTeller(engine).run,
        Reports(engine).run,
        Patterns(engine, settings.log_mass).run,
        Checks(engine, settings.log_checks).run,
        Upkeep(engine.db, settings.log_years).run,
        LogPruner(engine, Keeper(engine).kept, settings.log_local_days).run,
    ]
