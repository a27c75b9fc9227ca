"""Puts the portal on the application platform's app: its routers, its static files, its state."""

from fastapi import FastAPI

from application_platform.portal import correcting, doors, pages, render, review, stream, style
from application_platform.portal.bookings import chart as bookings
from application_platform.portal.bookings import choosing, diary, holding
from application_platform.portal.bookings import mine as my_bookings
from application_platform.portal.contact import listing, staff
from application_platform.portal.contact import mine as messages
from application_platform.portal.health_form import pages as health_form
from application_platform.portal.medication import acts as medicine
from application_platform.portal.medication import mine as my_medicines
from application_platform.portal.medication import pages as medicines
from application_platform.portal.mine import rooms
from application_platform.portal.notes import inserting, one, unsigned
from application_platform.portal.notes import pages as notes
from application_platform.portal.own_values import mine as own
from application_platform.portal.own_values import staff as own_in_care
from application_platform.portal.reader import Portal
from application_platform.portal.referrals import mine as referrals
from application_platform.portal.referrals import one as order
from application_platform.portal.referrals import pages as orders
from application_platform.portal.results import acknowledging, several
from application_platform.portal.results import pages as results
from application_platform.portal.shell import density, inbox
from application_platform.portal.summary import pages as summary
from application_platform.portal.vitals import pages as vitals
from application_platform.portal.ward import pages as ward
from application_platform.portal.ward import stay


def mount(app: FastAPI, portal: Portal) -> None:
    """Comes last of all that is put on the app under /portal: what no route knows is a page that says so.

    Sets `app.state.portal` and `app.state.render` (which the pages of sign-in use), routes and files under /portal.
    """
    app.state.portal = portal
    app.state.render = render.page
    for router in (
        inbox.router,
        density.router,
        unsigned.router,
        several.router,
        summary.router,
        results.router,
        notes.router,
        inserting.router,
        one.router,
        acknowledging.router,
    ):
        app.include_router(router)
    for router in (
        pages.router,
        doors.router,
        *rooms.ROUTERS,
        correcting.router,
        review.router,
        stream.router,
        style.router,
    ):
        app.include_router(router)
    for router in (listing.router, staff.router, messages.router, own.router, own_in_care.router, health_form.router):
        app.include_router(router)
    for router in (vitals.router, ward.router, stay.router, orders.router, order.router, referrals.router):
        app.include_router(router)
    for router in (diary.router, holding.router, bookings.router, choosing.router, my_bookings.router):
        app.include_router(router)
    for router in (medicines.router, medicine.router, my_medicines.router):
        app.include_router(router)
    app.mount(render.STATIC, render.Static(), name="portal-static")
    app.include_router(pages.lost)
