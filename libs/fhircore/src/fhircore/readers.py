"""Which value of which FHIR type means what to which type of search parameter (http://hl7.org/fhir/R4/search.html#table)."""

TOKEN, REFERENCE, STRING, DATE, NUMBER, QUANTITY, URI, TEXT, TYPED = range(9)

_TEXT = ("string", "markdown", "code", "id", "uri", "url", "canonical")
_MOMENT = ("date", "dateTime", "instant")
_QUANTITY = ("Quantity", "Age", "Duration", "Count", "Distance")
READERS: dict[tuple[str, str], str] = {
    **{("token", leaf): "token_text" for leaf in _TEXT},
    **{("string", leaf): "string_text" for leaf in _TEXT},
    **{("date", leaf): "date_moment" for leaf in _MOMENT},
    **{("quantity", leaf): "quantity_quantity" for leaf in _QUANTITY},
    **{("number", leaf): "number" for leaf in ("integer", "decimal", "positiveInt", "unsignedInt")},
    **{("uri", leaf): "uri_text" for leaf in ("uri", "url", "oid", "uuid")},
    ("uri", "canonical"): "uri_canonical",
    ("token", "boolean"): "token_boolean",
    ("token", "Coding"): "token_coding",
    ("token", "CodeableConcept"): "token_concept",
    ("token", "Identifier"): "token_identifier",
    ("token", "ContactPoint"): "token_contact",
    ("token", "truth"): "token_truth",
    ("reference", "Reference"): "reference",
    ("reference", "Resource"): "reference_inline",
    ("reference", "canonical"): "reference_canonical",
    ("reference", "uri"): "reference_canonical",
    ("string", "HumanName"): "string_name",
    ("string", "Address"): "string_address",
    ("date", "Period"): "date_period",
    ("date", "Timing"): "date_timing",
    ("quantity", "Range"): "quantity_span",
    ("quantity", "Money"): "quantity_money",
    ("quantity", "SampledData"): "quantity_samples",
    ("number", "Range"): "number_span",
}

# Readers that are functions of the same name, and the kind of tuple they make; codegen writes all others itself.
KIND_OF = {
    "string_name": STRING,
    "string_address": STRING,
    "date_period": DATE,
    "date_timing": DATE,
    "number": NUMBER,
    "number_span": NUMBER,
    "quantity_quantity": QUANTITY,
    "quantity_span": QUANTITY,
    "quantity_money": QUANTITY,
    "quantity_samples": QUANTITY,
}
