"""The operator's command, and the whole region on one machine."""
