"""What FHIR adds to FHIRPath (http://hl7.org/fhir/R4/fhirpath.html#functions)."""

import re
from typing import Any

from fhircore.fhirpath.errors import PathError
from fhircore.fhirpath.functions.registry import function
from fhircore.fhirpath.hierarchy import is_a, known_types
from fhircore.fhirpath.model import Node, child, node, resources_around
from fhircore.fhirpath.runtime import Env, Items
from fhircore.fhirpath.values import one, system, text
from fhircore.validation.definitions import primitive_types, resource_types
from fhircore.validation.narrative import narrative_faults

_BASE = "http://hl7.org/fhir/StructureDefinition/"
_REFERENCE = re.compile(r"(?:.*/)?([A-Z][A-Za-z]+)/([A-Za-z0-9.\-]{1,64})(?:/_history/[A-Za-z0-9.\-]{1,64})?")


@function("extension", 1)
def extension(env: Env, items: Items, url: Items) -> Items:
    wanted = text(url, "extension()")
    if wanted is None:
        return []
    found = [each for item in items if item.__class__ is Node for each in child(item, "extension")]
    return [each for each in found if _says(each, "url") == wanted]


def _says(found: Any, key: str) -> Any:
    """A property of a complex element as it stands in JSON; None when there is none."""
    value = found.value if found.__class__ is Node else None
    return value.get(key) if value.__class__ is dict else None


@function("hasExtension", 1)
def has_extension(env: Env, items: Items, url: Items) -> Items:
    return [bool(extension(env, items, url))]


@function("hasValue")
def has_value(env: Env, items: Items) -> Items:
    return [len(items) == 1 and _is_primitive(items[0])]


def _is_primitive(item: Any) -> bool:
    if item.__class__ is not Node:
        return True
    return item.value is not None and item.value.__class__ is not dict


@function("getValue")
def get_value(env: Env, items: Items) -> Items:
    return [system(items[0])] if len(items) == 1 and _is_primitive(items[0]) else []


@function("resolve")
def resolve(env: Env, items: Items) -> Items:
    """The resources that references name: contained ones, entries of the same Bundle, then what the hook finds.

    Without a hook a reference to elsewhere gives a resource of which only type and id are known.
    """
    return [found for item in items for found in _resolved(env, item)]


def _resolved(env: Env, item: Any) -> Items:
    reference = _reference(item)
    if reference is None:
        return []
    if reference[:1] == "#":
        return _contained(env, item, reference[1:])
    local = _in_bundle(env, item, reference)
    if local:
        return local
    if env.run.hooks.resolve is not None:
        found = env.run.hooks.resolve(reference)
        return [] if found is None else [node(found)]
    named = _REFERENCE.fullmatch(reference)
    if named is None or named[1] not in resource_types():
        return []
    return [node({"resourceType": named[1], "id": named[2]})]


def _reference(item: Any) -> str | None:
    value = item.value if item.__class__ is Node else item
    if value.__class__ is dict:
        value = value.get("reference")
    return value if value.__class__ is str else None


def _around(env: Env, item: Any) -> list[Node]:
    return list(resources_around(item if item.__class__ is Node else env.run.context))


def _contained(env: Env, item: Any, wanted: str) -> Items:
    for resource in _around(env, item):
        if not wanted and resource.key != "contained":
            return [resource]
        found = [each for each in child(resource, "contained") if _says(each, "id") == wanted]
        if found:
            return found[:1]
    return []


def _in_bundle(env: Env, item: Any, reference: str) -> Items:
    for resource in _around(env, item):
        if resource.type != "Bundle":
            continue
        for entry in child(resource, "entry"):
            url = _says(entry, "fullUrl")
            if url.__class__ is str and (url == reference or url.endswith("/" + reference)):
                return child(entry, "resource")
    return []


@function("getResourceKey")
def resource_key(env: Env, items: Items) -> Items:
    """https://sql-on-fhir.org: the key of a resource, its id."""
    return [key for item in items if (key := _says(item, "id")) is not None]


@function("getReferenceKey", 0, 1)
def reference_key(env: Env, items: Items, wanted: Items | None = None) -> Items:
    """https://sql-on-fhir.org: the key of the resource that a reference names, of this type when one is given."""
    found = [_REFERENCE.fullmatch(_reference(item) or "") for item in items]
    kind = one(wanted, "getReferenceKey()") if wanted else None
    return [named[2] for named in found if named and kind in (None, named[1])]


@function("checkModifiers", 0, 64)
def check_modifiers(env: Env, items: Items, *urls: Items) -> Items:
    allowed = {text(url, "checkModifiers()") for url in urls}
    for item in items:
        for found in child(item, "modifierExtension") if item.__class__ is Node else ():
            if _says(found, "url") not in allowed:
                raise PathError("There is a modifier extension that the expression does not know.", item.place)
    return items


@function("htmlChecks")
def html_checks(env: Env, items: Items) -> Items:
    divs = [system(item) for item in items]
    if any(div.__class__ is not str for div in divs):
        raise PathError("htmlChecks() needs XHTML.")
    return [not narrative_faults(div) for div in divs]


@function("conformsTo", 1)
def conforms_to(env: Env, items: Items, profile: Items) -> Items:
    """The base definitions are known here (the type decides); a profile is asked of the hook."""
    url, item = text(profile, "conformsTo()"), items[0] if len(items) == 1 else None
    if url is None or item is None:
        return []
    name = url.removeprefix(_BASE)
    if url.startswith(_BASE) and (name in known_types() or name in primitive_types()):
        return [item.__class__ is Node and is_a(item.type, name)]
    if env.run.hooks.conforms_to is None:
        raise PathError("conformsTo() names a profile that is not known.")
    return [env.run.hooks.conforms_to(item.value if item.__class__ is Node else item, url)]
