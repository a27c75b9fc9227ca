"""Input that nobody sane would send, made up from what is right: resources, searches, changes, and what is an answer to them."""
