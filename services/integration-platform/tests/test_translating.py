"""Messages become what the golden files say, exactly; set FVM_GOLDEN=1 to write them anew and read the difference."""

import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fhircore.validate import validator
from integration_platform.hl7v2.message import Message
from integration_platform.testing import NOON, a_message, a_pid, a_sender, an_adt, an_origin, an_oru
from integration_platform.translate.hl7v2 import TRANSLATORS, translate
from integration_platform.translate.model import (
    Merge,
    MissingIdentity,
    MissingSegment,
    NoSuchOrder,
    Put,
    SeveralPersons,
    Translation,
    UnsupportedMessage,
    encode,
    entry_json,
)
from kit.problems import Problem

GOLDEN = Path(__file__).parent / "golden"
SAMPLES = Path(__file__).parents[4] / "shared" / "data" / "hl7v2"


def translated(raw: str | bytes) -> Translation:
    raw = raw if isinstance(raw, bytes) else raw.encode()
    message = Message(raw)
    found = message.header
    return translate(message, an_origin(application=found.application, facility=found.facility))


def resources(raw: str | bytes, kind: str) -> list[dict[str, Any]]:
    puts = [entry.resource for entry in translated(raw).entries if isinstance(entry, Put)]
    return [resource for resource in puts if resource["resourceType"] == kind]


def observed(*obx: str, obr: str = "OBR|1|P1^VIS|F1^LIMS|T^Test^L|||20260302083000|||||||||||||||||LAB|F") -> list[Any]:
    return resources(a_message("ORU^R01", a_pid(), obr, *obx), "Observation")


def test_there_is_a_golden_file_for_every_type_that_is_translated() -> None:
    kinds = {Message(file.read_bytes()).header.kind for file in GOLDEN.glob("*.hl7")}
    assert kinds == set(TRANSLATORS)


@pytest.mark.parametrize("file", sorted(GOLDEN.glob("*.hl7")), ids=lambda file: file.stem)
def test_a_message_becomes_what_its_golden_file_says(file: Path) -> None:
    translation = translated(file.read_bytes())
    entries = [entry_json(entry, an_origin()) for entry in translation.entries]
    got = msgspec.json.format(b'{"person":%b,"left":%b,"entries":[%b]}' % (
        encode(translation.person), encode(translation.left), b",".join(entries)
    )).decode()  # fmt: skip
    expected = file.with_suffix(".json")
    if os.environ.get("FVM_GOLDEN"):
        expected.write_text(got + "\n", encoding="utf-8")
    assert got + "\n" == expected.read_text(encoding="utf-8")


@pytest.mark.parametrize("file", sorted(GOLDEN.glob("*.hl7")), ids=lambda file: file.stem)
def test_what_comes_out_is_valid_fhir(file: Path) -> None:
    for entry in translated(file.read_bytes()).entries:
        if isinstance(entry, Put):
            resource = msgspec.json.decode(encode(entry.resource))
            assert validator(resource["resourceType"])(resource) == []


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="shared test data are not here")
@pytest.mark.parametrize("file", sorted(SAMPLES.glob("*.hl7")) if SAMPLES.is_dir() else [], ids=lambda file: file.stem)
def test_every_sample_is_translated_to_valid_fhir_or_kept_with_a_reason(file: Path) -> None:
    if Message(file.read_bytes()).header.kind not in TRANSLATORS:
        with pytest.raises(UnsupportedMessage):
            translated(file.read_bytes())
        return
    translation = translated(file.read_bytes())
    for entry in translation.entries:
        assert isinstance(entry, Put)
        resource = msgspec.json.decode(encode(entry.resource))
        assert validator(resource["resourceType"])(resource) == []


def test_the_same_message_gives_the_same_ids_and_another_source_others() -> None:
    first, again = translated(an_oru()), translated(an_oru())
    assert first.entries == again.entries
    other = translate(Message(an_oru().encode()), an_origin(sender=a_sender(id="other")))
    ids = {entry.resource["id"] for entry in first.entries if isinstance(entry, Put)}
    assert ids.isdisjoint(entry.resource["id"] for entry in other.entries if isinstance(entry, Put))


def test_a_correction_is_a_new_version_of_the_same_result() -> None:
    [first] = resources(an_oru("M1", value="5.60"), "Observation")
    [corrected] = resources(an_oru("M2", value="4.10").replace("|F\r", "|C\r"), "Observation")
    assert first["id"] == corrected["id"]
    assert (first["status"], corrected["status"]) == ("final", "corrected")


