"""The operator's page: the region as a picture, what waits and why, and what was parked."""
