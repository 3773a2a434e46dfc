"""Frozen dataclasses from JSON, strictly: unknown keys, wrong types and values out of bounds are named, all at once.

Torch-free. The same field metadata gives the reader its bounds and the JSON Schema its words.
"""

import dataclasses
import difflib
import json
import math
import re
import types
import typing
from collections import Counter
from typing import Any, Literal, TypeVar

from training.engine.messages import HINTS, MESSAGES

T = TypeVar("T")
MAX_DEPTH = 32
SAFE_NUMBER = 2**53


@dataclasses.dataclass(frozen=True)
class Issue:
    """One thing that is wrong (`error` blocks) or doubtful (`warning` shows). `text` is `MESSAGES[code] % params`."""

    path: str
    level: Literal["error", "warning"]
    text: str
    hint: str
    code: str
    params: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """The issue as plain JSON types."""
        return dataclasses.asdict(self)


class SpecError(ValueError):
    """A spec that cannot be used. `issues` name every fault found, not only the first."""

    def __init__(self, issues: list[Issue]) -> None:
        self.issues = issues
        super().__init__("; ".join(f"{i.path}: {i.text}" if i.path else i.text for i in issues))


def make_issue(path: str, code: str, level: Literal["error", "warning"] = "error", /, **params: Any) -> Issue:
    """Build an issue from a message code; the hint is dropped where its parameters are not known."""
    try:
        hint = HINTS.get(code, "") % params
    except KeyError:
        hint = ""
    return Issue(path=path, level=level, text=MESSAGES[code] % params, hint=hint, code=code, params=params)


def option(
    doc: str,
    default: Any = dataclasses.MISSING,
    *,
    factory: Any = dataclasses.MISSING,
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    lt: float | None = None,
    choices: tuple[str, ...] | None = None,
    pattern: str | None = None,
    max_chars: int = 200,
    max_items: int = 10,
) -> Any:
    """A dataclass field with its one-line meaning and its bounds; read by `read` and by `schema`."""
    metadata = {
        "doc": doc,
        "ge": ge,
        "gt": gt,
        "le": le,
        "lt": lt,
        "choices": choices,
        "pattern": pattern,
        "max_chars": max_chars,
        "max_items": max_items,
    }
    if factory is not dataclasses.MISSING:
        return dataclasses.field(default_factory=factory, metadata=metadata)
    if default is not dataclasses.MISSING:
        return dataclasses.field(default=default, metadata=metadata)
    return dataclasses.field(metadata=metadata)


def parse_json(data: bytes | str, max_bytes: int = 1_000_000) -> Any:
    """Parse JSON that came from outside: no duplicate keys, NaN, lone surrogates or deep nesting.

    Raises SpecError.
    """

    def no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        seen = dict(pairs)
        if len(seen) != len(pairs):
            twice = next(k for k, times in Counter(k for k, _ in pairs).items() if times > 1)
            raise SpecError([make_issue("", "duplicate_key", key=shown(twice))])
        return seen

    def no_constant(name: str) -> Any:
        raise SpecError([make_issue("", "not_json", problem=f"{name} is not a number")])

    if len(data) > max_bytes:
        raise SpecError([make_issue("", "not_json", problem="it is too long")])
    try:
        text = data.decode("utf-8") if isinstance(data, bytes) else data
        if _depth(text) > MAX_DEPTH:
            raise SpecError([make_issue("", "too_deep")])
        return json.loads(text, object_pairs_hook=no_duplicates, parse_constant=no_constant)
    except UnicodeDecodeError:
        raise SpecError([make_issue("", "not_json", problem="it is not UTF-8 text")]) from None
    except json.JSONDecodeError as error:
        problem = f"line {error.lineno}, column {error.colno}"
        raise SpecError([make_issue("", "not_json", problem=problem)]) from None
    except ValueError as error:
        if isinstance(error, SpecError):
            raise
        # int() refuses more than 4,300 digits with a plain ValueError.
        raise SpecError([make_issue("", "not_json", problem="a number is too long")]) from None


def _depth(text: str) -> int:
    """Deepest nesting of brackets outside strings."""
    deepest = level = 0
    # Nothing is tried twice, or a text of quotes that is never closed would take hours.
    for token in re.finditer(r'"(?:[^"\\]|\\.)*+"?|[\[{]|[\]}]', text, re.DOTALL):
        if token.group() in "[{":
            level += 1
            deepest = max(deepest, level)
        elif token.group() in "]}":
            level -= 1
    return deepest


