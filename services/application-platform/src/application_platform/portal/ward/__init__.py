"""The ward: its board of beds, and what is done with a stay."""
