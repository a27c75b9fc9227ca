"""What systems send, as FHIR R4: pure functions, after HL7's v2-to-FHIR tables (github.com/HL7/v2-to-fhir)."""
