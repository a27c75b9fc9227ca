"""A store grown to a size: generated patients by the engine's own rows and COPY, not through a door."""
