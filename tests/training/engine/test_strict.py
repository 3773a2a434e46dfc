"""The strict reader by itself: every kind of field with every kind of value, and the schema that says the same."""

# ruff: noqa: RUF009  option() builds a dataclasses.field

import dataclasses
import json
import math
import re
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training.engine.conftest import tiny
from training.engine.contract import TASKS, Spec, spec_schema
from training.engine.messages import MESSAGES
from training.engine.strict import (
    Issue,
    SpecError,
    kind_of,
    make_issue,
    option,
    parse_json,
    plain,
    read,
    schema,
    shown,
)

quick = settings(max_examples=60, deadline=None, derandomize=True)


@dataclasses.dataclass(frozen=True)
class Inner:
    """What stands inside."""

    share: float = option("A share", 0.5, gt=0, lt=1)
    code: str | None = option("A code", None, pattern="[a-z]{2}", max_chars=5)


@dataclasses.dataclass(frozen=True)
class Outer:
    """What is read.

    Of which only the first line is told.
    """

    count: int = option("A count", ge=1, le=9)
    on: bool = option("A switch", False)
    word: str = option("A word", "a", choices=("a", "b"))
    name: str = option("A name", "x", max_chars=4)
    maybe: int | None = option("Perhaps a number", None, ge=-2)
    ratio: float | None = option("Perhaps a ratio", None, ge=0, le=2)
    inner: Inner = option("The inner one", factory=Inner)
    other: Inner | None = option("Perhaps another", None)
    texts: dict[str, str] = option("Texts by key", factory=dict, choices=("one", "two"), max_chars=3)
    words: tuple[str, ...] = option("Words", factory=tuple, choices=("a", "b", "c"), max_items=2)
    names: tuple[str, ...] = option("Names", factory=tuple, max_items=3, max_chars=4)
    free: dict = dataclasses.field(default_factory=dict)  # read as it is


@dataclasses.dataclass(frozen=True)
class Bare(Outer):
    """The fields that a schema tells of."""

    free: str = option("Replaces what is read as it is", "x")


def codes(obj: Any, cls: type = Outer) -> list[tuple[str, str]]:
    try:
        read(cls, obj)
    except SpecError as error:
        return [(issue.path, issue.code) for issue in error.issues]
    return []


BIG = 2**53
GOOD: list[tuple[str, Any]] = [
    *(("count", value) for value in (1, 9)),
    *(("on", value) for value in (True, False)),
    *(("word", value) for value in ("a", "b")),
    *(("name", value) for value in ("猫", "abcd", " ", "a b")),
    *(("maybe", value) for value in (None, -2, 10**30)),
    *(("ratio", value) for value in (None, 0, 2, 0.0, 2.0, 1e-300)),
    *(("inner", value) for value in ({}, {"share": 0.1}, {"code": None}, {"code": "ab"})),
    *(("other", value) for value in (None, {}, {"share": 0.9, "code": "zz"})),
    *(("texts", value) for value in ({}, {"one": "abc"}, {"two": "x", "one": "y"})),
    *(("words", value) for value in ([], ["a"], ["c", "b"])),
    *(("names", value) for value in ([], ["abcd", "猫", "x"])),
    *(("free", value) for value in ({}, {"any": [1, {"thing": None}]})),
]
BAD: list[tuple[str, Any, str, str]] = [  # field, value, path below the field, code
    *(("count", value, "", "wrong_type") for value in (None, True, False, 1.0, "1", [], {}, [1])),
    *(("count", value, "", code) for value, code in ((0, "too_small"), (-(10**400), "too_small"), (10, "too_large"))),
    *(("on", value, "", "wrong_type") for value in (None, 0, 1, "true", "", [], 0.0)),
    *(("word", value, "", "not_choice") for value in ("", "A", "c", "a ", "a\n", "\ud800")),
    *(("word", value, "", "wrong_type") for value in (None, 1, ["a"], True)),
    *(("name", value, "", "bad_text") for value in ("", "a\n", "\x00", "\ud800", "a\u2028", "\u200e", "\x7f")),
    *(("name", value, "", "text_long") for value in ("abcde", "猫" * 5)),
    *(("maybe", value, "", "wrong_type") for value in ("", False, 1.5)),
    ("maybe", -3, "", "too_small"),
    *(("ratio", value, "", "wrong_type") for value in ("1", True, [], {})),
    *(("ratio", value, "", "not_finite") for value in (math.nan, math.inf, -math.inf, BIG + 1, -BIG - 1, 10**400)),
    *(("ratio", value, "", code) for value, code in ((-0.1, "too_small"), (2.1, "too_large"), (BIG, "too_large"))),
    *(("inner", value, "", "not_object") for value in (None, [], "x", 1, True)),
    *(("inner", {"share": value}, ".share", code) for value, code in ((0, "not_above"), (1, "not_below"))),
    *(("inner", {"code": value}, ".code", "bad_text") for value in ("", "a", "abc", "AB", "ab\n", "xab")),
    ("inner", {"shares": 0.5}, ".shares", "unknown_key"),
    *(("other", value, "", "not_object") for value in ([], "", 0, False)),
    ("other", {"share": None}, ".share", "wrong_type"),
    *(("texts", value, "", "not_object") for value in (None, [], "one", 1)),
    ("texts", {"three": "x"}, ".three", "unknown_key"),
    *(("texts", {"one": value}, ".one", code) for value, code in ((1, "wrong_type"), ("", "bad_text"))),
    ("texts", {"one": "abcd"}, ".one", "text_long"),
    *(("words", value, "", "wrong_type") for value in (None, "a", {"a": 1}, 1)),
    ("words", ["a", "b", "c"], "", "list_long"),
    *(("words", ["a", value], ".1", code) for value, code in (("d", "not_choice"), (1, "wrong_type"))),
    *(("names", ["x", value, "y"], ".1", "bad_text") for value in ("", "\t")),
    ("names", ["abcde"], ".0", "text_long"),
]


