"""Imports between the rooms are those of the table in docs/architecture.md, and run one way."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
Arrow = tuple[str, str]


def rows(heading: str) -> list[list[str]]:
    page = (ROOT / "docs/architecture.md").read_text("utf-8")
    section = page.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return [line.split("|")[1:4] for line in section.splitlines() if line.startswith("| `")]


def table() -> list[tuple[str, set[str], set[str]]]:
    return [
        (_names(room)[0], set(_names(may)), set(_names(going)))
        for room, may, going in rows("Who may import whom")
    ]


def _names(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


ROOMS = [room for room, _, _ in table()]
ALLOWED = {(room, other) for room, may, _ in table() for other in may}
GOING = {(room, other) for room, _, going in table() for other in going}


def room_of(module: str) -> str:
    """Empty for the package itself, which holds the version alone."""
    inside = module.split(".")[1:]
    return two if (two := ".".join(inside[:2])) in ROOMS else "".join(inside[:1])


def arrows() -> dict[Arrow, str]:
    """Each arrow between two rooms, with a place where it is."""
    found: dict[Arrow, str] = {}
    for name, imported in imports():
        arrow = room_of(name), room_of(imported)
        if all(arrow) and arrow[0] != arrow[1]:
            found.setdefault(arrow, f"{name} imports {imported}")
    return found


def imports() -> Iterator[tuple[str, str]]:
    """Every module of the gateway, with each name of the gateway's that it imports."""
    for file in sorted((ROOT / "gateway").rglob("*.py")):
        name = ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            for imported in _imported(node):
                yield name, imported


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, "imports are absolute"
        names = [f"{node.module}.{alias.name}" for alias in node.names]
    else:
        return []
    # `from gateway import __version__` names no room.
    return [name for name in names if name.startswith("gateway.") and "__" not in name]


def test_every_import_is_allowed() -> None:
    assert [at for arrow, at in arrows().items() if arrow not in ALLOWED | GOING] == []


def test_every_arrow_of_the_table_is_used() -> None:
    assert sorted((ALLOWED | GOING) - arrows().keys()) == []


def test_a_room_imports_only_rooms_above_it() -> None:
    assert [arrow for arrow in ALLOWED if ROOMS.index(arrow[1]) >= ROOMS.index(arrow[0])] == []


def test_every_room_has_a_row() -> None:
    paths = (ROOT / "gateway").iterdir()
    rooms = {path.stem for path in paths if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert sorted(rooms - {"__init__"} - set(ROOMS)) == []


def test_the_folders_of_privacy_import_in_one_direction() -> None:
    allowed = {
        (folder, other)
        for cell, _, may in rows("Inside privacy")
        for folder in _names(cell)
        for other in _names(may)
    }
    folders = {path.parent.name for path in (ROOT / "gateway/privacy").glob("*/__init__.py")}
    inside = [
        (name.split(".")[2], imported.split(".")[2])
        for name, imported in imports()
        if name.startswith("gateway.privacy.") and imported.startswith("gateway.privacy.")
    ]
    between = {(here, there) for here, there in inside if {here, there} <= folders}
    assert {(here, there) for here, there in between if here != there} == allowed
