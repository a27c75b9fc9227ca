"""What a token may say and how far a scope reaches: pure rules of SMART App Launch 2.2 and of the house (D11).

Scopes: https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from kit.caller import Caller, Commission

# Which address of FVM_PUBLIC_URL a door has; a token's `aud` names these and each service accepts only its own.
DOORS: dict[str, str] = {
    "vis": "/vis/fhir",
    "information": "/fhir",
    "exchange": "/exchange",
    "application": "/portal",
}

# Scopes that carry no right to data: they ask for identity, context or a refresh token.
# `fvm/everything` lifts the law for benchmarks and foreign suites; only a demo region has a client that may ask for it (D19).
IDENTITY_SCOPES = frozenset({"openid", "fhirUser", "profile"})
LAUNCH_SCOPES = frozenset({"launch", "launch/patient", "launch/encounter"})
REFRESH_SCOPES = frozenset({"offline_access", "online_access"})
PLAIN_SCOPES = IDENTITY_SCOPES | LAUNCH_SCOPES | REFRESH_SCOPES | {"fvm/everything"}

_SCOPE = re.compile(
    r"(patient|user|system)/(\*|[A-Z][A-Za-z]{1,63})\."  # context and type
    r"(?:(read|write|\*)"  # version 1
    r"|(?=[cruds])(c?r?u?d?s?)"  # version 2: a non-empty part of cruds, in order
    r"(?:\?([\x21\x23-\x5b\x5d-\x7e]+))?)"  # and the characters that RFC 6749 allows in a scope
)
_V1 = {"read": "rs", "write": "cud", "*": "cruds"}
_IN_V1 = {letters: word for word, letters in _V1.items()}


@dataclass(frozen=True, slots=True)
class DataScope:
    """One SMART scope, e.g. `user/Observation.rs?category=laboratory`; `v1` when it was written as version 1 has it."""

    context: str  # patient | user | system
    type: str  # a resource type or *
    letters: str  # a non-empty part of "cruds", in that order
    filter: str = ""  # what stands after the question mark
    v1: bool = False

    def __str__(self) -> str:
        """In the words of the version that was asked for, where that version can say it."""
        if self.v1 and not self.filter and self.letters in _IN_V1:
            return f"{self.context}/{self.type}.{_IN_V1[self.letters]}"
        return f"{self.context}/{self.type}.{self.letters}" + (f"?{self.filter}" if self.filter else "")

    def meet(self, other: "DataScope") -> "DataScope | None":
        """What both allow, or None: a grant is never wider than the request nor than what was allowed."""
        if self.context != other.context or (self.type != other.type and "*" not in (self.type, other.type)):
            return None
        letters = "".join(letter for letter in self.letters if letter in other.letters)
        if not letters:
            return None
        both = dict.fromkeys(part for part in (*self.filter.split("&"), *other.filter.split("&")) if part)
        wider = other.type if self.type == "*" else self.type
        return DataScope(self.context, wider, letters, "&".join(both), self.v1)


def data_scope(text: str) -> DataScope | None:
    """Reads one scope of version 1 or 2; None when it is no data scope (wrong order, unknown words)."""
    found = _SCOPE.fullmatch(text)
    if found is None:
        return None
    context, kind, word, letters, query = found.groups()
    return DataScope(context, kind, _V1[word] if word else letters, query or "", bool(word))


def granted(asked: str, allowed: Iterable[str], contexts: frozenset[str]) -> list[str]:
    """The scopes of `asked` as far as `allowed` and the kinds of context that this grant may have reach.

    `asked` is the space-separated parameter of the request; empty means everything allowed. Unknown scopes are left
    out, as RFC 6749 §3.3 lets a server do; the caller refuses when nothing is left. Order of asking is kept.
    """
    allowed = list(allowed)
    limits = [scope for text in allowed if (scope := data_scope(text))]
    result: dict[str, None] = {}
    for text in asked.split() or allowed:
        if text in PLAIN_SCOPES and text in allowed:
            result[text] = None
        scope = data_scope(text)
        if scope is None or scope.context not in contexts:
            continue
        result.update((str(met), None) for limit in limits if (met := scope.meet(limit)))
    return list(result)


def wants_patient(scopes: Iterable[str]) -> bool:
    """Whether these scopes make no sense without a patient in context (SMART: `patient/…` and `launch/patient`)."""
    return any(scope == "launch/patient" or scope.startswith("patient/") for scope in scopes)


def covers(granted_: str, asked: str) -> bool:
    """Whether a scope that was granted contains one that is asked for now, also where the two versions write differently."""
    if granted_ == asked:
        return True
    wide, narrow = data_scope(granted_), data_scope(asked)
    if wide is None or narrow is None:
        return False
    met = narrow.meet(wide)
    return met is not None and (met.type, met.letters, met.filter) == (narrow.type, narrow.letters, narrow.filter)


def audience(issuer: str, doors: Iterable[str]) -> list[str]:
    """The addresses of the named doors, as they stand in `aud`."""
    return [issuer + DOORS[door] for door in doors]


def fhir_user(issuer: str, door: str, kind: str, subject: str) -> str:
    """The URL of the person's own resource at that door (the `fhirUser` claim)."""
    return f"{issuer}{DOORS[door]}/{'Patient' if kind == 'patient' else 'Practitioner'}/{subject}"


def door_of(issuer: str, address: str) -> str | None:
    """The door whose address is `address` (a trailing slash does not matter), or None."""
    for door, path in DOORS.items():
        if address.rstrip("/") == issuer + path:
            return door
    return None


def commission_claim(commission: Commission) -> dict[str, Any]:
    return {
        "id": commission.id,
        "unit": commission.unit,
        "unit_name": commission.unit_name,
        "provider": commission.provider,
        "provider_name": commission.provider_name,
        "role": commission.role,
        "purpose": commission.purpose,
        "rights": sorted(commission.rights),
    }


def identity_claims(caller: Caller) -> dict[str, Any]:
    """The claims of an access token that say who its holder is; times, issuer and audience are the signer's."""
    fvm: dict[str, Any] = {"kind": caller.kind, "name": caller.name}
    if caller.commission is not None:
        fvm["commission"] = commission_claim(caller.commission)
    claims: dict[str, Any] = {
        "sub": caller.subject,
        "client_id": caller.client,
        "scope": " ".join(sorted(caller.scopes)),
        "fvm": fvm,
    }
    if caller.session is not None:
        claims["sid"] = caller.session
    if caller.patient is not None:
        claims["patient"] = caller.patient
    return claims
