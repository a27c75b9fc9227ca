"""The integration platform (Exchange): other systems come in and out here."""
