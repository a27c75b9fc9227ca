"""The pages that stand in the patient's house, for `portal.mount`."""

from application_platform.portal.mine import (
    correcting,
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
    correcting.router,
    proxies.router,
    download.router,
    settings.router,
    more.router,
)
