"""What is wrong with a FHIRPath expression, or with what it was asked to do (http://hl7.org/fhirpath/N1/)."""

from fhircore.outcome import InvalidFHIR


class PathError(InvalidFHIR):
    """An expression that cannot be parsed, that names what does not exist, or that failed on this input.

    The text names the expression's own words only, never a value of the resource.
    """

    def __init__(self, detail: str, at: str | None = None) -> None:
        super().__init__(detail, at, "invalid")
