"""Kept messages: what became of each, and what a person can do about those that are parked."""
