"""A region that runs in the data folder already: is it the one that was asked for?"""

from collections.abc import Mapping

from fvm.settings import Settings

_SET_BY = {
    "mode": "FVM_MODE",
    "portal": "FVM_GATEWAY_PORT or FVM_PUBLIC_URL",
    "HL7 v2 over MLLP": "FVM_MLLP_PORT or FVM_HOST",
}


def asked(settings: Settings) -> dict[str, str]:
    """The doors of a region that people may have asked to be elsewhere, as `Region.doors` names them."""
    return {
        "mode": settings.mode,
        "portal": f"{settings.public_url}/portal",
        "HL7 v2 over MLLP": f"{settings.host}:{settings.mllp_port}",
    }


def differences(settings: Settings, urls: Mapping[str, str]) -> str:
    """What is otherwise than asked, in one sentence; "" where nothing is. `urls` are the running region's doors."""
    found = [
        f"{name} is {urls[name]}, not {wanted} ({_SET_BY[name]})"
        for name, wanted in asked(settings).items()
        if urls.get(name, wanted) != wanted
    ]
    if not found:
        return ""
    return (
        f"A region is already running in {settings.data}, otherwise than asked: {'; '.join(found)}. "
        "It goes on as it is. Stop it first with `make down`, or choose another folder with FVM_DATA."
    )
