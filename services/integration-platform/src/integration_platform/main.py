"""The composition root: the only place where the integration platform is put together."""

from dataclasses import dataclass

from fastapi import FastAPI

from integration_platform.messages import api as messages
from integration_platform.messages import reconciling
from integration_platform.messages.erasing import Destroying
from integration_platform.messages.operations import ParkedMessages, steps
from integration_platform.receiving import api as events
from integration_platform.receiving.actions import Receiver
from integration_platform.receiving.bodies import Bodies
from integration_platform.receiving.handlers import TOPIC, keeping
from integration_platform.receiving.mllp import Door, Rules
from integration_platform.senders import api as senders
from integration_platform.senders.demo import DEMO
from integration_platform.senders.store import Register
from integration_platform.settings import Settings
from integration_platform.worker import Translator
from kit import kafka, key_door, sessions, tls
from kit.auth import Verifier
from kit.broker import answering
from kit.db import Database
from kit.erasing import Eraser, telling
from kit.inbox import Inbox
from kit.keyring import keyring
from kit.operations import Operations
from kit.outbox import Relay
from kit.process import Hook, Service
from kit.web import new_app

ERASED = "exchange.erasure-done.v1"
_READERS = frozenset({"information"})  # who opens what Exchange tells


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything with a life of its own."""

    db: Database
    producer: kafka.Producer
    register: Register
    relay: Relay
    receiver: Receiver
    translator: Translator
    door: Door
    inbox: Inbox
    operations: Operations
    eraser: Eraser
    bodies: Bodies

    async def keys(self) -> None:
        """Before anything is read or stored. Keys are made on connections that no writer holds."""
        if self.bodies.ring is not None:
            self.bodies.ring.pool = self.db.pool
            await self.bodies.ring.look()

    @property
    def loops_of_keys(self) -> list[Hook]:
        """Of every process that has keys: what others retired or destroyed."""
        return [] if self.bodies.ring is None else [self.bodies.ring.run]


def new_parts(settings: Settings, db: Database, verifier: Verifier | None = None) -> Parts:
    """Wired: whatever is stored wakes the translator, whatever is told wakes the relay."""
    producer = kafka.Producer(settings.broker)
    register = Register(db, DEMO if settings.demo else None)
    relay = Relay(db, producer, settings)
    bodies = Bodies(keyring(settings.master_key, seals=settings.sealing))
    receiver = Receiver(db, bodies)
    translator = Translator(db, register, bodies, told=relay.wake, pressed=lambda: receiver.pressed)
    receiver.stored = translator.wake
    rules = Rules(
        production=not settings.demo,
        frame_limit=settings.mllp_frame_bytes,
        patience=settings.mllp_frame_seconds,
        known_as=settings.mllp_known_as,
        certificate=_certificate(settings),
    )
    door = Door(receiver, register, settings.mllp_host or settings.host, settings.mllp_port, rules)
    ended = sessions.handlers(verifier) if verifier is not None else {}
    destroying = Destroying(register, bodies)
    eraser = Eraser(db, "exchange", destroying, destroying.owners, lambda: bodies.ring, telling(ERASED), relay.wake)
    heard = {TOPIC: keeping(register, bodies, translator.wake, demo=settings.demo), **ended, **eraser.handlers()}
    inbox = Inbox(db, settings, "exchange", heard)
    parked = ParkedMessages(register, bodies, translator.wake)
    operations = Operations("exchange", db, settings, places=[parked], steps=steps(rules.certificate))
    reconciling.mount(operations, db, register, bodies, translator.wake)
    return Parts(db, producer, register, relay, receiver, translator, door, inbox, operations, eraser, bodies)


def _certificate(settings: Settings) -> tls.Certificate | None:
    if settings.mllp_certificate is None or settings.mllp_key is None:
        return None
    return tls.Certificate(settings.mllp_certificate, settings.mllp_key, settings.mllp_clients, door="mllp")


def create_app(settings: Settings, parts: Parts, verifier: Verifier) -> FastAPI:
    """The HTTP side alone: what tests drive without a broker."""

    keys = key_door.router(lambda: parts.bodies.ring, _READERS)
    app = new_app(
        "Integration platform",
        db=parts.db,
        verifier=verifier,
        routers=(events.router, messages.router, senders.router, keys, parts.operations.router),
        checks={"kafka": answering(settings.broker)},
    )
    app.state.settings = settings
    app.state.register = parts.register
    app.state.receiver = parts.receiver
    app.state.wake = parts.translator.wake
    return app


def build(settings: Settings) -> Service:
    """Everything `python -m integration_platform` runs."""
    verifier = Verifier(settings.jwks_url, settings.public_url.rstrip("/"), settings.base)
    parts = new_parts(settings, Database(settings.database_url), verifier)
    ended = sessions.Watch(parts.db, verifier)
    return Service(
        name="integration-platform",
        app=create_app(settings, parts, verifier),
        db=parts.db,
        loops=[
            parts.translator.run,
            parts.relay.run,
            parts.inbox.run,
            parts.door.run,
            parts.operations.run,
            parts.eraser.run,
        ],
        loops_everywhere=parts.loops_of_keys,
        on_start=[parts.keys, ended.start, parts.register.start, parts.eraser.before_serving, parts.receiver.start],
        on_stop=[
            parts.operations.stop,
            ended.stop,
            verifier.stop,
            parts.receiver.stop,
            parts.register.stop,
            parts.producer.stop,
        ],
        migrations="integration_platform",
    )
