"""Structural validation of FHIR R4: a fast yes for what is right, an exact explanation for what is not."""
