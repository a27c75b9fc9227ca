"""The exact explanation: everything that is wrong with a resource that the fast test did not pass, with its place.

Parts that the fast test passes are skipped, so a Bundle with one bad entry costs one entry. Locations are FHIRPath
with the names of JSON (`Observation.component[1].valueQuantity.value`); sentences never quote values, which may be
about a patient.
"""

from typing import Any

from fhircore.validation.definitions import Field, Shape, codes, pairs, resource_types, shape
from fhircore.validation.fast import in_value_set, is_valid, primitive_check
from fhircore.validation.invariants import rules_of
from fhircore.validation.narrative import narrative_faults
from fhircore.validation.pointing import tell_reference
from fhircore.validation.primitives import MAX_TEXT, SENTENCES, holds
from fhircore.validation.report import Report, shown
from fhircore.validation.scope import Scope, scope_of


class Walk(Report):
    """One pass over one resource; `issues` is the answer."""

    def resource(self, value: Any, at: str, scope: Scope | None = None) -> None:
        """A resource of its own (scope None), or one contained in the resource that the scope describes."""
        if value.__class__ is not dict:
            return self.tell("structure", "A resource must be a JSON object.", at)
        where = f"{at}.resourceType" if at else "resourceType"
        if "resourceType" not in value:
            return self.tell("required", "A resource needs a resourceType.", where)
        kind = value["resourceType"]
        if kind.__class__ is not str or kind not in resource_types():
            named = shown(kind) if kind.__class__ is str else "This"
            return self.tell("structure", f"{named} is not a resource type of FHIR R4.", where)
        at = at or kind
        return self.element(shape(kind), value, at, scope or scope_of(value, at, self))

    def element(self, form: Shape, value: Any, at: str, scope: Scope) -> None:
        """One object: its fields, then what is missing, then its invariants when all else is right."""
        before = len(self.issues)
        if value.__class__ is not dict:
            return self.tell("structure", "This element must be a JSON object.", at)
        if value.keys() <= {"id"} and form.path not in resource_types():
            return self.tell("structure", "An element must have a value or an extension: fill it or leave it out.", at)
        for name, content in value.items():
            self._named(form, value, name, content, at, scope)
        self._presence(form, value, at)
        if len(self.issues) == before:
            for key, rule in rules_of(form.path).items():
                if not rule(value):
                    self.broken(key, form.path, at)
        return None

    def _named(self, form: Shape, owner: dict[str, Any], name: str, content: Any, at: str, scope: Scope) -> None:
        known = form.fields.get(name)
        if known is not None:
            return self._content(form, known, owner, content, f"{at}.{name}", scope)
        if name == "resourceType" and form.path in resource_types():
            return None
        base = form.extended(name)
        if base is not None:
            return self._extended(base, owner, content, f"{at}.{base.name}", scope)
        sentence = f"{shown(name)} is not an element of {form.path}: remove it, or use an extension."
        return self.tell("structure", sentence, f"{at}.{shown(name)}")

    def _content(self, form: Shape, known: Field, owner: dict[str, Any], content: Any, at: str, scope: Scope) -> None:
        if not known.many:
            if content.__class__ is list:
                return self.tell("structure", "Only one value is allowed here: give it without an array.", at)
            return self._value(form, known, content, at, scope)
        if content.__class__ is not list:
            return self.tell("structure", "This element repeats: give an array, also for one value.", at)
        if not content:
            return self.tell("structure", "An array must not be empty: leave the element out.", at)
        for index, item in enumerate(content):
            padding = item is None and known.primitive and _at(owner.get("_" + known.name), index) is not None
            if not padding:
                self._value(form, known, item, f"{at}[{index}]", scope)
        return None

    def _value(self, form: Shape, known: Field, value: Any, at: str, scope: Scope) -> None:
        if value is None:
            return self.tell("structure", "null is not allowed here: leave the element out.", at)
        if known.primitive:
            return self._primitive(form, known, value, at)
        if known.type == "Resource":
            return self._resource_in(known, value, at, scope)
        before = len(self.issues)
        if known.type == "Reference" or not is_valid(known.type, value):
            self.element(shape(known.type), value, at, scope)
        if len(self.issues) != before:
            return None
        if known.type == "Reference":
            return tell_reference(known, value, at, scope, self)
        bound = pairs(known.binding) if known.binding else None
        if bound is not None and not in_value_set(known.type, value, bound):
            self.not_listed(sorted({code for _, code in bound}), at)
        return None

    def _resource_in(self, known: Field, value: Any, at: str, scope: Scope) -> None:
        if known.name == "contained":
            return self.resource(value, at, Scope(scope.contained, inside=True))
        kind = value.get("resourceType") if value.__class__ is dict else None
        if kind.__class__ is str and kind in resource_types() and is_valid(kind, value):
            return None
        return self.resource(value, at)

    def _primitive(self, form: Shape, known: Field, value: Any, at: str) -> None:
        if known.type == "xhtml" and value.__class__ is str:
            for key, sentence in narrative_faults(value):
                self.tell("invariant", f"{key}: {sentence}.", at)
            return None
        if holds(primitive_check(known, form), value):
            return None
        if known.binding and value.__class__ is str:
            listed = codes(known.binding)
            if listed is not None:
                return self.not_listed(sorted(listed), at)
            return self.tell("code-invalid", f"This is not a code of {known.binding}.", at)
        if known.type in ("string", "markdown") and value.__class__ is str and len(value) > MAX_TEXT:
            return self.tell("too-long", f"A text may have at most {MAX_TEXT} characters.", at)
        return self.tell("value", f"This must be {SENTENCES[known.type]} ({known.type}).", at)

    def _extended(self, base: Field, owner: dict[str, Any], content: Any, at: str, scope: Scope) -> None:
        """`_birthDate`: the id and the extensions of a primitive; for arrays one per position, padded with null."""
        if not base.many:
            return self._extension_of(content, at, scope, base.name in owner)
        if content.__class__ is not list or not content:
            sentence = "The extensions of a repeating element must be an array, padded with null."
            return self.tell("structure", sentence, at)
        for index, item in enumerate(content):
            if item is not None:
                self._extension_of(item, f"{at}[{index}]", scope, _at(owner.get(base.name), index) is not None)
            elif _at(owner.get(base.name), index) is None:
                sentence = "A position needs a value or an extension."
                self.tell("structure", sentence, f"{at}[{index}]")
        return None

    def _extension_of(self, content: Any, at: str, scope: Scope, valued: bool) -> None:
        if valued and content.__class__ is dict and content.keys() == {"id"}:
            form = shape("Element")  # an id alone is enough beside a value
            self._primitive(form, form.fields["id"], content["id"], f"{at}.id")
        elif not is_valid("Element", content):
            self.element(shape("Element"), content, at, scope)

    def _presence(self, form: Shape, value: dict[str, Any], at: str) -> None:
        for base in form.required:
            if not _present(value, form.choices.get(base, (base,))):
                name = base.removesuffix("[x]")
                self.tell("required", f"{base} is required in {form.path}.", f"{at}.{name}")
        for base, variants in form.choices.items():
            found = _present(value, variants)
            if len(found) > 1:
                sentence = f"{base} may have one type: keep one of {', '.join(found)}."
                self.tell("structure", sentence, f"{at}.{base.removesuffix('[x]')}")


def _present(value: dict[str, Any], names: tuple[str, ...]) -> list[str]:
    return [name for name in names if name in value or "_" + name in value]


def _at(values: Any, index: int) -> Any:
    return values[index] if values.__class__ is list and index < len(values) else None
