"""Bookings: a patient's own, the times that are free, and a unit's day."""
