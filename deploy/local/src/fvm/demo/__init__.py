"""The demo region: two hundred invented people with their lives in care, told through the same doors as \
everyone's (D19)."""

import os
from collections.abc import Callable

from fvm.settings import Settings
from fvm.trouble import Trouble

Tell = Callable[[str], None]


def introduce(settings: Settings, tell: Tell, stopping: Callable[[], bool] = lambda: False) -> None:
    """Loads the demo region where it is not yet; does nothing in production, or with FVM_DEMO=no.

    A region that cannot take it runs on without it, and the reason is said.
    """
    if settings.mode != "demo" or os.environ.get("FVM_DEMO") == "no":
        return
    from fvm.demo import loading  # what it needs is read only when it is needed
    from fvm.demo.doors import Doors

    doors = Doors(settings)
    try:
        if loading.is_loaded(doors):
            loading.go_on(doors)
        else:
            loading.load(doors, tell, stopping)
    except loading.Interrupted:
        tell("demo region: interrupted; the next start, or `fvm demo load`, goes on with it")
    except Trouble as trouble:
        tell(f"the demo region is not whole: {trouble.sentence} (again: fvm demo load)")
    finally:
        doors.close()
