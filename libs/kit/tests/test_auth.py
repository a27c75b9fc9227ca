"""Tokens: what is believed, and everything that is not."""

import base64
import hmac
import json
import time
from typing import Any

import pytest
from joserfc.jwk import ECKey, OctKey

from kit.auth import Unauthenticated, Verifier, bearer
from kit.http import Client
from kit.problems import Unavailable
from kit.testing import A_COMMISSION, TestIssuer

DOOR = "/vis/fhir"


class Keys(Client):
    """Stands in for the issuer's key address; counts how often it is asked."""

    def __init__(self, answer: Any) -> None:
        super().__init__("http://keys.invalid")
        self.answer = answer
        self.asked = 0

    async def get(self, path: str, **_: Any) -> Any:
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def a_verifier(issuer: TestIssuer, keys: Client) -> Verifier:
    return Verifier("http://keys.invalid", issuer.issuer, issuer.issuer + DOOR, client=keys)


def unsigned(header: dict[str, Any], token: str) -> str:
    """The token's claims under another header, without signature."""
    first = base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
    return f"{first}.{token.split('.')[1]}."


async def test_a_staff_token_becomes_a_caller_with_commission(issuer: TestIssuer) -> None:
    caller = await issuer.verifier(DOOR).caller(issuer.token(patient="p1"))

    assert (caller.kind, caller.subject, caller.patient) == ("staff", "SE2321000016-person-1", "p1")
    assert caller.commission == A_COMMISSION
    assert caller.has("user/*.cruds")


async def test_patients_and_systems_have_no_commission(issuer: TestIssuer) -> None:
    verifier = issuer.verifier(DOOR)

    patient = await verifier.caller(issuer.token("patient", subject="p1", patient="p1"))
    system = await verifier.caller(issuer.token("system", subject="bench", client_id="bench"))

    assert (patient.kind, patient.patient, patient.commission) == ("patient", "p1", None)
    assert (system.kind, system.client, system.commission) == ("system", "bench", None)


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": ["http://localhost:8080/fhir"]},
        {"aud": None},
        {"iss": "http://elsewhere"},
        {"exp": int(time.time()) - 60},
        {"exp": None},
        {"nbf": int(time.time()) + 600},
        {"sub": None},
        {"fvm": {"kind": "king"}},
        {"fvm": None},
        {"fvm": {"kind": "staff", "commission": {"id": "x"}}},
    ],
    ids=lambda claims: ",".join(claims),
)
async def test_a_token_with_wrong_claims_is_refused(issuer: TestIssuer, claims: dict[str, Any]) -> None:
    with pytest.raises(Unauthenticated):
        await issuer.verifier(DOOR).caller(issuer.token(**claims))


async def test_a_token_without_signature_is_refused(issuer: TestIssuer) -> None:
    verifier, token = issuer.verifier(DOOR), issuer.token()

    for algorithm in ("none", "None", "ES256"):
        with pytest.raises(Unauthenticated):
            await verifier.caller(unsigned({"alg": algorithm, "kid": "test-1", "typ": "at+jwt"}, token))


async def test_a_token_signed_with_the_public_key_as_a_secret_is_refused(issuer: TestIssuer) -> None:
    _, body, _ = issuer.token().split(".")
    head = (
        base64.urlsafe_b64encode(json.dumps({"alg": "HS256", "kid": "test-1", "typ": "at+jwt"}).encode())
        .rstrip(b"=")
        .decode()
    )
    seal = hmac.digest(issuer.key.as_pem(private=False), f"{head}.{body}".encode(), "sha256")
    forged = f"{head}.{body}.{base64.urlsafe_b64encode(seal).rstrip(b'=').decode()}"

    with pytest.raises(Unauthenticated):
        await issuer.verifier(DOOR).caller(forged)


@pytest.mark.parametrize("typ", ["JWT", "logout+jwt", "dpop+jwt", ""], ids=str)
async def test_another_thing_that_the_issuer_signed_is_no_access_token(issuer: TestIssuer, typ: str) -> None:
    with pytest.raises(Unauthenticated):
        await issuer.verifier(DOOR).caller(issuer.token(typ=typ))