def test_decimals_keep_their_digits() -> None:
    [entry] = [one for one in translated(an_oru(value="5.60")).entries if "Observation" in str(one)][1:]
    assert b'"value":5.60,' in entry_json(entry, an_origin())


def test_every_value_type_is_read() -> None:
    found = observed(
        "OBX|1|NM|A^A^L||-0.50|g/L|||||F",
        "OBX|2|NM|B^B^L||<5|mg/L||<|||F",
        "OBX|3|NM|C^C^L||påvisad||||||F",
        "OBX|4|SN|D^D^L||>^100|E/mL|||||F",
        "OBX|5|SN|E^E^L||^1^:^128||||||F",
        "OBX|6|SN|F^F^L||^2^-^20|h|||||F",
        "OBX|7|SN|G^G^L||^3^+||||||F",
        "OBX|8|ST|H^H^L||klar gul||||||F",
        "OBX|9|TX|I^I^L||rad 1~rad 2||||||F",
        r"OBX|10|FT|J^J^L||fet\.br\text||||||F",
        "OBX|11|CWE|K^K^L||112283007^Escherichia coli^SCT||||||F",
        "OBX|12|CE|M^M^L||NEG^Negativ^L||||||F",
        "OBX|13|DT|N^N^L||20260301||||||F",
        "OBX|14|TS|O^O^L||202603010815||||||F",
        "OBX|15|TM|P^P^L||0815||||||F",
        "OBX|16|NM|Q^Q^L||||||||X",
        "OBX|17|NM|R^R^L||1,5~2,5|g|||||F",
    )
    values = [
        next(((name, value) for name, value in one.items() if name.startswith(("value", "comp", "dataA"))), None)
        for one in found
    ]
    encoded = [encode(value).decode() for value in values]
    assert encoded[0] == '["valueQuantity",{"value":-0.50,"unit":"g/L"}]'
    assert encoded[1] == '["valueQuantity",{"comparator":"<","value":5,"unit":"mg/L"}]'
    assert encoded[2] == '["valueString","påvisad"]'
    assert encoded[3] == '["valueQuantity",{"comparator":">","value":100,"unit":"E/mL"}]'
    assert encoded[4] == '["valueRatio",{"numerator":{"value":1},"denominator":{"value":128}}]'
    assert encoded[5] == '["valueRange",{"low":{"value":2,"unit":"h"},"high":{"value":20,"unit":"h"}}]'
    assert encoded[6] == '["valueString","3 +"]'
    assert encoded[7] == '["valueString","klar gul"]'
    assert encoded[8] == r'["valueString","rad 1\nrad 2"]'
    assert encoded[9] == r'["valueString","fet\ntext"]'
    assert '"http://snomed.info/sct","code":"112283007"' in encoded[10]
    assert '"system":"urn:fvm:sender:lab:codes:L","code":"NEG"' in encoded[11]
    assert encoded[12] == '["valueDateTime","2026-03-01"]'
    assert encoded[13] == '["valueDateTime","2026-03-01T08:15:00+01:00"]'
    assert encoded[14] == '["valueTime","08:15:00"]'
    assert '"not-performed"' in encoded[15]
    assert found[15]["status"] == "cancelled"
    assert [part["valueQuantity"]["value"].as_tuple().digits for part in found[16]["component"]] == [(1, 5), (2, 5)]
    for one in found:
        assert validator("Observation")(msgspec.json.decode(encode(one))) == []


def test_a_document_in_a_result_is_the_report_s_own_form() -> None:
    raw = a_message(
        "ORU^R01", a_pid(),
        "OBR|1|P1|F1|T^Utlåtande^L||||||||||||||||||||RAD|F",
        "OBX|1|ED|T^Utlåtande^L||^AP^PDF^Base64^JVBERg==||||||F"
    )  # fmt: skip
    [report] = resources(raw, "DiagnosticReport")
    assert report["presentedForm"] == [{"contentType": "application/pdf", "title": "Utlåtande", "data": "JVBERg=="}]
    assert resources(raw, "Observation") == []


def test_a_broken_document_is_kept_as_a_result_not_dropped() -> None:
    [found] = observed("OBX|1|ED|T^Doc^L||^AP^PDF^Base64^%%%||||||F")
    assert found["valueString"] == "^AP^PDF^Base64^%%%"


