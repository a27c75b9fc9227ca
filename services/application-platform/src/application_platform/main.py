"""The composition root: the only place where the application platform is put together."""

from dataclasses import dataclass
from datetime import timedelta

from fastapi import FastAPI

from application_platform import front, sealed_words
from application_platform.apps import allowing, authorize, launching, own, registry
from application_platform.demo import api as demo
from application_platform.erasing import eraser
from application_platform.health.region import Neighbours
from application_platform.identity import api as identity
from application_platform.identity.model import Limits
from application_platform.identity.persons import Persons
from application_platform.operations import pages as operations
from application_platform.operations.actions import Region
from application_platform.portal import handlers
from application_platform.portal.access import Access
from application_platform.portal.care import Care
from application_platform.portal.hearing import Ears
from application_platform.portal.live import Hub
from application_platform.portal.mount import mount
from application_platform.portal.reader import Portal
from application_platform.portal.record import Record
from application_platform.settings import Settings
from application_platform.sign_in import elsewhere, signed_in
from application_platform.sign_in import pages as sign_in
from application_platform.sign_in.signed_in import NotSignedIn, SessionTokens
from application_platform.tokens import api as tokens
from application_platform.tokens import discovery, model, oauth
from application_platform.tokens.actions import Office
from application_platform.tokens.client_keys import ClientKeys
from application_platform.tokens.issue import Issuer
from application_platform.tokens.oauth import OAuthRefusal
from application_platform.tokens.watch import KeyWatch
from application_platform.upkeep import Upkeep
from kit.auth import Verifier
from kit.broker import answering
from kit.db import Database
from kit.http import Client
from kit.inbox import Inbox
from kit.kafka import Producer
from kit.keyring import Keyring, keyring
from kit.operations import Operations
from kit.outbox import Relay
from kit.process import Hook, Service
from kit.web import Check, new_app

_ROUTERS = (
    front.router,
    tokens.router,
    authorize.router,
    allowing.router,
    launching.router,
    own.router,
    registry.router,
    discovery.router,
    sign_in.router,
    elsewhere.router,
    demo.router,
    identity.router,
    operations.router,
)
_LARGEST_BODY = 1024 * 1024  # forms and sign-in; no patient data is uploaded here
_GROUP = "application-platform"
_PACE = 0.05  # seconds between two rounds of news for pages: nobody sees so little


@dataclass(frozen=True)
class Parts:
    """What the HTTP side stands on; tests put in their own."""

    db: Database
    office: Office
    portal: Portal
    operations: Operations
    region: Region
    persons: Persons
    ring: Keyring | None = None

    async def keys(self) -> None:
        """Before anything is read or written. Keys are made on connections that no writer holds."""
        if self.ring is not None:
            self.ring.pool = self.db.pool
            await self.ring.look()

    @property
    def loops_of_keys(self) -> list[Hook]:
        """Of every process that has keys: what others retired or destroyed."""
        return [] if self.ring is None else [self.ring.run]


def new_parts(settings: Settings, db: Database) -> Parts:
    """The office has no keys until a KeyWatch has started."""
    limits = Limits(
        idle=timedelta(minutes=settings.session_idle_minutes),
        absolute=timedelta(hours=settings.session_hours),
    )
    issuer = Issuer(settings.issuer, settings.token_seconds)
    record, access = Record(Client(settings.information_url)), Access(Client(settings.information_url))
    own = Verifier(settings.jwks_url, settings.issuer, model.audience(settings.issuer, ["application"])[0])
    urls = {"vis": settings.vis_url, "information": settings.information_url}
    urls |= {"exchange": settings.exchange_url, "application": settings.application_url}
    ring = keyring(settings.master_key, seals=settings.sealing)
    sealed_words.give(db, ring)
    return Parts(
        ring=ring,
        db=db,
        office=Office(issuer, settings.demo, limits, ClientKeys(demo=settings.demo)),
        portal=Portal(
            record=record,
            hub=Hub(),
            access=access,
            region=settings.region,
            demo=settings.demo,
            care=Care(Client(settings.vis_url)),
        ),
        operations=Operations("application", db, settings, verifier=own),
        region=Region(urls),
        persons=Persons.at(settings.information_url, settings.application_url, settings.data),
    )


def create_app(settings: Settings, parts: Parts, checks: dict[str, Check]) -> FastAPI:
    """The HTTP side alone: needs a database, no broker."""
    app = new_app(
        "Application platform",
        db=parts.db,
        verifier=None,
        routers=(*_ROUTERS, parts.operations.router),
        checks=checks,
        body_limit=_LARGEST_BODY,
    )
    app.state.settings = settings
    app.state.office = parts.office
    app.state.issuers = elsewhere.issuers(settings)
    app.state.find_patient = parts.persons.find
    app.state.session_tokens = SessionTokens(parts.office.issuer)
    app.state.region = parts.region
    mount(app, parts.portal)
    app.add_exception_handler(OAuthRefusal, oauth.refuse)
    app.add_exception_handler(NotSignedIn, signed_in.show_the_door)
    return app


def new_upkeep(settings: Settings, parts: Parts) -> Upkeep:
    secrets = settings.data / "secrets" if settings.data else None
    period = timedelta(days=settings.key_days)
    return Upkeep(parts.db, parts.ring, demo=settings.demo, key_period=period, secrets=secrets)


def build(settings: Settings) -> Service:
    """Everything `python -m application_platform` runs."""
    db = Database(settings.database_url)
    parts = new_parts(settings, db)
    upkeep = new_upkeep(settings, parts)
    key_watch = KeyWatch(db, parts.office.issuer)
    producer = Producer(settings.broker)
    neighbours = Neighbours(
        {"vis": settings.vis_url, "information": settings.information_url, "exchange": settings.exchange_url}
    )
    checks = {"kafka": answering(settings.broker), **neighbours.checks()}
    relay = Relay(db, producer, settings)
    by_order = eraser(db, parts.ring, relay.wake)
    return Service(
        name="application-platform",
        app=create_app(settings, parts, checks),
        db=db,
        loops=[
            relay.run,
            Inbox(db, settings, _GROUP, {**handlers.handlers(), **by_order.handlers()}, pace=_PACE).run,
            by_order.run,
            upkeep.run,
            parts.operations.run,
        ],
        loops_everywhere=[Ears(db, parts.portal.hub).run, *parts.loops_of_keys],
        on_start=[parts.keys, by_order.before_serving, upkeep.begin, key_watch.start],
        on_stopping=[parts.portal.hub.stop],
        on_stop=[
            key_watch.stop,
            producer.stop,
            neighbours.stop,
            parts.portal.record.stop,
            parts.portal.access.stop,
            parts.portal.care.stop,
            parts.persons.stop,
            parts.region.stop,
            parts.operations.stop,
        ],
        migrations="application_platform",
    )