def shown(value: Any) -> str:
    """A value as it may appear in a sentence: short, without control or surrogate characters."""
    text = value if isinstance(value, str) else repr(value)
    text = "".join(c if c.isprintable() else "?" for c in text)
    return text if len(text) <= 60 else text[:57] + "…"


def kind_of(value: Any) -> str:
    """The JSON type of a value, in words."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int):
        return "a whole number"
    if isinstance(value, float):
        return "a number"
    if isinstance(value, str):
        return "text"
    return "a list" if isinstance(value, list) else "an object"


_hints: dict[type, dict[str, Any]] = {}


def hints_of(cls: type) -> dict[str, Any]:
    """Types of the fields of a dataclass, resolved once."""
    if cls not in _hints:
        _hints[cls] = typing.get_type_hints(cls)
    return _hints[cls]


def read(cls: type[T], obj: Any, path: str = "", issues: list[Issue] | None = None) -> T:
    """Build dataclass `cls` from parsed JSON. Raises SpecError with every issue found below `path`."""
    own = issues is None
    found: list[Issue] = [] if issues is None else issues
    result = _read_object(cls, obj, path, found)
    if own and found:
        raise SpecError(found)
    return result


def _read_object(cls: type[T], obj: Any, path: str, issues: list[Issue]) -> T:
    prefix = f"{path}." if path else ""
    if not isinstance(obj, dict):
        issues.append(make_issue(path, "not_object", got=kind_of(obj)))
        return typing.cast(T, None)
    hints = hints_of(cls)
    fields = {f.name: f for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
    for key in obj:
        if key not in fields:
            near = difflib.get_close_matches(str(key)[:60], fields, n=1)
            params = {"key": shown(key)} | ({"near": near[0]} if near else {})
            issues.append(make_issue(prefix + shown(key), "unknown_key", **params))
    values: dict[str, Any] = {}
    for name, field in fields.items():
        if name in obj:
            values[name] = _read_value(hints[name], obj[name], field.metadata, prefix + name, issues)
        elif field.default is not dataclasses.MISSING:
            values[name] = field.default
        elif field.default_factory is not dataclasses.MISSING:
            values[name] = field.default_factory()
        else:
            issues.append(make_issue(prefix + name, "missing"))
            values[name] = None
    return cls(**values)


def _read_value(kind: Any, value: Any, meta: typing.Mapping[str, Any], path: str, issues: list[Issue]) -> Any:
    if isinstance(kind, types.UnionType):
        inner = [k for k in kind.__args__ if k is not type(None)]
        if value is None and len(inner) < len(kind.__args__):
            return None
        kind = inner[0]
    if dataclasses.is_dataclass(kind):
        return _read_object(typing.cast(type, kind), value, path, issues)
    if typing.get_origin(kind) is dict:
        return _read_texts(value, meta, path, issues)
    if typing.get_origin(kind) is tuple:
        return _read_list(value, meta, path, issues)
    if kind is Any or kind is dict:
        return value
    if kind is bool:
        if not isinstance(value, bool):
            issues.append(make_issue(path, "wrong_type", expected="true or false", got=kind_of(value)))
        return value
    if kind is int:
        return _read_number(value, meta, path, issues, whole=True)
    if kind is float:
        return _read_number(value, meta, path, issues, whole=False)
    return _read_text(value, meta, path, issues)


def _read_number(value: Any, meta: typing.Mapping[str, Any], path: str, issues: list[Issue], *, whole: bool) -> Any:
    allowed = (int,) if whole else (int, float)
    if isinstance(value, bool) or not isinstance(value, allowed):
        expected = "a whole number" if whole else "a number"
        issues.append(make_issue(path, "wrong_type", expected=expected, got=kind_of(value)))
        return value
    if not whole:
        if not math.isfinite(value) if isinstance(value, float) else abs(value) > SAFE_NUMBER:
            issues.append(make_issue(path, "not_finite"))
            return value
        value = float(value)
    for rule, code, broken in (
        ("ge", "too_small", lambda v, limit: v < limit),
        ("gt", "not_above", lambda v, limit: v <= limit),
        ("le", "too_large", lambda v, limit: v > limit),
        ("lt", "not_below", lambda v, limit: v >= limit),
    ):
        limit = meta.get(rule)
        if limit is not None and broken(value, limit):
            issues.append(make_issue(path, code, limit=limit))
            break
    return value


def _read_text(value: Any, meta: typing.Mapping[str, Any], path: str, issues: list[Issue]) -> Any:
    if not isinstance(value, str):
        issues.append(make_issue(path, "wrong_type", expected="text", got=kind_of(value)))
        return value
    choices = meta.get("choices")
    if choices is not None:
        if value not in choices:
            issues.append(make_issue(path, "not_choice", value=shown(value), choices=", ".join(choices)))
        return value
    limit = meta.get("max_chars", 200)
    if len(value) > limit:
        issues.append(make_issue(path, "text_long", limit=limit))
    pattern = meta.get("pattern")
    clean = value != "" and all(c.isprintable() for c in value)
    if not clean or (pattern is not None and re.fullmatch(pattern, value) is None):
        issues.append(make_issue(path, "bad_text"))
    return value


def _read_texts(value: Any, meta: typing.Mapping[str, Any], path: str, issues: list[Issue]) -> Any:
    """A small mapping of known keys (`choices`) to texts."""
    if not isinstance(value, dict):
        issues.append(make_issue(path, "not_object", got=kind_of(value)))
        return value
    for key, text in value.items():
        if key not in meta["choices"]:
            near = difflib.get_close_matches(str(key)[:60], meta["choices"], n=1)
            params = {"key": shown(key)} | ({"near": near[0]} if near else {})
            issues.append(make_issue(f"{path}.{shown(key)}", "unknown_key", **params))
        else:
            _read_text(text, {"max_chars": meta["max_chars"]}, f"{path}.{key}", issues)
    return dict(value)


def _read_list(value: Any, meta: typing.Mapping[str, Any], path: str, issues: list[Issue]) -> Any:
    """A short list of texts."""
    if not isinstance(value, list):
        issues.append(make_issue(path, "wrong_type", expected="a list", got=kind_of(value)))
        return value
    if len(value) > meta["max_items"]:
        issues.append(make_issue(path, "list_long", limit=meta["max_items"]))
        return ()
    for number, text in enumerate(value):
        _read_text(text, meta, f"{path}.{number}", issues)
    return tuple(value)


def plain(value: Any) -> Any:
    """A dataclass as JSON types; whole numbers in float fields become floats, so that equal specs write equal bytes."""
    if not dataclasses.is_dataclass(value):
        if isinstance(value, tuple):
            return list(value)
        return dict(value) if isinstance(value, dict) else value
    hints = hints_of(type(value))
    result = {}
    for field in dataclasses.fields(value):
        item = plain(getattr(value, field.name))
        if type(item) is int and hints[field.name] in (float, float | None):
            item = float(item)
        result[field.name] = item
    return result


def schema(cls: type) -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a dataclass made of `option` fields."""
    hints = hints_of(cls)
    properties: dict[str, Any] = {}
    required = []
    for field in dataclasses.fields(cls):
        properties[field.name] = _schema_of(hints[field.name], field)
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            required.append(field.name)
    result: dict[str, Any] = {"type": "object", "additionalProperties": False, "properties": properties}
    if required:
        result["required"] = required
    if cls.__doc__:
        result["description"] = cls.__doc__.split("\n")[0]
    return result


