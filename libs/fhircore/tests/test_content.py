"""Two copies of a resource have one hash where they say the same, and another one where a digit differs."""

import pytest

from fhircore.content import content_hash

VIS = (
    b'{"resourceType":"Observation","id":"o","meta":{"versionId":"3","lastUpdated":"2026-03-02T12:00:00.000Z"},'
    b'"status":"final","subject":{"reference":"Patient/at-vis"},"valueQuantity":{"value":5.60}}'
)


def test_meta_and_the_names_of_patients_do_not_count() -> None:
    region = VIS.replace(b'"3"', b'"1"').replace(b"12:00", b"12:01").replace(b"Patient/at-vis", b"Patient/person")

    assert content_hash("Observation", "o", region) == content_hash("Observation", "o", VIS)


@pytest.mark.parametrize(
    ("one", "other"),
    [(b"5.60", b"5.6"), (b"final", b"amended"), (b"Patient/at-vis", b"Group/at-vis"), (b'"status"', b'"code"')],
)
def test_everything_else_counts_digit_for_digit(one: bytes, other: bytes) -> None:
    assert content_hash("Observation", "o", VIS.replace(one, other)) != content_hash("Observation", "o", VIS)


def test_the_same_content_under_another_id_is_another_fact() -> None:
    assert content_hash("Observation", "p", VIS) != content_hash("Observation", "o", VIS)
