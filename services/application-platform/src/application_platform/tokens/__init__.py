"""Tokens: signing keys, clients, grants, and the endpoints of OAuth 2.0 and SMART App Launch."""