def _schema_of(kind: Any, field: dataclasses.Field) -> dict[str, Any]:
    meta = field.metadata
    nullable = isinstance(kind, types.UnionType)
    if nullable:
        kind = next(k for k in kind.__args__ if k is not type(None))
    if dataclasses.is_dataclass(kind):
        entry = schema(typing.cast(type, kind))
        if nullable:
            entry = {"anyOf": [entry, {"type": "null"}]}
    elif typing.get_origin(kind) is dict:
        text = {"type": "string", "minLength": 1, "maxLength": meta["max_chars"]}
        names = dict.fromkeys(meta["choices"], text)
        entry = {"type": "object", "additionalProperties": False, "properties": names}
    elif typing.get_origin(kind) is tuple:
        text = {"type": "string", "minLength": 1, "maxLength": meta["max_chars"]}
        if meta.get("choices"):
            text = {"type": "string", "enum": list(meta["choices"])}
        entry = {"type": "array", "items": text, "maxItems": meta["max_items"], "default": []}
    else:
        name = {int: "integer", float: "number", bool: "boolean", str: "string"}[kind]
        entry = {"type": [name, "null"] if nullable else name}
        words = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}
        entry |= {word: meta[rule] for rule, word in words.items() if meta.get(rule) is not None}
        if meta.get("choices"):
            entry["enum"] = [*meta["choices"], None] if nullable else list(meta["choices"])
        elif kind is str:
            entry |= {"minLength": 1, "maxLength": meta["max_chars"]}
            if meta.get("pattern"):
                entry["pattern"] = f"^{meta['pattern']}$"
    if meta.get("doc"):
        entry["description"] = meta["doc"]
    if field.default is not dataclasses.MISSING:
        entry["default"] = field.default
    return entry
