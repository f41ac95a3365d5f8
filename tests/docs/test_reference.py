"""The reference has every public name on one page, and every one says what it is. Nothing is imported for this."""

import ast
import functools
import pathlib
import re
from collections.abc import Iterator

import pytest

ROOT = pathlib.Path(__file__).parent.parent.parent
PAGES = sorted((ROOT / "docs" / "reference").glob("*.md"))
PACKAGES = [
    "qohort.api",
    "qohort.envs",
    "qohort.envs.battle",
    "qohort.envs.games",
    "qohort.envs.grids",
    "qohort.envs.particles",
    "qohort.envs.traffic",
    "qohort.mixers",
    "qohort.networks",
    "qohort.replay",
    "qohort.study",
]
"""The packages that offer names of their modules."""
SETTINGS = {"algorithms", "battles", "estimators", "mixers", "networks", "replay", "study", "training", "worlds"}
"""The pages whose dataclasses are settings, or what training hands out. What analyses find has names and types."""
DIRECTIVE = re.compile(r"^::: (\S+)$", re.MULTILINE)
Place = tuple[str, str]
"""A module, and a name that is defined there; an empty one is the module itself."""


def file_of(module: str) -> pathlib.Path | None:
    path = ROOT.joinpath(*module.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.exists()), None)


@functools.cache
def tree_of(module: str) -> ast.Module:
    file = file_of(module)
    assert file is not None, f"there is no module {module}"
    return ast.parse(file.read_text())


@functools.cache
def imported(module: str) -> dict[str, Place]:
    """What a module has from others of the library, also where only type checkers look."""
    nodes = [node for node in ast.walk(tree_of(module)) if isinstance(node, ast.ImportFrom)]
    return {
        name.asname or name.name: (node.module or "", name.name)
        for node in nodes
        if (node.module or "").startswith("qohort")
        for name in node.names
    }


@functools.cache
def defined(module: str) -> dict[str, tuple[ast.stmt, str | None]]:
    """The public names that a module defines, with what they say of themselves."""
    return dict(documented(tree_of(module).body))


def documented(body: list[ast.stmt]) -> Iterator[tuple[str, tuple[ast.stmt, str | None]]]:
    """Functions and classes have docstrings; the text below an assignment is what it says of itself."""
    for node, after in zip(body, [*body[1:], None], strict=True):
        match node:
            case ast.FunctionDef(decorator_list=[ast.Attribute(attr="setter")]):
                continue
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                found = {name: ast.get_docstring(node)}
            case ast.Assign(targets=[target]) | ast.AnnAssign(target=target):
                told = after.value if isinstance(after, ast.Expr) else None
                text = told.value if isinstance(told, ast.Constant) and isinstance(told.value, str) else None
                found = {part.id: text for part in ast.walk(target) if isinstance(part, ast.Name)}
            case _:
                continue
        yield from ((name, (node, text)) for name, text in found.items() if not name.startswith("_"))


def offered(module: str) -> set[str]:
    """The names that a package offers: its `__all__`, or what its `__init__` imports under its own name."""
    for node in tree_of(module).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return set(ast.literal_eval(node.value))
    nodes = [node for node in ast.walk(tree_of(module)) if isinstance(node, ast.ImportFrom)]
    return {name.name for node in nodes for name in node.names if name.asname == name.name}


def place_of(path: str) -> Place:
    """Where a dotted name is defined, whatever packages offer it."""
    module, _, name = path.rpartition(".")
    module = "qohort.api" if module == "qohort" else module
    if file_of(path) and name not in imported(module):  # a package may offer a function under its module's name
        return path, ""
    while name not in defined(module):
        assert name in imported(module), f"{path}: {module} has no {name}"
        module, name = imported(module)[name]
    return module, name


@functools.cache
def shown() -> dict[Place, list[str]]:
    """What the pages show, and on which; a module is shown with all of its public names."""
    found: dict[Place, list[str]] = {}
    for page in PAGES:
        for path in DIRECTIVE.findall(page.read_text()):
            module, name = place_of(path)
            for each in [name] if name else defined(module):
                found.setdefault((module, each), []).append(page.name)
    return found


