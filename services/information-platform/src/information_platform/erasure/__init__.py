"""Destruction by order of IVO: asked for by one, confirmed by another, carried out at every copy, and proved (REC-05, REC-06)."""
