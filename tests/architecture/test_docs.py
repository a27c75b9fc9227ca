"""The pages: links lead somewhere, decisions have their parts, READMEs say what the code does, the map is whole."""

import re
from pathlib import Path

_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_FENCE = re.compile(r"```.*?```", re.DOTALL)
_DECISION = ("Context", "Decision", "Consequences", "Held by")


def test_every_link_leads_somewhere(pages: list[Path], root: Path) -> None:
    broken = []
    for page in pages:
        for target in _LINK.findall(_FENCE.sub("", page.read_text())):
            if "://" in target or target.startswith("mailto:"):
                continue
            name, _, anchor = target.partition("#")
            there = (page.parent / name).resolve() if name else page
            if not there.exists() or (anchor and anchor not in anchors(there)):
                broken.append(f"{page.relative_to(root)}: {target}")

    assert broken == []


def anchors(page: Path) -> set[str]:
    """The headings of a page as GitHub names them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def test_every_page_of_docs_is_reached_from_the_index(pages: list[Path], root: Path) -> None:
    docs = root / "docs"
    seen, waiting = set(), [docs / "index.md"]
    while waiting:
        page = waiting.pop()
        if page in seen or page.suffix != ".md":
            continue
        seen.add(page)
        targets = (target.partition("#")[0] for target in _LINK.findall(page.read_text()) if "://" not in target)
        waiting += [there for target in targets if target and (there := (page.parent / target).resolve()).is_file()]

    lost = [page for page in pages if docs in page.parents and "changes" not in page.parts and page not in seen]
    assert [str(page.relative_to(root)) for page in lost] == []


def test_every_decision_has_its_four_parts(root: Path) -> None:
    for page in decisions(root):
        headings = tuple(re.findall(r"^## (.*)$", page.read_text(), re.MULTILINE))
        assert headings == _DECISION, page.name
        assert re.search(r"^\d{4}-\d{2}-\d{2} · (accepted|replaced by \d{4})$", page.read_text(), re.MULTILINE), (
            page.name
        )


def test_decisions_are_numbered_without_a_gap(root: Path) -> None:
    numbers = [int(page.name[:4]) for page in decisions(root)]

    assert numbers == list(range(1, len(numbers) + 1))


def test_the_list_of_decisions_is_whole(root: Path) -> None:
    listed = re.findall(r"^- \[\d{4}\]\((.*?)\) (.*)$", (root / "docs/decisions/README.md").read_text(), re.MULTILINE)

    pages = [(page.name, page.read_text().partition("\n")[0].removeprefix("# ")) for page in decisions(root)]
    assert listed == pages


def test_what_holds_a_decision_exists(root: Path) -> None:
    gone = []
    for page in decisions(root):
        held = page.read_text().partition("## Held by")[2]
        for name in re.findall(r"`([\w./-]+/[\w./-]+)`", held):
            if not (root / name).exists():
                gone.append(f"{page.name}: {name}")

    assert gone == []


def decisions(root: Path) -> list[Path]:
    return sorted((root / "docs/decisions").glob("[0-9]*.md"))


def test_a_readme_of_the_house_is_short(root: Path) -> None:
    long = {
        str(page.relative_to(root)): count
        for page in (*root.glob("libs/*/README.md"), *root.glob("services/*/README.md"), root / "README.md")
        if (count := len(page.read_text().splitlines())) > 60
    }

    assert long == {}


def test_every_service_and_library_has_a_readme(root: Path) -> None:
    folders = [*root.glob("libs/*/pyproject.toml"), *root.glob("services/*/pyproject.toml")]

    assert [str(one.parent.name) for one in folders if not (one.parent / "README.md").is_file()] == []


def test_every_package_is_on_the_map(code: list[Path], root: Path) -> None:
    packages = {path.parent for path in code if "/src/" in str(path) and path.name == "__init__.py"}
    page = (root / "docs/explanation/architecture.md").read_text()

    assert [str(one.relative_to(root)) for one in sorted(packages) if f"`{one.relative_to(root)}`" not in page] == []


def test_a_change_is_one_short_file(root: Path) -> None:
    for page in (root / "docs/changes").glob("*.md"):
        if page.name != "README.md":
            assert re.match(r"(added|changed|fixed|removed): \S", page.read_text()), page.name