@pytest.mark.parametrize("package", PACKAGES)
def test_every_name_that_a_package_offers_is_on_one_page(package):
    names = offered(package)
    assert names
    places = {name: place_of(f"{package}.{name}") for name in names}
    assert {name: shown().get(place, []) for name, place in places.items() if len(shown().get(place, [])) != 1} == {}


def test_nothing_is_on_two_pages_or_twice_on_one():
    assert {place: pages for place, pages in shown().items() if len(pages) > 1} == {}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_everything_that_is_shown_says_what_it_is(page):
    silent = [".".join(place) for place, pages in shown().items() if page.name in pages and not told(place)]
    assert silent == []


def told(place: Place) -> str | None:
    return defined(place[0])[place[1]][1]


@pytest.mark.parametrize("page", sorted(SETTINGS))
def test_every_setting_that_is_shown_says_what_it_is(page):
    silent = []
    for (module, name), pages in shown().items():
        node, text = defined(module)[name]
        if f"{page}.md" in pages and isinstance(node, ast.ClassDef) and is_dataclass(node):
            listed = re.findall(r"^ {4}(\w+):", (text or "").partition("Attributes:")[2], re.MULTILINE)
            silent += [f"{module}.{name}.{field}" for field in silent_fields(node) if field not in listed]
    assert silent == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_method_that_is_shown_says_what_it_does_or_what_it_keeps_to(page):
    silent = []
    for place, pages in shown().items():
        node, _ = defined(place[0])[place[1]]
        if page.name in pages and isinstance(node, ast.ClassDef):
            own = {name for name, (kind, _) in documented(node.body) if isinstance(kind, ast.FunctionDef)}
            silent += [f"{'.'.join(place)}.{name}" for name, text in methods(place).items() if name in own and not text]
    assert silent == []


def methods(place: Place) -> dict[str, str | None]:
    """The methods of a class, with what they say, or what those say that they carry out."""
    module, name = place
    node, _ = defined(module)[name]
    assert isinstance(node, ast.ClassDef)
    found: dict[str, str | None] = {}
    for base in (ast.unparse(base).partition("[")[0] for base in node.bases):
        if base in imported(module) or base in defined(module):
            found |= methods(place_of(f"{module}.{base}"))
    own = {name: text for name, (kind, text) in documented(node.body) if isinstance(kind, ast.FunctionDef)}
    return found | {name: text or found.get(name) for name, text in own.items()}


def is_dataclass(node: ast.ClassDef) -> bool:
    return any("dataclass" in ast.unparse(mark) for mark in node.decorator_list)


def silent_fields(node: ast.ClassDef) -> list[str]:
    fields = [(name, kind) for name, (kind, text) in documented(node.body) if not text]
    return [
        name
        for name, kind in fields
        if isinstance(kind, ast.AnnAssign) and "ClassVar" not in ast.unparse(kind.annotation)
    ]


def test_the_page_of_the_top_level_names_each_with_its_place():
    page = (ROOT / "docs" / "reference" / "qohort.md").read_text()
    rows = dict(re.findall(r"^\| \[`(\w+)`\]\(([\w.#]+)\) \|", page, re.MULTILINE))
    assert rows.keys() | {"QohortError"} == offered("qohort.api")
    for name, link in rows.items():
        file, _, anchor = link.partition("#")
        assert place_of(anchor) == place_of(f"qohort.api.{name}")
        assert shown()[place_of(anchor)] == [file]


def blocks() -> list[str]:
    documents = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    found = [block for path in documents for block in re.findall(r"```python\n(.*?)```", path.read_text(), re.DOTALL)]
    return [*found, *(path.read_text() for path in (ROOT / "examples").glob("*.py"))]


def test_every_name_that_a_document_imports_is_in_the_reference():
    used = {
        f"{node.module}.{name.name}"
        for block in blocks()
        for node in ast.walk(ast.parse(block))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("qohort")
        for name in node.names
    }
    assert len(used) > 20
    assert sorted(path for path in used if place_of(path) not in shown()) == []


def test_every_page_is_in_the_navigation():
    navigation = (ROOT / "mkdocs.yml").read_text()
    pages = [path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")]
    written = [page for page in pages if not re.fullmatch(r"analysis/[^/]+/.*", page)]
    assert sorted(page for page in written if f": {page}\n" not in navigation) == []