def test_each_obr_has_its_own_orc_and_its_own_results() -> None:
    raw = a_message(
        "ORU^R01", a_pid(),
        "ORC|RE|P1^VIS|F1^LIMS", "OBR|1|||A^A^L||||||||||||||||||||LAB|F", "OBX|1|NM|A1^A1^L||1||||||F", "NTE|1||Fasta",
        "ORC|RE|P2^VIS|F2^LIMS", "OBR|2|||B^B^L||||||||||||||||||||LAB|P", "SPM|1|||BLD^Blod^L", "OBX|1|NM|B1^B1^L||2||||||P",
    )  # fmt: skip
    first, second = resources(raw, "DiagnosticReport")
    one, two = resources(raw, "Observation")
    assert [identifier["value"] for identifier in first["identifier"]] == ["P1", "F1"]
    assert [identifier["value"] for identifier in second["identifier"]] == ["P2", "F2"]
    assert first["basedOn"][0]["identifier"]["value"] == "P1"
    assert (first["status"], second["status"]) == ("final", "preliminary")
    assert first["result"] == [{"reference": f"Observation/{one['id']}"}]
    assert second["result"] == [{"reference": f"Observation/{two['id']}"}]
    assert one["note"] == [{"text": "Fasta"}]
    assert two["specimen"] == {"type": "Specimen", "display": "Blod"}


def test_a_merge_names_whose_identifiers_stay_and_whose_are_retired() -> None:
    pid = a_pid("191212121212^^^PNR~M1^^^NUS^MR")
    [_, merge] = translated(an_adt("A40", pid=pid, more="MRG|M2^^^NUS^MR~T9^^^NUS^MR")).entries
    assert isinstance(merge, Merge)
    assert merge.survivor[0] == ("http://electronichealth.se/identifier/personnummer", "191212121212")
    assert merge.retired == (("urn:fvm:sender:lab:NUS", "M2"), ("urn:fvm:sender:lab:NUS", "T9"))
    assert merge.survivor_id != merge.retired_id
    [earlier] = resources(an_adt("A01", pid=a_pid("M2^^^NUS^MR")), "Patient")
    assert merge.retired_id == earlier["id"]


def test_a_merge_of_a_person_with_itself_merges_nothing() -> None:
    pid = a_pid("M1^^^NUS^MR")
    assert len(translated(an_adt("A40", pid=pid, more="MRG|M1^^^NUS^MR")).entries) == 1


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (a_message("ADT^A02", a_pid()), UnsupportedMessage),
        (a_message("ADT^A01", "PV1|1|I"), MissingSegment),
        (a_message("ADT^A01", "PID|1||||Ek^Eva"), MissingIdentity),
        (a_message("ORU^R01", a_pid()), MissingSegment),
        (a_message("ORU^R01", a_pid(), a_pid("2^^^X"), "OBR|1||1|A"), SeveralPersons),
        (a_message("ADT^A40", a_pid()), MissingSegment),
        (a_message("ADT^A40", a_pid(), "MRG|"), MissingIdentity),
        (a_message("ORU^R01", a_pid(), "OBR|1||1|A||||||||||||||||||||LAB|Z"), NoSuchOrder),
    ],
)
def test_what_cannot_be_translated_says_why(raw: str, problem: type[Problem]) -> None:
    with pytest.raises(problem):
        translated(raw)


def test_what_is_not_translated_is_counted() -> None:
    translation = translated(an_adt("A01") + "AL1|1|DA|X\rAL1|2|DA|Y\rZZZ|1\r")
    assert translation.left == {"AL1": 2, "ZZZ": 1}


def test_a_person_without_a_visit_number_is_told_without_a_visit() -> None:
    translation = translated(a_message("ADT^A04", a_pid(), "PV1|1|O"))
    assert [entry.resource["resourceType"] for entry in translation.entries if isinstance(entry, Put)] == ["Patient"]


def test_labels_come_from_the_sender_s_unit_and_registers_have_no_owner() -> None:
    entries = [msgspec.json.decode(entry_json(entry, an_origin())) for entry in translated(an_oru()).entries]
    assert entries[0]["label"] == {"provider": "", "unit": "", "type": "register", "security": []}
    assert entries[2]["label"]["unit"] == "SE2321000016-2001"
    assert entries[2]["label"]["provider"] == "SE2321000016-0001"
    assert entries[2]["label"]["type"] == "und-kkm-ure"
    assert entries[2]["updated"] == NOON.isoformat().replace("+00:00", "Z")