@pytest.mark.parametrize(("field", "value"), GOOD)
def test_what_fits_is_read_and_written_again(field: str, value: Any) -> None:
    made = read(Outer, {"count": 1} | {field: value})
    told = plain(made)
    assert read(Outer, json.loads(json.dumps(told))) == made
    if field not in ("inner", "other") or value is None:
        assert told[field] == value
    assert isinstance(made.ratio, float | None) and isinstance(made.words, tuple)


@pytest.mark.parametrize(("field", "value", "below", "code"), BAD)
def test_what_does_not_fit_is_named_at_its_place_alone(field: str, value: Any, below: str, code: str) -> None:
    assert codes({"count": 1} | {field: value}) == [(field + below, code)]


def test_a_whole_number_is_written_as_its_field_has_it() -> None:
    """However it was made, so that equal specs are equal bytes."""
    told = plain(Outer(count=1, maybe=2, ratio=2, inner=Inner(share=0)))
    assert [type(told[name]) for name in ("count", "maybe", "ratio")] == [int, int, float]
    assert type(told["inner"]["share"]) is float


@pytest.mark.parametrize("obj", [None, [], "x", 1, 1.5, True])
def test_what_is_no_object_is_told_by_its_kind(obj: Any) -> None:
    with pytest.raises(SpecError) as caught:
        read(Outer, obj)
    (issue,) = caught.value.issues
    assert (issue.path, issue.code, issue.params) == ("", "not_object", {"got": kind_of(obj)})
    assert str(caught.value) == issue.text == f"Expected an object with named fields, got {kind_of(obj)}."


def test_kinds_of_json_have_names() -> None:
    values = (None, True, 1, 1.5, "x", [], {})
    names = ("nothing", "true or false", "a whole number", "a number", "text", "a list", "an object")
    assert tuple(map(kind_of, values)) == names


def test_all_faults_are_told_in_the_order_of_what_is_read() -> None:
    obj = {"counts": 1, "inner": {"share": 2, "kode": 1}, "words": ["x", "y"], "texts": {"won": 1, "two": 2}}
    assert codes(obj) == [
        *(("counts", "unknown_key"), ("count", "missing"), ("inner.kode", "unknown_key"), ("inner.share", "not_below")),
        *(("texts.won", "unknown_key"), ("texts.two", "wrong_type"), ("words.0", "not_choice")),
        ("words.1", "not_choice"),
    ]


