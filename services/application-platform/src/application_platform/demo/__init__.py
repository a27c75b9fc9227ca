"""What exists in demo regions only: its people and systems, and tokens for them (D19)."""
