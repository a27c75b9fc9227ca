"""The application platform: sign-in, apps and the portals."""
