"""The pages that stand in the patient's house, for `portal.mount`."""

from application_platform.portal.mine import (
    diagnoses,
    download,
    journal,
    more,
    privacy,
    proxies,
    results,
    settings,
    start,
)

ROUTERS = (
    start.router,
    journal.router,
    results.router,
    diagnoses.router,
    privacy.router,
    privacy.moved,
    proxies.router,
    download.router,
    settings.router,
    more.router,
)