@pytest.mark.parametrize(
    ("obj", "path", "hint"),
    [
        ({"count": 1, "cuont": 2}, "cuont", "Did you mean “count”?"),
        ({"count": 1, "zzzzzz": 2}, "zzzzzz", ""),
        ({"count": 1, "texts": {"twoo": "x"}}, "texts.twoo", "Did you mean “two”?"),
        ({"count": 1, "texts": {"zzz": "x"}}, "texts.zzz", ""),
        ({"count": 1, "word": "c"}, "word", "Choose one of: a, b."),
        ({"count": 1, "\x00\n": 2}, "??", ""),
        ({"count": 1, "k" * 99: 2}, "k" * 57 + "…", ""),
    ],
)
def test_the_remedy_is_named_where_there_is_one(obj: Any, path: str, hint: str) -> None:
    with pytest.raises(SpecError) as caught:
        read(Outer, obj)
    (issue,) = caught.value.issues
    assert (issue.path, issue.hint) == (path, hint)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *(("a", "a"), ("猫", "猫"), (1.5, "1.5"), (None, "None"), ("a\tb\x00", "a?b?"), ("\ud800", "?"), ("", "")),
        *(
            ("x" * 60, "x" * 60),
            ("x" * 61, "x" * 57 + "…"),
            ([1] * 99, "[" + "1, " * 18 + "1,…"),
        ),
    ],
)
def test_a_value_in_a_sentence_is_short_and_plain(value: Any, text: str) -> None:
    assert shown(value) == text


@pytest.mark.parametrize("code", sorted(MESSAGES))
def test_every_sentence_is_one_with_named_places_alone(code: str) -> None:
    names = re.findall(r"%\((\w+)\)s", MESSAGES[code])
    said = MESSAGES[code] % {name: f"<{name}>" for name in names}
    assert "%" not in said.replace("50 %", "")
    assert [name for name in names if f"<{name}>" not in said] == []
    assert (
        said[0].isupper()
        or said[0] in "<“"
        or said.startswith(("config.json", "tokenizer.json", "model.safet", "preprocessor_config.json"))
    )


def test_an_issue_is_its_template_with_its_parameters() -> None:
    issue = make_issue("a.b", "too_small", "warning", limit=3)
    assert issue == Issue("a.b", "warning", "Must be at least 3.", "", "too_small", {"limit": 3})
    assert issue.to_json() == vars(issue)
    assert str(SpecError([issue, make_issue("", "too_deep")])) == (
        "a.b: Must be at least 3.; The document is nested too deeply."
    )


# -- the schema says what the reader does


def test_a_schema_word_by_word() -> None:
    made = schema(Bare)
    assert (made["description"], made["required"], made["additionalProperties"]) == (
        "The fields that a schema tells of.",
        ["count"],
        False,
    )
    of = made["properties"]
    assert of["count"] == {"type": "integer", "minimum": 1, "maximum": 9, "description": "A count"}
    assert of["on"] == {"type": "boolean", "description": "A switch", "default": False}
    assert of["word"] == {"type": "string", "enum": ["a", "b"], "description": "A word", "default": "a"}
    assert of["maybe"]["type"] == ["integer", "null"] and of["maybe"]["default"] is None
    inner = of["inner"]["properties"]
    assert inner["share"]["exclusiveMinimum"] == 0 and inner["share"]["exclusiveMaximum"] == 1
    assert inner["code"]["pattern"] == "^[a-z]{2}$" and inner["code"]["maxLength"] == 5
    assert of["other"]["anyOf"] == [schema(Inner), {"type": "null"}]
    assert of["words"]["items"] == {"type": "string", "enum": ["a", "b", "c"]} and of["words"]["maxItems"] == 2
    assert of["names"]["items"] == {"type": "string", "minLength": 1, "maxLength": 4}
    assert set(of["texts"]["properties"]) == {"one", "two"} and of["texts"]["additionalProperties"] is False


VALIDATOR = jsonschema.Draft202012Validator(schema(Bare))
SPECS = jsonschema.Draft202012Validator(spec_schema())
# What a schema cannot say, or says by another measure.
UNTOLD = {"bad_text", "not_finite"}


@pytest.mark.parametrize(("field", "value", "below", "code"), [row for row in BAD if row[3] not in UNTOLD])
def test_what_the_reader_refuses_the_schema_does_not_have(field: str, value: Any, below: str, code: str) -> None:
    valid = VALIDATOR.is_valid({"count": 1} | {field: value})
    assert valid == (type(value) is float and value.is_integer() and field == "count")  # 1.0 is a JSON integer


