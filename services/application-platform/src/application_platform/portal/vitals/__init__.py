"""Vital signs (kontroller): measured, scored with NEWS2, corrected, and followed over time."""
