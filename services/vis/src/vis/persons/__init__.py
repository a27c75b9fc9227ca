"""Patients in VIS: one per person, under the id that the region knows them by (architecture D1)."""
