"""Who is who: one person per human being, whatever the sources call them (architecture D1)."""
