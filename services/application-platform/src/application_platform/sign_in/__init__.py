"""Signing in and out: the pages, the cookie, and what portal pages ask about whoever is there."""
