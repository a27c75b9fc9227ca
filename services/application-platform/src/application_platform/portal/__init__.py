"""The portals: pages for staff and patients, their look, and the line that tells what is new."""