@pytest.mark.parametrize(("field", "value"), [row for row in GOOD if row[0] != "free"])
def test_what_the_reader_takes_the_schema_has(field: str, value: Any) -> None:
    VALIDATOR.validate({"count": 1} | {field: value})


values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 20),
    st.sampled_from(
        [0.5, 1.5, -1.0, 1e9, "", "x", "cosine", "zh", "auto", "bpe", [], ["zh"], ["x"], {}, {"text": "a"}]
    ),
)


@settings(max_examples=250, deadline=None, derandomize=True)
@given(task=st.sampled_from(sorted(TASKS)), pick=st.randoms(use_true_random=False), value=values)
def test_no_spec_is_read_that_the_schema_refuses(task: str, pick: Any, value: Any) -> None:
    """Any one value of a spec, its sections too, becomes another one."""
    obj = Spec.from_json(tiny(task)).to_json()
    section = obj
    while True:
        key = pick.choice(sorted(section))
        if not isinstance(section[key], dict) or not section[key] or pick.random() < 0.1:
            break
        section = section[key]
    section[key] = value
    try:
        Spec.from_json(obj)
    except SpecError as error:
        assert all(issue.text == MESSAGES[issue.code] % issue.params for issue in error.issues)
        return
    SPECS.validate(obj)


def test_a_list_of_choices_is_one_in_the_schema_too() -> None:
    spec = tiny("text-classification", data__clean={"languages": ["en", "xx"]})
    assert not SPECS.is_valid(spec)
    spec["data"]["clean"]["languages"] = ["en"]
    SPECS.validate(spec)


# -- what comes from outside takes no longer than it is long


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('"' + '\\"' * 490_000, "not_json"),  # a text of quotes that is never closed
        ('["' + '\\"' * 490_000 + '"]', None),
        ('"' + "\\" * 900_001, "not_json"),
        ("{" + ",".join(f'"{n}":1' for n in range(80_000)) + ',"z":1,"z":2}', "duplicate_key"),
        ("{" + ",".join(f'"{n}":1' for n in range(80_000)) + "}", None),
        ("[]" * 400_000, "not_json"),
        ('"[' * 400_000, "too_deep"),  # every other bracket is in a text
    ],
    ids=["open", "closed", "slashes", "twice", "once", "flat", "quotes"],
)
def test_a_megabyte_is_read_or_refused_in_one_go(text: str, code: str | None) -> None:
    """At the square of its length each of them would take from minutes to hours."""
    if code is None:
        parse_json(text)
        return
    with pytest.raises(SpecError) as caught:
        parse_json(text)
    assert [issue.code for issue in caught.value.issues] == [code]


@pytest.mark.parametrize(
    ("text", "params"),
    [
        ('{"a": 1, "b": 2, "b": 3, "a": 4}', {"key": "a"}),
        ('{"x": {"k\\n": 1, "k\\n": 2}}', {"key": "k?"}),
        ("[NaN]", {"problem": "NaN is not a number"}),
        ("[-Infinity]", {"problem": "-Infinity is not a number"}),
        ("[1,\n 2,]", {"problem": "line 2, column 4"}),
        (b"[\xff]", {"problem": "it is not UTF-8 text"}),
        ("\ufeff[]", {"problem": "line 1, column 1"}),
        ("1" * 5_000, {"problem": "a number is too long"}),
        (" " * 1_000_001, {"problem": "it is too long"}),
    ],
)
def test_what_is_wrong_with_json_is_said(text: str | bytes, params: dict[str, str]) -> None:
    with pytest.raises(SpecError) as caught:
        parse_json(text)
    assert caught.value.issues[0].params == params


@quick
@given(st.text('[]{}"\\a', max_size=30))
def test_nesting_is_counted_as_the_parser_counts_it(text: str) -> None:
    """Against a walk through what is whole JSON, wrapped in as many lists as are still allowed."""

    def depth(obj: Any) -> int:
        inner = obj.values() if isinstance(obj, dict) else obj if isinstance(obj, list) else None
        return 0 if inner is None else 1 + max(map(depth, inner), default=0)

    try:
        own = depth(json.loads(text))
    except ValueError:
        return
    room = 32 - own
    parse_json("[" * room + text + "]" * room)
    with pytest.raises(SpecError):
        parse_json("[" * (room + 1) + text + "]" * (room + 1))