async def test_scopes_of_one_patient_lie_apart_in_the_hands_of_staff(issuer: TestIssuer) -> None:
    verifier, scope = issuer.verifier(DOOR), "patient/*.cruds user/Patient.rs openid"

    staff = await verifier.caller(issuer.token(scope=scope, patient="p1"))
    patient = await verifier.caller(issuer.token("patient", subject="p1", patient="p1", scope=scope))

    assert staff.scopes == {"user/Patient.rs", "openid"}
    assert (staff.context_scopes, patient.context_scopes) == ({"patient/*.cruds"}, set())
    assert patient.scopes == set(scope.split())


async def test_a_token_of_somebody_elses_key_with_our_key_id_is_refused(issuer: TestIssuer) -> None:
    with pytest.raises(Unauthenticated):
        await issuer.verifier(DOOR).caller(TestIssuer().token())


async def test_a_changed_token_is_refused(issuer: TestIssuer) -> None:
    head, body, signature = issuer.token().split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    claims["scope"] = "system/*.cruds"
    changed = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()

    with pytest.raises(Unauthenticated):
        await issuer.verifier(DOOR).caller(f"{head}.{changed}.{signature}")


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "é.b.c", "....", "e30.e30.e30"])
async def test_nonsense_is_refused(issuer: TestIssuer, token: str) -> None:
    with pytest.raises(Unauthenticated):
        await issuer.verifier(DOOR).caller(token)


async def test_unknown_key_ids_are_looked_up_once_not_each_time(issuer: TestIssuer) -> None:
    keys = Keys(issuer.jwks())
    verifier = a_verifier(issuer, keys)
    await verifier.caller(issuer.token())

    stranger = TestIssuer(kid="made-up")
    for _ in range(5):
        with pytest.raises(Unauthenticated):
            await verifier.caller(stranger.token())

    assert keys.asked == 1


async def test_a_new_key_of_the_issuer_is_found(issuer: TestIssuer, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = Keys(issuer.jwks())
    verifier = a_verifier(issuer, keys)
    await verifier.caller(issuer.token())
    successor = TestIssuer(kid="test-2")
    keys.answer = {"keys": [*issuer.jwks()["keys"], *successor.jwks()["keys"]]}
    clock = time.monotonic() + 11
    monkeypatch.setattr(time, "monotonic", lambda: clock)

    assert (await verifier.caller(successor.token())).kind == "staff"
    assert keys.asked == 2


async def test_without_any_keys_the_answer_is_try_again(issuer: TestIssuer) -> None:
    with pytest.raises(Unavailable):
        await a_verifier(issuer, Keys(Unavailable())).caller(issuer.token())


async def test_a_key_set_with_other_kinds_of_keys_is_no_obstacle(issuer: TestIssuer) -> None:
    other = ECKey.generate_key("P-384", {"kid": "x"}).as_dict(private=False)
    secret = OctKey.generate_key(256, {"kid": "y"}).as_dict(private=True)
    keys = Keys({"keys": [other, secret, *issuer.jwks()["keys"]]})

    assert (await a_verifier(issuer, keys).caller(issuer.token())).kind == "staff"


async def test_a_revoked_session_is_refused_at_once_even_when_remembered(issuer: TestIssuer) -> None:
    verifier, token = issuer.verifier(DOOR), issuer.token(sid="s-9")
    await verifier.caller(token)

    verifier.revoke("s-9")

    with pytest.raises(Unauthenticated):
        await verifier.caller(token)
    assert (await verifier.caller(issuer.token(sid="s-10"))).session == "s-10"


async def test_the_memory_of_tokens_is_bounded(issuer: TestIssuer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kit.auth._AT_MOST", 20)
    verifier = issuer.verifier(DOOR)

    for _ in range(50):
        await verifier.caller(issuer.token())

    assert len(verifier._known) <= 20


async def test_a_remembered_token_ends_when_it_expires(issuer: TestIssuer, monkeypatch: pytest.MonkeyPatch) -> None:
    verifier, token = issuer.verifier(DOOR), issuer.token(exp=int(time.time()) + 3)
    await verifier.caller(token)
    later = time.time() + 20
    monkeypatch.setattr(time, "time", lambda: later)

    with pytest.raises(Unauthenticated):
        await verifier.caller(token)


def test_the_bearer_is_taken_from_the_header_and_nothing_else() -> None:
    assert bearer("Bearer abc") == "abc"
    assert bearer("bearer abc") == "abc"
    for wrong in (None, "", "Bearer", "Bearer ", "Basic abc", "abc"):
        with pytest.raises(Unauthenticated) as refused:
            bearer(wrong)
        assert refused.value.headers[0].value == "Bearer"
