"""The composition root: the only place where VIS is put together."""

from fhirserver.door import FhirDoor
from fhirserver.engine import Engine
from kit.auth import Verifier
from kit.broker import answering
from kit.db import Database
from kit.kafka import Producer
from kit.outbox import Relay
from kit.process import Service
from kit.web import new_app
from vis import record
from vis.settings import Settings


def build(settings: Settings) -> Service:
    """Everything `python -m vis` runs."""
    db = Database(settings.database_url, pool_size=12)
    producer = Producer(settings.kafka)
    relay = Relay(db, producer, settings)
    engine = Engine(db, record.mount(settings), relay.wake)
    verifier = Verifier(settings.jwks_url, settings.public_url, settings.public_url + record.PATH)

    app = new_app("VIS", db=db, verifier=verifier, checks={"kafka": answering(settings.kafka)}, fhir_base=record.PATH)
    return Service(
        name="vis",
        app=FhirDoor(app, engine, verifier, record.PATH),
        db=db,
        loops=[relay.run, engine.keep_fresh],
        on_start=[engine.start],
        on_stop=[engine.stop, producer.stop, verifier.stop],
        migrations="vis",
    )
