"""The composition root: the only place where VIS is put together."""

from fhirserver.door import FhirDoor
from fhirserver.engine import Engine
from fhirserver.operations.working import Jobs
from fhirserver.steps import access_log
from kit import sessions
from kit.auth import Verifier
from kit.broker import answering
from kit.db import Database
from kit.http import Client
from kit.inbox import Inbox
from kit.kafka import Producer
from kit.operations import Operations
from kit.outbox import Relay
from kit.own_token import OwnToken
from kit.process import Service
from kit.web import new_app
from vis import reconciling, record
from vis.persons import handlers as persons
from vis.persons.actions import NewPatients
from vis.settings import Settings

_PATIENCE = 1.0  # seconds the region may take to say who somebody is; after that a merge does it later


def build(settings: Settings) -> Service:
    """Everything `python -m vis` runs."""
    db = Database(settings.database_url, pool_size=12)
    producer = Producer(settings.broker)
    relay = Relay(db, producer, settings)
    region, office = Client(settings.information_url, _PATIENCE), Client(settings.application_url, _PATIENCE)
    patients = NewPatients(region, OwnToken(office, "vis", settings.data))
    engine = patients.engine = Engine(db, record.mount(settings, patients.id_for), relay.wake)
    verifier = Verifier(settings.jwks_url, settings.public_url, settings.public_url + record.PATH)
    ended = sessions.Watch(db, verifier)
    inbox = Inbox(db, settings, "vis", {**persons.handlers(engine), **sessions.handlers(verifier)})
    operations = Operations("vis", db, settings, steps=[access_log])
    reconciling.mount(operations, engine)
    app = new_app(
        "VIS",
        db=db,
        verifier=verifier,
        routers=[operations.router],
        checks={"kafka": answering(settings.broker)},
        fhir_base=record.PATH,
    )
    return Service(
        name="vis",
        app=FhirDoor(app, engine, verifier, record.PATH),
        db=db,
        loops=[relay.run, inbox.run, Jobs(engine).run, operations.run],
        loops_everywhere=[engine.keep_fresh],
        on_start=[engine.start, ended.start],
        on_stop=[operations.stop, ended.stop, engine.stop, producer.stop, verifier.stop, region.stop, office.stop],
        migrations="vis",
    )
