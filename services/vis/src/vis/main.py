"""The composition root: the only place where VIS is put together."""

from functools import partial

from fhirserver.door import FhirDoor
from fhirserver.engine import Engine
from fhirserver.knowledge import Knowledge
from fhirserver.logpruning import LogPruner, Region
from fhirserver.logtelling import LogTeller
from fhirserver.operations import sealing
from fhirserver.operations.working import Jobs
from fhirserver.profiling import IN_FORCE
from fhirserver.promises import Promises
from fhirserver.steps import access_log
from fhirserver.subscribing import overseeing
from fhirserver.subscribing.delivering import Notifier
from fhirserver.subscribing.tapping import Tap
from kit import key_door, sessions
from kit.auth import Verifier
from kit.broker import answering
from kit.db import Database
from kit.http import Client
from kit.inbox import Inbox
from kit.kafka import Producer
from kit.keyring import keyring
from kit.operations import Operations
from kit.outbox import Relay
from kit.own_token import OwnToken
from kit.process import Service
from kit.web import new_app
from vis import knowledge, official_numbers, reconciling, record, region_changes, told
from vis.access import api as access
from vis.access import handlers as law
from vis.access.replica import PATIENCE, Replica
from vis.care import api as care
from vis.care import beds
from vis.care.elsewhere import Record
from vis.care.owed import Owed
from vis.care.places import Directory
from vis.erasing import eraser
from vis.persons import handlers as persons
from vis.persons.actions import NewPatients
from vis.region_holds import RegionHolds
from vis.settings import Settings

_PATIENCE = 1.0  # seconds the region may take to say who somebody is; after that a merge does it later

_READER = "vis"  # what the inbox remembers events by
_READERS = frozenset({"information"})  # who opens what VIS tells


def build(settings: Settings) -> Service:
    """Everything `python -m vis` runs."""
    db, producer = Database(settings.database_url, pool_size=12), Producer(settings.broker)
    relay = Relay(db, producer, settings)
    region, office = Client(settings.information_url, _PATIENCE), Client(settings.application_url, _PATIENCE)
    own = OwnToken(office, "vis", settings.data)
    patients = NewPatients(region, own)
    holds, units, medicines = RegionHolds(region, own).which, Directory(office).all, Record(region).asked
    mount = record.mount(settings, patients.id_for, holds, units, medicines)
    engine = patients.engine = Engine(db, mount, relay.wake, ring=keyring(settings.master_key, seals=settings.sealing))
    relay.tap = Tap(engine)
    verifier = Verifier(settings.jwks_url, settings.public_url, settings.public_url + record.PATH)
    ended = sessions.Watch(db, verifier)
    replica = engine.copy = Replica(engine, Client(settings.information_url, PATIENCE), own)
    copies = knowledge.Copies(db, region, own)
    profiles = _profiles(settings, copies)
    by_order, heard = eraser(engine), persons.handlers(engine) | law.handlers(engine, _READER)
    heard |= {**sessions.handlers(verifier), **region_changes.handlers(), **by_order.handlers()}
    inbox = Inbox(db, settings, _READER, heard, concerns={knowledge.TOPIC: region_changes.concerns})
    operations = Operations("vis", db, settings, steps=[access_log])
    promises, notifier = Promises(engine), Notifier(engine)
    for part in (reconciling, overseeing, sealing):
        part.mount(operations, engine)
    promises.mount(operations)
    working = (relay, inbox, Jobs(engine), notifier, operations, copies, promises, by_order, Owed(engine, region, own))
    ends = (notifier, operations, ended, engine, producer, verifier, region, office, replica.region)
    checks = {"kafka": answering(settings.broker)}
    keys = key_door.router(lambda: engine.codec.ring, _READERS)
    routers = [access.router(engine), told.router(db), keys, care.router(engine), operations.router]
    app = new_app("VIS", db=db, verifier=verifier, routers=routers, checks=checks, fhir_base=record.PATH)
    return Service(
        name="vis",
        app=FhirDoor(app, engine, verifier, record.PATH),
        db=db,
        loops=[one.run for one in (*working, *_log(engine, Region(region, own), settings))],
        loops_everywhere=[engine.keep_fresh, profiles.run, replica.run],
        on_start=[engine.start, partial(beds.begin, engine), by_order.before_serving, ended.start, profiles.look],
        on_stop=[one.stop for one in ends],
        migrations="vis",
    )


def _log(engine: Engine, region: Region, settings: Settings) -> tuple[LogTeller, LogPruner]:
    """The access log is told to the region, and goes here once the region holds it."""
    return LogTeller(engine), LogPruner(engine, region.kept, settings.log_local_days)


def _profiles(settings: Settings, copies: knowledge.Copies) -> Knowledge:
    """What resources must meet here: profiles, and in a demo region official test numbers."""
    profiles = Knowledge(copies)
    profiles.demand(settings.policy())
    if settings.mode == "demo":
        IN_FORCE.house = official_numbers.faults
    return profiles
