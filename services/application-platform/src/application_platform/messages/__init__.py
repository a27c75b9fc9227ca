"""Messages between a patient and a unit of care: threads that both sides read and answer."""
