"""FHIR R4 as plain Python: definitions, search grammar, extraction, bundles, outcomes, identifiers."""
