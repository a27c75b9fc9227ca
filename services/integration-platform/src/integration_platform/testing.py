"""Builders for tests: a sender, an origin, messages of synthetic people with official test numbers."""

from datetime import UTC, datetime
from typing import Any

from integration_platform.senders.model import Sender
from integration_platform.translate.model import Origin

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
PERSONNUMMER = "191212121212"


def a_sender(**changes: Any) -> Sender:
    return Sender(
        **{
            "id": "lab",
            "name": "Laboratoriesystemet",
            "unit": "SE2321000016-2001",
            "unit_name": "Klinisk kemi",
            "provider": "SE2321000016-0001",
            "provider_name": "Region Norr",
            **changes,
        }
    )


def an_origin(**changes: Any) -> Origin:
    return Origin(
        **{
            "sender": a_sender(),
            "application": "LIMS",
            "facility": "KEM",
            "control_id": "M1",
            "version": 7,
            "received_at": NOON,
            **changes,
        }
    )


def a_message(kind: str, *segments: str, control: str = "M1", charset: str = "UNICODE UTF-8", **msh: str) -> str:
    """MSH and these segments; `msh` sets fields by number, as msh_15="AL"."""
    fields = [
        "MSH",
        "^~\\&",
        "LIMS",
        "KEM",
        "FVM",
        "NORR",
        "20260302120000+0100",
        "",
        kind,
        control,
        "P",
        "2.5",
        "",
        "",
        "",
        "",
        "SWE",
        charset,
    ]
    for name, value in msh.items():
        fields[int(name.removeprefix("msh_")) - 1] = value
    return "\r".join(("|".join(fields), *segments)) + "\r"


def a_pid(identifier: str = f"{PERSONNUMMER}^^^SE&1.2.752.129.2.1.3.1&ISO^NNSWE", family: str = "Tolvansson") -> str:
    return f"PID|1||{identifier}||{family}^Tolvan^^^^^L||19121212|M"


def an_oru(control: str = "M1", *, value: str = "5.60", pid: str = "", **msh: str) -> str:
    """One result of one test."""
    return a_message(
        "ORU^R01^ORU_R01",
        pid or a_pid(),
        "OBR|1|P100^VIS|F100^LIMS|NPU03568^P-Kalium^NPU|||20260302083000|||||||||||||||20260302113000||LAB|F",
        f"OBX|1|NM|NPU03568^P-Kalium^NPU||{value}|mmol/L^mmol/L^UCUM|3.5-4.4|H|||F",
        control=control,
        **msh,
    )


def a_step(number: str, step: int) -> str:
    """One of a patient's messages in a row: a result that replaces the one before (KREA), one of its own (NA), a new name."""
    segments = [f"PID|1||{number}^^^LIMS^MR||Steg{step:05}^Storm^^^^^L||19500907|M"]
    for test, order in (("KREA", number), ("NA", f"{number}-{step:05}")):
        segments += [
            f"OBR|1||{order}^LIMS|{test}^{test}^L|||20260302083000|||||||||||||||||LAB|F",
            f"OBX|1|NM|{test}^{test}^L||{step}|umol/L|||||F",
        ]
    return a_message("ORU^R01^ORU_R01", *segments, control=f"{number}-{step:05}")


def an_adt(event: str, control: str = "M1", *, pid: str = "", more: str = "") -> str:
    """A visit: A01, A03, A04, A08; A40 takes its MRG segment as `more`."""
    pv1 = ["PV1", "1", "I", "MED1^12^2^NUS"] + [""] * 15 + ["V500^^^VIS^VN"] + [""] * 24 + ["20260301081500"]
    segments = [f"EVN|{event}|20260302120000", pid or a_pid(), more or "|".join(pv1)]
    return a_message(f"ADT^{event}^ADT_A01", *segments, control=control)
