"""The shape of the house: sizes, names, first lines, and what no file may hold."""

import ast
import re
from pathlib import Path

HARD, SOFT = 400, 250  # lines of a Python file; shipped code keeps to the soft limit

# Shipped files above the soft limit, each with its reason. Taking one off the list is always welcome.
LARGE = {
    "libs/fhirserver/src/fhirserver/search/predicates.py": "one function per kind of search parameter; they share their tokens",
    "services/application-platform/src/application_platform/portal/timeline.py": "one pure function from answers to a page",
    "services/integration-platform/src/integration_platform/translate/fhir.py": "one event read, renamed, checked, split",
}
LONG = {
    ("index.py", "_builder"): "one function is made per type; what it needs is looked up once, outside of it",
    ("index.py", "build"): "one loop over the values of a resource, on the hot path of every write",
}
LONGEST = 40  # lines of a function
FORBIDDEN = {"service", "utils", "helpers", "common", "base", "manager", "constants", "misc"}

# Written in two halves, so that this file does not hold what it looks for.
ADDRESSES = re.compile(
    "|".join(
        (
            "pypi" + r"\.org/simple", "files\\.python" + "hosted\\.org", "registry\\.npm" + "js", "repo1?\\.mav" + "en",
            "--index" + "-url ", "--extra-index" + "-url", "--find" + "-links ",
        )
    )
)  # fmt: skip
MACHINE_PATHS = re.compile(r"(?<![\w.])/(?:wor" + r"k/(?:main|shared|\.)|home/\w+/|root/\.)")
LATER = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME)\b(?!\s*\(?#\d+)")
BINARY = {".gz", ".zdict", ".woff2", ".png", ".hl7", ".jar", ".ico"}


def lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def is_shipped(path: Path) -> bool:
    return "/src/" in str(path)


def test_a_file_fits_in_the_head(code: list[Path], root: Path) -> None:
    assert {str(path.relative_to(root)): count for path in code if (count := lines(path)) > HARD} == {}


def test_a_shipped_file_is_short_or_has_a_reason(code: list[Path], root: Path) -> None:
    large = {str(path.relative_to(root)): lines(path) for path in code if is_shipped(path) and lines(path) > SOFT}

    assert {name: count for name, count in large.items() if name not in LARGE} == {}


def test_a_function_fits_on_a_screen(code: list[Path], root: Path) -> None:
    long = [
        f"{path.relative_to(root)}: {node.name}"
        for path in code
        if is_shipped(path)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno >= LONGEST
        and (path.name, node.name) not in LONG
    ]

    assert long == []


def test_no_file_has_a_name_without_an_end(code: list[Path], root: Path) -> None:
    assert [str(path.relative_to(root)) for path in code if path.stem in FORBIDDEN] == []


def test_every_file_begins_by_saying_what_it_is(code: list[Path], root: Path) -> None:
    silent = []
    for path in code:
        text = path.read_text()
        first = next((line for line in text.splitlines() if not line.startswith("#!")), "")
        if not first.lstrip("r").startswith('"""') or not ast.get_docstring(ast.parse(text)):
            silent.append(str(path.relative_to(root)))

    assert silent == []


def test_what_is_left_for_later_has_an_issue(files: list[Path], root: Path) -> None:
    assert found(LATER, files, root) == []


def test_no_file_names_a_registry_or_a_path_of_somebodys_machine(files: list[Path], root: Path) -> None:
    assert found(ADDRESSES, files, root) == []
    assert found(MACHINE_PATHS, files, root) == []


def found(pattern: re.Pattern[str], files: list[Path], root: Path) -> list[str]:
    """Where the pattern stands, as file:line."""
    places = []
    for path in files:
        if path.suffix in BINARY or ".min." in path.name:
            continue
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            if pattern.search(line):
                places.append(f"{path.relative_to(root)}:{number}")
    return places


def test_pages_of_code_are_ours_to_read(files: list[Path], root: Path) -> None:
    """Nothing built, cached or kept lies among the files."""
    strange = {"__pycache__", ".venv", "var", "target", "node_modules"}
    assert [str(path.relative_to(root)) for path in files if strange & set(path.relative_to(root).parts)] == []
