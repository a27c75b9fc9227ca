"""HL7 v2 as bytes and text: framing, parsing, character sets, acknowledgements (HL7 v2.8.2, chapter 2)."""
