"""The FHIR engine on PostgreSQL: store, index, search, one file per interaction."""
