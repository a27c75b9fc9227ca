"""One interaction of the FHIR RESTful API, one file (http://hl7.org/fhir/R4/http.html)."""
