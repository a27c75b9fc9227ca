"""Messages between patients and units as both sides read and write them."""
