"""What the engine refuses, by name; each is rendered as an OperationOutcome."""

from fhircore.outcome import InvalidFHIR
from kit.problems import Kind, Problem


class Invalid(Problem):
    """The request or the resource is not what FHIR R4 says."""

    kind = Kind.INVALID
    code = "fhir/invalid"
    title = "This is not valid FHIR R4"

    @classmethod
    def of(cls, error: InvalidFHIR) -> "Invalid":
        return cls(error.issues[0].detail, issues=tuple(error.issues))


class NotProcessable(Problem):
    """A well-formed resource that breaks a rule of FHIR R4; carries every issue found."""

    kind = Kind.RULE_BROKEN
    code = "fhir/not-processable"
    title = "The resource breaks the rules of FHIR R4"


class NotFound(Problem):
    """No such resource, or none that this caller may know of."""

    kind = Kind.NOT_FOUND
    code = "fhir/not-found"
    title = "There is no such resource"


class Gone(Problem):
    """The resource was deleted."""

    kind = Kind.GONE
    code = "fhir/deleted"
    title = "The resource was deleted"


class NotAllowed(Problem):
    """This door does not do that; the text says which one does."""

    kind = Kind.NOT_ALLOWED
    code = "fhir/not-allowed"
    title = "This is not done here"


class Forbidden(Problem):
    """The token, the commission or the law does not allow it."""

    kind = Kind.FORBIDDEN
    code = "fhir/forbidden"
    title = "You may not do this"


class VersionConflict(Problem):
    """If-Match named another version than the current one."""

    kind = Kind.STALE
    code = "fhir/version-conflict"
    title = "The resource was changed meanwhile"


class NotOne(Problem):
    """A condition matched no resource, or several, where exactly one was needed."""

    kind = Kind.STALE
    code = "fhir/not-one"
    title = "The condition does not point out exactly one resource"


class Conflict(Problem):
    """The write collides with what is there."""

    kind = Kind.CONFLICT
    code = "fhir/conflict"
    title = "The write collides with what is there"


class Raced(Conflict):
    """Somebody else wrote the same resource at the same moment: the same wish can be tried again."""

    code = "fhir/raced"
    title = "The same resource was written by somebody else at the same moment"


class KeyTaken(Conflict):
    """Another resource has the key of this one (two hashes that are equal, D2); an operator must know."""

    code = "fhir/key-taken"
    title = "This id cannot be stored here; choose another one"


class Dangling(Conflict):
    """Referential integrity is on, and a reference points at nothing."""

    code = "fhir/dangling-reference"
    title = "A reference points at nothing"


class ReferredTo(Conflict):
    """Referential integrity is on, and something points at what would be deleted."""

    code = "fhir/referred-to"
    title = "Something points at this, so it cannot be deleted"


class WrongPatient(Problem):
    """The patient in context and the patient written about differ (sweden.md FL-04)."""

    kind = Kind.RULE_BROKEN
    code = "fhir/wrong-patient"
    title = "The patient in context is not the patient this is about"


class KeyReused(Problem):
    """An Idempotency-Key was sent again with other content."""

    kind = Kind.RULE_BROKEN
    code = "fhir/idempotency-key-reused"
    title = "This Idempotency-Key was used for another request"


class StillRunning(Problem):
    """The first request with this Idempotency-Key has not been answered yet."""

    kind = Kind.CONFLICT
    code = "fhir/still-running"
    title = "The first request with this Idempotency-Key is still running"


class NotSupported(Problem):
    """Part of FHIR that this server does not do (yet); said, never ignored."""

    kind = Kind.INVALID
    code = "fhir/not-supported"
    title = "This server does not support that"


class TooManyJobs(Problem):
    """A client has as many unfinished jobs as it may."""

    kind = Kind.TOO_MANY
    code = "fhir/too-many-jobs"
    title = "Too many unfinished jobs"


class JobFailed(Problem):
    """What a job was to do could not be done; the text says why."""

    kind = Kind.FAULT
    code = "fhir/job-failed"
    title = "The job failed"


class WrongMedia(Problem):
    """The body has a content type that this server does not read (or not at this address)."""

    kind = Kind.UNSUPPORTED_MEDIA
    code = "fhir/wrong-media"
    title = "This content type is not read here"


class NotAcceptable(Problem):
    """The answer is wanted in a form that this server does not write."""

    kind = Kind.NOT_ACCEPTABLE
    code = "fhir/not-acceptable"
    title = "The answer cannot be given in that form"


class TooLarge(Problem):
    """The body is larger than the limit."""

    kind = Kind.TOO_LARGE
    code = "fhir/too-large"
    title = "The body is too large"
