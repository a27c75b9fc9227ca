"""The composition root: the only place where the information platform is put together."""

from fastapi import APIRouter

from fhirserver.door import FhirDoor
from fhirserver.engine import Engine
from fhirserver.knowledge import Knowledge, OwnRecord
from fhirserver.operations import sealing
from fhirserver.operations.working import Jobs
from fhirserver.steps import access_log
from fhirserver.subscribing import overseeing
from fhirserver.subscribing.delivering import Notifier
from fhirserver.subscribing.tapping import Tap
from information_platform import reconciling, record, records, results
from information_platform.access.actions import Vis
from information_platform.access.mounting import mounted
from information_platform.arriving import Arrival
from information_platform.erasure import mounting as erasing
from information_platform.erasure.streams import looking
from information_platform.ingestion.handlers import handlers
from information_platform.log import api as log_api
from information_platform.log import collecting, keeping, mounting
from information_platform.log.upkeep import alarms
from information_platform.persons import api as persons
from information_platform.settings import Settings
from kit import sessions
from kit.auth import Verifier
from kit.broker import answering
from kit.db import Database
from kit.ends import Ends
from kit.http import Client
from kit.inbox import Inbox
from kit.kafka import Producer
from kit.keyring import keyring
from kit.operations import Operations
from kit.outbox import Relay
from kit.own_token import OwnToken
from kit.process import Service
from kit.sealed_events import Opener
from kit.web import new_app

_PATIENCE = 1.0  # seconds that VIS may take to follow the law, or to say how far it has told; events bring it later


def build(settings: Settings) -> Service:
    """Everything `python -m information_platform` runs."""
    db = Database(settings.database_url, pool_size=12)
    producer = Producer(settings.broker)
    relay = Relay(db, producer, settings)
    office, ward = Client(settings.application_url, _PATIENCE), Client(settings.vis_url, _PATIENCE)
    own, ends = OwnToken(office, "information", settings.data), Ends(settings.broker)
    mount = record.mount(settings, Arrival(db, settings, ward, own, ends).of)
    engine = Engine(db, mount, relay.wake, ring=keyring(settings.master_key, seals=settings.sealing))
    relay.tap = Tap(engine)
    verifier = Verifier(settings.jwks_url, settings.public_url, settings.public_url + record.PATH)
    ended = sessions.Watch(db, verifier)
    profiles = Knowledge(OwnRecord(engine))
    law = mounted(engine, settings, relay, Vis(ward, own))
    operations = Operations("information", db, settings, steps=[access_log, alarms])
    exchange = Client(settings.exchange_url, _PATIENCE)
    opener = Opener({"vis": ward, "exchange": exchange}, own)
    operations.opening = opener.opened
    erasure = erasing.mounted(engine, operations, opener.opened)
    records, log = opener.handlers(handlers(engine)), collecting.handlers(engine)
    heard = {**records, **law.handlers, **log, **sessions.handlers(verifier), **erasure.handlers}
    inbox = Inbox(db, settings, "information", heard)
    for part in (reconciling, overseeing, sealing):
        part.mount(operations, engine)
    notifier = Notifier(engine)
    routers = [persons.router, *law.routers, *_of_the_record(engine, settings), erasure.router, operations.router]
    checks, path = {"kafka": answering(settings.broker)}, record.PATH
    app = new_app("Information platform", db=db, verifier=verifier, routers=routers, checks=checks, fhir_base=path)
    own_loops = (relay, inbox, Jobs(engine), notifier, operations, looking(settings, opener, erasure.orders))
    ending = (notifier, operations, ended, engine, producer, verifier, office, ward, exchange, ends)
    return Service(
        name="information-platform",
        app=FhirDoor(app, engine, verifier, record.PATH),
        db=db,
        loops=[*(one.run for one in own_loops), erasure.loop, *law.loops, *mounting.loops(engine, settings)],
        loops_everywhere=[engine.keep_fresh, profiles.run],
        on_start=[engine.start, erasure.before_serving, ended.start, profiles.look],
        on_stop=[one.stop for one in ending],
        migrations="information_platform",
    )


def _of_the_record(engine: Engine, settings: Settings) -> list[APIRouter]:
    """What services ask of the record, and people of the access log."""
    log_pages = [log_api.router(engine, names=settings.log_names), keeping.router(engine)]
    return [records.router(engine), results.router(engine), *log_pages]
