"""The CapabilityStatement says where tokens come from, at both doors, in the extension that old clients read."""

from typing import Any

import pytest

from fhirserver.interactions.capabilities import _OAUTH, _security


def uris(base: str) -> dict[str, str]:
    security: dict[str, Any] = _security(base)
    assert security["service"][0]["coding"][0]["code"] == "SMART-on-FHIR"
    [extension] = [one for one in security["extension"] if one["url"] == _OAUTH]
    return {one["url"]: one["valueUri"] for one in extension["extension"]}


@pytest.mark.parametrize("base", ["https://region.test/vis/fhir", "https://region.test/fhir"])
def test_both_doors_name_the_region_as_the_place_of_tokens(base: str) -> None:
    told = uris(base)

    assert told["authorize"] == "https://region.test/auth/authorize"
    assert told["token"] == "https://region.test/auth/token"
    assert told["manage"] == "https://region.test/auth/sessions"
