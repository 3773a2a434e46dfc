"""Scenes that many tests begin with: built once in a process, through the verbs, and then laid down row by row.

A scene is kept as the rows that building it added or changed, the files that it wrote, and its Python objects. That is
safe where the test's own transaction takes it back and nobody has turned the clock; elsewhere it is built each time.
"""

from __future__ import annotations

import copy
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
import time_machine
from django.conf import settings
from django.db import connection
from django.db.models import Model
from django.utils import timezone

T = TypeVar("T")
Row = tuple[Any, ...]


@dataclass
class _Scene:
    gone: list[tuple[str, list[tuple[int]]]]  # statements and their rows
    added: list[tuple[str, list[Row]]]
    files: dict[tuple[str, Path], tuple[bytes, int]]
    objects: (
        Any  # what was made, and the attributes of the groups among `parts`; each part is stood for by one of those
    )
    parts: list[object]


_scenes: dict[tuple[Any, ...], _Scene] = {}
# The scene that was laid last, how many rows had changed by then, and the savepoints within which that happened.
_now: tuple[tuple[Any, ...], tuple[Any, ...]] | None = None


@pytest.fixture(autouse=True)
def _nothing_laid() -> Iterator[None]:
    global _now
    _now = None
    yield
    _now = None


def kept(name: str, build: Callable[[], T], *ground: Any) -> T:
    """What `build` makes on the scenes `ground`, whose groups (dataclasses) it may change, but not the models in them.

    `name` is this builder's own, with everything in it on which its work depends.
    """
    global _now
    state = _state() if _can_be_kept() else None
    if state is None:
        return build()
    key = (*state, name)
    parts = _parts(ground)
    scene = _scenes.get(key)
    if scene is None:
        before, files, values = _rows(), set(_files()), _values(parts)
        made = build()
        if _values(parts) != values:
            _now = None
            return made
        scene = _scenes[key] = _difference(before, _rows(), files)
        scene.parts = [object() for _ in parts]
        scene.objects = copy.deepcopy((made, _groups(parts)), _memo(parts, scene.parts))
    elif len(parts) != len(scene.parts):
        return build()
    else:
        made = _lay(scene, parts)
    _now = (key, _mark())
    return made


def _parts(ground: Iterable[Any]) -> list[Any]:
    """Groups, and the models and groups in them."""
    found: list[Any] = []
    for one in ground:
        if is_dataclass(one):
            found += [one, *_parts(vars(one).values())]
        elif isinstance(one, Model):
            found.append(one)
        elif isinstance(one, list):
            found += _parts(one)
    return found


def _groups(parts: list[Any]) -> list[dict[str, Any]]:
    return [vars(one) for one in parts if is_dataclass(one)]


def _values(parts: list[Any]) -> list[dict[str, Any]]:
    return [
        {field.attname: vars(one).get(field.attname) for field in one._meta.concrete_fields}
        for one in parts
        if isinstance(one, Model)
    ]


def _mark() -> tuple[Any, ...]:
    return connection.connection.total_changes, tuple(connection.savepoint_ids)


def _can_be_kept() -> bool:
    return (
        connection.vendor == "sqlite" and connection.in_atomic_block and not time_machine.escape_hatch.is_travelling()
    )


def _state() -> tuple[Any, ...] | None:
    """Which scenes the database holds and nothing else; None when it holds anything else."""
    if _now is not None:
        return _now[0] if _now[1] == _mark() else None
    with connection.cursor() as cursor:
        people, kinds = cursor.execute(
            "SELECT (SELECT count(*) FROM collab_user) + (SELECT count(*) FROM collab_organisation)"
            " + (SELECT count(*) FROM collab_auditevent), (SELECT max(id) FROM django_content_type)"
        ).fetchone()
    return None if people else (str(timezone.localdate()), kinds)


def _rows() -> dict[tuple[str, str], dict[Row, None]]:
    """All rows of all tables, as they are stored: the plus keeps them from being converted."""
    found = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            names = ["_rowid_", *(f'"{column[1]}"' for column in cursor.execute(f'PRAGMA table_info("{table}")'))]
            rows = cursor.execute(f'SELECT {", ".join(f"+{name}" for name in names)} FROM "{table}" ORDER BY 1')
            found[table, ", ".join(names)] = dict.fromkeys(map(tuple, rows.fetchall()))
    return found


def _files() -> dict[tuple[str, Path], Path]:
    folders = {name: Path(getattr(settings, name)) for name in ("BLOB_DIR", "RUN_DIR")}
    return {
        (name, path.relative_to(folder)): path
        for name, folder in folders.items()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _difference(before: Any, after: Any, files: set[Any]) -> _Scene:
    gone, added = [], []
    for (table, names), rows in after.items():
        had = before[table, names]
        if lost := [(row[0],) for row in had if row not in rows]:
            gone.append((f'DELETE FROM "{table}" WHERE _rowid_ = ?', lost))
        if new := [row for row in rows if row not in had]:
            marks = ", ".join("?" * len(new[0]))
            added.append((f'INSERT INTO "{table}" ({names}) VALUES ({marks})', new))
    written = {
        key: (path.read_bytes(), stat.S_IMODE(path.stat().st_mode))
        for key, path in _files().items()
        if key not in files
    }
    return _Scene(gone, added, written, None, [])


def _memo(of: Any, become: Any) -> dict[int, Any]:
    """For deepcopy: these objects are not copied, but become those."""
    return {id(one): other for one, other in zip(of, become, strict=True)}


def _lay(scene: _Scene, parts: list[Any]) -> Any:
    raw = connection.connection
    for statement, rows in [*scene.gone, *scene.added]:
        raw.executemany(statement, rows)
    for (name, path), (content, mode) in scene.files.items():
        target = Path(getattr(settings, name)) / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        target.chmod(mode)
    made, facts = copy.deepcopy(scene.objects, _memo(scene.parts, parts))
    for group, now in zip(_groups(parts), facts, strict=True):
        group.update(now)
    return made
