"""Registered systems: who may send, and whose unit owns what they send (D3)."""
