"""Whoever breaks a region must have started it: faults are skipped, and say so, in a region that somebody else runs."""

from typing import Any

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "faults" in item.path.parts:
            item.add_marker(pytest.mark.fault)


@pytest.fixture(scope="session")
def house(region: Any) -> Any:
    """The whole region, with a hand on its parts."""
    if region.region is None:
        pytest.skip("only a region of the tests' own is broken (unset FVM_TEST_REGION)")
    return region
