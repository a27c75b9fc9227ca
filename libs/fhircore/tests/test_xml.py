"""XML and JSON say the same: every official example there and back, and what is refused."""

from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import msgspec
import pytest

from fhircore.outcome import InvalidFHIR
from fhircore.xml import from_xml, to_xml

EXAMPLES = Path(__file__).parents[3] / ".." / "shared" / "data" / "r4-examples"
FHIR = 'xmlns="http://hl7.org/fhir"'
XHTML = 'xmlns="http://www.w3.org/1999/xhtml"'
DECODER = msgspec.json.Decoder(float_hook=Decimal)


def files() -> list[Any]:
    return [pytest.param(path, id=path.stem) for path in sorted(EXAMPLES.glob("*.json"))]


def same(one: Any, other: Any) -> bool:
    """Equal with the digits of decimals: 1.0 is not 1.00."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and str(one) == str(other)


def test_the_official_examples_are_there() -> None:
    if not EXAMPLES.is_dir():
        pytest.skip("../shared/data/r4-examples is not there")
    assert len(files()) == 225


@pytest.mark.parametrize("pretty", [False, True], ids=["compact", "pretty"])
@pytest.mark.parametrize("path", files())
def test_an_official_example_comes_back_from_xml_as_it_was(path: Path, pretty: bool) -> None:
    resource = DECODER.decode(path.read_bytes())
    text = to_xml(resource, pretty)
    assert same(from_xml(text), resource)
    assert to_xml(from_xml(text), pretty) == text
    assert ElementTree.fromstring(text).tag == f"{{http://hl7.org/fhir}}{resource['resourceType']}"


def test_elements_stand_in_the_order_of_the_definitions_whatever_the_order_in_json() -> None:
    shuffled = {"birthDate": "1970", "resourceType": "Patient", "name": [{"given": ["a"], "use": "usual"}], "id": "x"}
    assert to_xml(shuffled).decode() == (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<Patient {FHIR}><id value="x"/><name><use value="usual"/><given value="a"/></name><birthDate value="1970"/></Patient>'
    )


def test_values_keep_types_digits_and_white_space() -> None:
    resource = {
        "resourceType": "Observation",
        "contained": [{"resourceType": "Patient", "active": False}],
        "extension": [{"url": "u&\"<>'", "valueDecimal": Decimal("1.500")}],
        "status": "final",
        "code": {"text": "a\nb\tc\r\"<&>'å😀"},
        "component": [{"valueInteger": -5}, {"valueBoolean": True}],
    }
    assert same(from_xml(to_xml(resource)), resource)
    assert same(from_xml(to_xml(resource, pretty=True)), resource)


def test_lists_of_primitives_are_padded_where_only_some_have_values_or_extensions() -> None:
    xml = (
        f'<Patient {FHIR}><name><given value="a"/><given id="i"/><given value="c">'
        '<extension url="u"><valueCode value="x"/></extension></given><given value="d"/></name></Patient>'
    )
    name = from_xml(xml)["name"][0]
    assert name["given"] == ["a", None, "c", "d"]
    assert name["_given"] == [None, {"id": "i"}, {"extension": [{"url": "u", "valueCode": "x"}]}, None]


def test_a_narrative_keeps_its_own_text_and_loses_prefixes() -> None:
    div = f'<div {XHTML}><p  class="a" >x &amp; <br /> y&#160;z</p><!-- c --></div>'
    text = f'<Patient {FHIR}><text><status value="generated"/>{div}</text></Patient>'
    assert from_xml(text)["text"]["div"] == div
    prefixed = (
        f'<Patient {FHIR} xmlns:h="http://www.w3.org/1999/xhtml"><text><status value="generated"/>'
        '<h:div><h:p title="a&lt;b">x &amp; y</h:p></h:div></text></Patient>'
    )
    assert from_xml(prefixed)["text"]["div"] == f'<div {XHTML}><p title="a&lt;b">x &amp; y</p></div>'
    latin = f'<?xml version="1.0" encoding="ISO-8859-1"?>{text.replace("x &amp;", "å")}'.encode("latin-1")
    assert "å" in from_xml(latin)["text"]["div"]


@pytest.mark.parametrize(
    ("xml", "at"),
    [
        ("", None),
        ("<Patient/>", None),
        (f"<Patient {FHIR}>", None),
        (f"<Patienten {FHIR}/>", None),
        (f"<HumanName {FHIR}/>", None),
        (f'<Patient {FHIR} id="x"/>', "Patient"),
        (f'<Patient {FHIR}><nome value="x"/></Patient>', "Patient"),
        (f"<Patient {FHIR}>text</Patient>", None),
        (f'<Patient {FHIR}><active value="ja"/></Patient>', "Patient.active"),
        (f'<Patient {FHIR}><multipleBirthInteger value="1.5"/></Patient>', "Patient.multipleBirthInteger"),
        (f'<Patient {FHIR}><gender value="a"/><gender value="b"/></Patient>', "Patient.gender"),
        (f'<Patient {FHIR}><gender value="a" other="b"/></Patient>', "Patient.gender"),
        (f"<Patient {FHIR}><contained/></Patient>", "Patient.contained"),
        (f'<Patient {FHIR}><name><x:given xmlns:x="y" value="a"/></name></Patient>', "Patient.name"),
        (f"<Patient {FHIR}><text><div/></text></Patient>", "Patient.text"),
        (f'<!DOCTYPE x [<!ENTITY e "e">]><Patient {FHIR}><id value="&e;"/></Patient>', None),
        (f'<!DOCTYPE x SYSTEM "file:///etc/passwd"><Patient {FHIR}/>', None),
        (f"<?php x?><Patient {FHIR}/>", None),
        (f"<Patient {FHIR}>" + "<contact>" * 500 + "</contact>" * 500 + "</Patient>", None),
        ('<?xml version="1.0" encoding="made-up"?><Patient/>', None),
        ("\ud800", None),
    ],
)
def test_xml_that_is_no_resource_is_refused_with_its_place(xml: str, at: str | None) -> None:
    with pytest.raises(InvalidFHIR) as refused:
        from_xml(xml if "made-up" not in xml else xml.encode())
    assert refused.value.issues[0].at == at


@pytest.mark.parametrize(
    ("resource", "at"),
    [
        ({}, None),
        ({"resourceType": "Patienten"}, None),
        ({"resourceType": "Patient", "nome": 1}, "Patient"),
        ({"resourceType": "Patient", "name": "x"}, "Patient.name"),
        ({"resourceType": "Patient", "gender": {}}, "Patient.gender"),
        ({"resourceType": "Patient", "gender": "a\x01"}, "Patient.gender"),
        ({"resourceType": "Patient", "contained": [{}]}, "Patient.contained"),
        ({"resourceType": "Patient", "text": {"div": "<div></p>"}}, "Patient.text.div"),
        ({"resourceType": "Patient", "text": {"div": "</text><id/><text>"}}, "Patient.text.div"),
        ({"resourceType": "Patient", "text": {"div": f"<div {XHTML}/><x/>"}}, "Patient.text.div"),
    ],
)
def test_json_that_xml_cannot_say_is_refused_with_its_place(resource: dict[str, Any], at: str | None) -> None:
    with pytest.raises(InvalidFHIR) as refused:
        to_xml(resource)
    assert refused.value.issues[0].at == at
