"""Patients ask for correction or destruction of what stands in their record, and the care provider answers (PAT-13)."""
