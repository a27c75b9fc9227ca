"""An authorization request as it is checked: what the app may be given, at which door, about whom (RFC 6749, RFC 7636, SMART).

https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#obtain-authorization-code
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from application_platform.identity.model import Session
from application_platform.tokens import clients, grants, launches, model, people
from application_platform.tokens.actions import Office
from application_platform.tokens.clients import Client
from application_platform.tokens.launches import Context
from application_platform.tokens.oauth import OAuthRefusal
from kit.problems import Kind, Problem

NAMES = (
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "aud",
    "launch",
    "code_challenge",
    "code_challenge_method",
    "nonce",
    "prompt",
)
OPTIONAL = ("scope", "launch", "nonce", "prompt")
_SHORTEST_STATE = 8


class UnknownApp(Problem):
    """No registered app has this client_id and this redirect_uri; sending the person there would be a trap."""

    kind = Kind.INVALID
    code = "application/unknown-app"
    title = "The app is not registered here, or not with this redirect_uri"


@dataclass(frozen=True, slots=True)
class Asked:
    """An authorization request in order. `launch` is the opaque value of an EHR launch, used up when the app is let in."""

    client: Client
    redirect_uri: str
    state: str
    challenge: str
    nonce: str | None
    scopes: tuple[str, ...]
    door: str
    context: Context
    launch: str | None

    @property
    def lacks_patient(self) -> bool:
        """Somebody has to say which patient this is about."""
        return self.context.patient is None and model.wants_patient(self.scopes)

    @property
    def lacks_encounter(self) -> bool:
        return self.context.encounter is None and "launch/encounter" in self.scopes

    def about(self, patient: str) -> "Asked":
        """With the patient whom the person chose."""
        return replace(self, context=replace(self.context, patient=patient))

    def visiting(self, encounter: str | None) -> "Asked":
        """With the visit that the person chose; the scope of one that was not chosen is not granted."""
        scopes = self.scopes if encounter else tuple(one for one in self.scopes if one != "launch/encounter")
        return replace(self, scopes=scopes, context=replace(self.context, encounter=encounter))


async def app_of(tx: AsyncConnection, office: Office, fields: Mapping[str, str]) -> Client:
    """The app that asks; UnknownApp unless its redirect_uri is exactly one that it registered."""
    found = await clients.find(tx, fields.get("client_id", ""), demo=office.demo)
    if found is None or fields.get("redirect_uri", "") not in found.redirect_uris:
        raise UnknownApp
    return found


def check(office: Office, client: Client, fields: Mapping[str, str]) -> str:
    """What can be refused before anyone signs in; returns the door that `aud` names."""
    if fields.get("response_type") != "code":
        raise OAuthRefusal("unsupported_response_type", "response_type must be code")
    if "authorization_code" not in client.grants:
        raise OAuthRefusal("unauthorized_client", "The client may not ask people")
    challenge = fields.get("code_challenge", "")
    if fields.get("code_challenge_method") != "S256" or not grants.CHALLENGE.fullmatch(challenge):
        raise OAuthRefusal("invalid_request", "PKCE with S256 is required: code_challenge and code_challenge_method")
    if len(fields.get("state", "")) < _SHORTEST_STATE:
        raise OAuthRefusal("invalid_request", "state is required and must be hard to guess")
    door = model.door_of(office.issuer.url, fields.get("aud", ""))
    if door is None or door not in client.doors:
        raise OAuthRefusal("invalid_request", "aud must be the FHIR address that the app will use")
    if not client.approved:
        raise OAuthRefusal("access_denied", "The app is not approved by the region")
    return door


async def read(
    tx: AsyncConnection, office: Office, client: Client, fields: Mapping[str, str], session: Session
) -> Asked:
    """The request as far as this person may grant it. Raises OAuthRefusal."""
    door = check(office, client, fields)
    if door not in people.doors(session.person):
        raise OAuthRefusal("access_denied", "The person may not use this FHIR address")
    context = await _context(tx, client, fields, session, door)
    scopes = _scopes(client, fields, session, context)
    if not scopes:
        raise OAuthRefusal("invalid_scope", "None of the scopes may be given to this app for this person")
    return Asked(
        client=client,
        redirect_uri=fields["redirect_uri"],
        state=fields["state"],
        challenge=fields["code_challenge"],
        nonce=fields.get("nonce"),
        scopes=scopes,
        door=door,
        context=context,
        launch=fields.get("launch"),
    )


async def _context(
    tx: AsyncConnection, client: Client, fields: Mapping[str, str], session: Session, door: str
) -> Context:
    own = session.person.id if session.person.kind == "patient" else None
    if "launch" not in fields:
        return Context(patient=own)
    place = {"session_id": session.id, "client_id": client.id, "door": door}
    found = await launches.find(tx, fields["launch"], **place, at=datetime.now(UTC))
    if found is None:
        raise OAuthRefusal(
            "invalid_request", "The launch is not known here, was meant for somebody else, or is too old"
        )
    return replace(found, patient=own) if own else found


def _scopes(client: Client, fields: Mapping[str, str], session: Session, context: Context) -> tuple[str, ...]:
    asked = model.granted(fields.get("scope", ""), client.scopes, people.CONTEXTS[session.person.kind])
    without: set[str] = set()
    if "launch" not in fields:
        without.add("launch")
    if session.person.kind == "patient" and context.encounter is None:
        without.add("launch/encounter")  # patients are not asked about which of their visits an app is
    return tuple(scope for scope in people.limited(session.person, asked) if scope not in without)


async def let_in(tx: AsyncConnection, asked: Asked, session: Session) -> str:
    """Begins the grant; returns the code for the app. Raises OAuthRefusal when the launch was used meanwhile."""
    at = datetime.now(UTC)
    if asked.launch is not None and not await launches.use(tx, asked.launch, at):
        raise OAuthRefusal("invalid_request", "The launch has been used")
    offline = "offline_access" in asked.scopes
    grant = grants.Grant(
        id=grants.new_id(),
        session_id=session.id,
        client_id=asked.client.id,
        person_id=session.person.id,
        commission_id=session.commission.id if session.commission else None,
        scope=" ".join(asked.scopes),
        doors=(asked.door,),
        nonce=asked.nonce,
        offline=offline,
        signed_in_at=session.created_at,
        expires_at=at + grants.OFFLINE_LIFE if offline else session.expires_at,
        patient=asked.context.patient,
        encounter=asked.context.encounter,
        intent=asked.context.intent,
        fhir_context=asked.context.fhir_context or None,
        banner=asked.context.banner,
    )
    return await grants.begin(tx, grant, redirect_uri=asked.redirect_uri, challenge=asked.challenge, at=at)
