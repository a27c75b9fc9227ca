"""Search: from the parsed tree of a query to SQL, its page, and what it includes (http://hl7.org/fhir/R4/search.html)."""
