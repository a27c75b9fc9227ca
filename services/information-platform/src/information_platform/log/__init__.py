"""The region's access log: who read or did what with whose information, collected from every service (sweden.md §4.5)."""
