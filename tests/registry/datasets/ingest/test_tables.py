"""Tables: rows and columns counted right, and the first fault with its row, column or line."""

import csv
import io
import json

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from registry.datasets.ingest import contract
from tests.registry.datasets.ingest.looking import look_at, short


def warnings(report) -> dict[str, dict]:
    return {one.code: one.params for one in report.warnings}


def columns(report) -> dict[str, dict]:
    return {one["name"]: one for one in report.profile["columns"]}


def test_quotes_between_tabs_may_be_letters(look):
    report = look(b'label\ttext\nham\t"Wen u" gdeve..\nspam\t"win\nham\tok "\n', "sms.tsv")
    assert report.ok, report.refusal
    assert (report.profile["rows"], report.profile["quotes"]) == (3, False)
    assert report.profile["examples"][0] == {"label": "ham", "text": '"Wen u" gdeve..'}
    assert "quotes_are_letters" in warnings(report)
    quoted = look(b'label\ttext\nham\t"a\tb"\nspam\tc\n', "sms.tsv")
    assert quoted.profile["quotes"] and quoted.profile["examples"][0]["text"] == "a\tb"
    ragged = look(b'label\ttext\nham\t"Wen u" gdeve..\nspam\n', "sms.tsv")
    assert (ragged.refusal.code, ragged.refusal.where["row"]) == ("ragged_row", 3)


def test_a_first_row_that_repeats_below_is_no_header(look):
    report = look(b"ham\tOk lar\nspam\tWin\nham\tBye\nspam\tPay\n", "sms.tsv")
    assert "header_looks_like_data" in warnings(report)
    assert "header_looks_like_data" not in warnings(look(REVIEWS, "reviews.csv"))


# --- CSV --------------------------------------------------------------------------------------------------------------

REVIEWS = b"""text,stars,score,spam,label
"Good, really",5,0.9,false,pos
Bad,1,0.1,true,neg
"Two
lines",3,0.5,false,pos
,4,1e-1,false,neg
"""


def test_profile_of_a_csv(look):
    report = look(REVIEWS, "reviews.csv")
    assert report.ok
    profile, by_name = report.profile, columns(report)
    assert (profile["kind"], profile["rows"], profile["delimiter"], profile["encoding"]) == ("csv", 4, ",", "utf-8")
    assert {name: one["type"] for name, one in by_name.items()} == {
        "text": "text",
        "stars": "integer",
        "score": "number",
        "spam": "boolean",
        "label": "category",
    }
    assert (by_name["text"]["missing"], by_name["text"]["distinct"], by_name["text"]["max_chars"]) == (1, 3, 12)
    assert (by_name["stars"]["min"], by_name["stars"]["max"], by_name["stars"]["mean"]) == (1, 5, 3.25)
    assert profile["label_candidates"] == ["spam", "label"]
    assert profile["classes"]["label"] == {"pos": 2, "neg": 2}
    assert profile["examples"][2] == {
        "text": "Two\nlines",
        "stars": "3",
        "score": "0.5",
        "spam": "false",
        "label": "pos",
    }
    assert profile["bytes"] == len(REVIEWS)
    assert sum(profile["lengths"]["counts"]) == 4


@pytest.mark.parametrize(
    ("data", "code", "where"),
    [
        (b"a,b\n1,2\n1,2,3\n", "ragged_row", {"row": 3, "line": 3}),
        (b"a,b\n1\n", "ragged_row", {"row": 2, "line": 2}),
        (b'a,b\n"x\ny",2\n1\n', "ragged_row", {"row": 3, "line": 4}),
        (b'a,b\n1,2\n1,"open\nx,y\n', "unclosed_quote", {"row": 3, "line": 3}),
        (b'a,b\n1,"so "called" it"\n', "stray_quote", {"row": 2, "line": 2}),
        (b"a,,c\n1,2,3\n", "header_empty", {"row": 1, "line": 1, "column": 2}),
        (b"a,b, \n1,2,3\n", "header_empty", {"row": 1, "line": 1, "column": 3}),
        (b"\na,b\n1,2\n", "header_empty", {"row": 1, "line": 1, "column": 1}),
        (b"a,b,a\n1,2,3\n", "header_duplicate", {"row": 1, "line": 1, "column": 3}),
        (b"a,b, a\n1,2,3\n", "header_duplicate", {"row": 1, "line": 1, "column": 3}),
        (b"a,b\n", "no_rows", {}),
        (b"a,b", "no_rows", {}),
        (b"a,b\n\n\n", "no_rows", {}),
        (b"\n\n", "only_blank", {}),
        (b"a,b\n1,\0\n", "nul_character", {"row": 2, "line": 2, "offset": 6}),
        (b"a,b\n" + b"x,y\n" * 9 + b"x,\xff\x81\n", "not_utf8", {"row": 11, "line": 11, "offset": 42}),
        ("a,b\nü,1\n".encode() + b"\xfc,2\n", "mixed_encoding", {"row": 3, "line": 3, "offset": 9}),
        ("名字,标签\n这个很好,1\n".encode("gb18030"), "legacy_encoding", {"row": 1, "line": 1, "offset": 0}),
        (b"a,\xe2\x80\xaeb\n1,2\n", "name_characters", {"row": 1, "line": 1, "column": 2}),
        (b'a,"b\nc"\n1,2\n', "name_characters", {"row": 1, "line": 1, "column": 2}),
        (b"a," + b"b" * 201 + b"\n1,2\n", "name_too_long", {"row": 1, "line": 1, "column": 2}),
    ],
    ids=short,
)
def test_the_first_fault_of_a_csv(refusal, data, code, where):
    assert refusal(data, "a.csv") == (code, where)


def test_the_earlier_fault_is_named_although_a_later_line_is_not_text(refusal):
    assert refusal(b"a,b\n1,2,3\n1,\xff\x81\n", "a.csv") == ("ragged_row", {"row": 2, "line": 2})


def test_ragged_row_says_what_was_expected(look):
    refusal = look(b"a,b\n1,2,3\n", "a.csv").refusal
    assert refusal.params == {"found": 3, "expected": 2}
    assert refusal.message() == "Row 2 has 3 cells where the header has 2 (line 2)."
    assert refusal.remedy().startswith("Put text")
    alone = look(b"a,b\n1,2\n3\n", "a.csv").refusal
    assert alone.message() == "Row 3 has 1 cell where the header has 2 (line 3)."


def test_caps_of_a_csv(refusal):
    many = ",".join(f"c{n}" for n in range(100_000)).encode()
    assert refusal(many + b"\n", "a.csv") == ("too_many_columns", {"row": 1, "line": 1})
    assert refusal(b"a,b\n" + b"1,2\n" * 20, "a.csv", max_rows=19)[0] == "too_many_rows"
    assert look_at(b"a,b\n" + b"1,2\n" * 20, "a.csv", max_rows=20).ok
    wide = b"a,b\n1,2\n1," + b"x" * 5000 + b"\n"
    assert refusal(wide, "a.csv", max_field_bytes=4999) == ("field_too_big", {"row": 3, "line": 3})
    assert look_at(wide, "a.csv", max_field_bytes=5000).ok
    accents = b"a,b\n1," + "é".encode() * 2600 + b"\n"
    assert refusal(accents, "a.csv", max_field_bytes=5000) == ("field_too_big", {"row": 2, "line": 2})
    assert refusal(wide, "a.csv", max_line_bytes=4000) == ("line_too_long", {"row": 3, "line": 3})


def test_an_unclosed_quote_is_found_before_all_is_swallowed(refusal):
    data = b'a,b\n1,"open\n' + b"some,row\n" * 200_000
    assert refusal(data, "a.csv") == ("unclosed_quote", {"row": 2, "line": 2})


@pytest.mark.parametrize(("delimiter", "name"), [(";", "a.csv"), ("\t", "a.tsv"), ("|", "a.csv")])
def test_other_separators(look, delimiter, name):
    report = look(f"a{delimiter}b\n1,5{delimiter}x\n2,5{delimiter}y\n".encode(), name)
    assert (report.profile["delimiter"], list(columns(report))) == (delimiter, ["a", "b"])
    assert warnings(report) == {"decimal_comma": {"column": "a"}}


def test_one_class_is_sound_data_with_a_warning(look):
    report = look(b"text,label\na,pos\nb,pos\n", "a.csv")
    assert report.ok
    assert report.profile["label_candidates"] == []
    assert warnings(report) == {"one_value": {"column": "label"}}


def test_warnings_of_a_csv(look):
    report = look(b"a ,b,3\n1,Cat,\n1,Cat,\n\n2,cat,\n3,dog,x\n3,dog,y\n", "a.csv")
    assert warnings(report) == {
        "header_spaces": {"column": "a "},
        "header_looks_like_data": {},
        "blank_rows": {"count": 1},
        "duplicate_rows": {"count": 1},
        "mostly_missing": {"column": "3", "percent": 60},
        "labels_differ_by_case": {"column": "b", "first": "Cat", "second": "cat"},
    }
    assert (report.profile["rows"], columns(report)["3"]["missing"]) == (5, 3)


def test_mark_old_line_ends_and_empty_cells(look):
    report = look(b"\xef\xbb\xbfa,b\r1,\r2,x\r", "a.csv")
    assert (report.profile["rows"], report.profile["encoding"], list(columns(report))) == (2, "utf-8-sig", ["a", "b"])
    assert columns(report)["b"]["missing"] == 1
    assert "lone_cr" in warnings(report)


def test_formulas_and_markup_are_kept_as_they_are(look):
    report = look(b"a,b\n=cmd|' /C calc'!A0,<script>alert(1)</script>\n", "a.csv")
    assert report.profile["examples"] == [{"a": "=cmd|' /C calc'!A0", "b": "<script>alert(1)</script>"}]


def test_distinct_values_are_counted_up_to_a_bound(look):
    rows = "\n".join(f"{n},x" for n in range(12_000))
    one = columns(look(f"id,b\n{rows}\n".encode(), "a.csv"))["id"]
    assert (one["distinct"], one["distinct_more"]) == (10_000, True)


def test_examples_stay_small(look):
    header = ",".join(f"c{n}" for n in range(500))
    cells = ",".join(["x" * 400] * 500)
    examples = look(f"{header}\n{cells}\n".encode(), "a.csv").profile["examples"]
    assert len(examples[0]["c0"]) == contract.CELL_CHARS
    assert 10 < len(examples[0]) < 100


CELL = st.text(alphabet=st.characters(categories=["L", "N", "P", "Zs"], include_characters="\n\r,;\"'\t"), max_size=12)
NAMES = st.lists(
    st.text(alphabet="abcdefghijklmnopqrstuvwxyz_äö中文", min_size=1, max_size=9), min_size=2, max_size=6, unique=True
)


@settings(max_examples=60, deadline=None, database=None)
@given(st.data(), NAMES, st.integers(1, 30), st.sampled_from([",", ";", "\t"]), st.sampled_from(["\n", "\r\n"]))
def test_whatever_the_csv_module_writes_is_counted_right(data, names, n, delimiter, end):
    rows = data.draw(st.lists(st.lists(CELL, min_size=len(names), max_size=len(names)), min_size=n, max_size=n))
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerows([names, *rows])
    report = look_at(file.getvalue().encode(), "a.csv")
    assert report.ok, report.refusal
    assert report.profile["delimiter"] == delimiter
    assert report.profile["rows"] == n
    found = columns(report)
    assert list(found) == names
    for at, name in enumerate(names):
        present = [row[at] for row in rows if row[at].strip()]
        assert found[name]["missing"] == n - len(present)
        assert found[name]["distinct"] == len(set(present))
        assert found[name]["max_chars"] == max(map(len, present), default=0)
        if name in report.profile["classes"]:
            assert sum(report.profile["classes"][name].values()) == len(present)


# --- JSON lines -------------------------------------------------------------------------------------------------------


def test_profile_of_json_lines(look):
    lines = [
        {"text": "Good", "stars": 5, "score": 0.5, "spam": False, "label": "pos", "tags": ["a"]},
        {"text": "Bad", "stars": 1, "score": 1, "spam": True, "label": "neg", "tags": []},
        {"text": None, "stars": 3, "score": 2.5, "spam": False, "label": "pos", "tags": ["b", {"c": 1}]},
        {"text": "Äh", "stars": 2, "score": 1.5, "spam": False, "label": "neg", "tags": ["a"]},
    ]
    report = look("\n\n".join(json.dumps(one) for one in lines).encode(), "a.jsonl")
    assert report.ok
    by_name = columns(report)
    assert {name: one["type"] for name, one in by_name.items()} == {
        "text": "text",
        "stars": "integer",
        "score": "number",
        "spam": "boolean",
        "label": "category",
        "tags": "nested",
    }
    assert (report.kind, report.profile["rows"], by_name["text"]["missing"]) == ("jsonl", 4, 1)
    assert report.profile["label_candidates"] == ["spam", "label"]
    assert report.profile["classes"]["spam"] == {"false": 3, "true": 1}
    assert report.profile["examples"][0] == {**lines[0], "tags": '["a"]'}
    assert warnings(report) == {}


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b'{"a": 1', "json_invalid"),
        (b"{'a': 1}", "json_invalid"),
        (b'{"a": 1} {"a": 2}', "json_invalid"),
        (b'{"a": "\t"}', "json_invalid"),
        (b"[1, 2]", "json_not_object"),
        (b'"text"', "json_not_object"),
        (b"null", "json_not_object"),
        (b'{"a": ' + b"[" * 32 + b"]" * 32 + b"}", "json_too_deep"),
        (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "json_too_deep"),
        (b'{"a": 1, "a": 2}', "json_duplicate_key"),
        (b'{"a": {"b": 1, "b": 2}}', "json_duplicate_key"),
        (b'{"a": NaN}', "json_not_finite"),
        (b'{"a": [-Infinity]}', "json_not_finite"),
        (b'{"a": 1e400}', "json_not_finite"),
        (b'{"a": 9223372036854775808}', "json_number_too_big"),
        (b'{"a": [' + b"9" * 4000 + b"]}", "json_number_too_big"),
        (b'{"a": ' + b"9" * 5000 + b"}", "json_number_too_big"),
        (b'{"a": "\\ud800"}', "json_bad_character"),
        (b'{"\\udfff": 1}', "json_bad_character"),
        (b'{"a": ["x", "\\u0000"]}', "nul_character"),
        (b'{"": 1}', "json_empty_key"),
        (b'{"a\\u202eb": 1}', "name_characters"),
        (b'{"' + b"k" * 201 + b'": 1}', "name_too_long"),
    ],
    ids=short,
)
def test_the_first_fault_of_json_lines(refusal, line, code):
    found, where = refusal(b'{"a": 1}\n\n{"a": 2}\n' + line + b'\n{"a": 3}\n', "a.jsonl")
    assert (found, where["line"]) == (code, 4)


def test_the_character_of_a_json_fault(look):
    assert look(b'{"a": 1}\n{"a" 1}\n', "a.jsonl").refusal.params == {"character": 6}


def test_depth_of_32_is_accepted(look):
    assert look(b'{"a": ' + b"[" * 31 + b"]" * 31 + b"}\n", "a.jsonl").ok
    assert look(b'{"a": "' + b"[{" * 100 + b'"}\n', "a.jsonl").ok


def test_other_faults_of_json_lines(refusal):
    assert refusal(b"\n\n", "a.jsonl")[0] == "only_blank"
    assert refusal(b"{}\n{}\n", "a.jsonl")[0] == "no_keys"
    assert refusal(b'{"a": 1}\r{"a": 2}\r', "a.jsonl")[0] == "json_line_ends"
    assert refusal(b'{"a": 1}\n{"a": "' + b"x" * 2000 + b'"}', "a.jsonl", max_line_bytes=1000)[1] == {"line": 2}
    assert refusal(b'{"a": 1}\n' * 9, "a.jsonl", max_rows=8) == ("too_many_rows", {"line": 9})
    keys = json.dumps({f"k{n}": 1 for n in range(50)}).encode()
    assert refusal(keys, "a.jsonl", max_columns=49) == ("too_many_columns", {"line": 1})
    assert refusal(b'{"a": 1}\n{"b": "' + b"x" * 50 + b'"}', "a.jsonl", max_field_bytes=49) == (
        "field_too_big",
        {"row": 2, "column": "b", "line": 2},
    )
    assert refusal(b'{"a": 1}\n{"a": "\xff\x81"}', "a.jsonl") == ("not_utf8", {"line": 2, "offset": 16})


def test_warnings_of_json_lines(look):
    report = look(b'{"a": 1, "b": "x"}\n{"a": "1"}\n{"a": true, "b": "x", "c": 1}\n', "a.jsonl")
    assert warnings(report) == {
        "keys_differ": {"count": 2},
        "mixed_types": {"column": "a", "types": "boolean, integer, text"},
        "one_value": {"column": "b"},
        "mostly_missing": {"column": "c", "percent": 66},
    }


def test_keys_that_mean_something_to_browsers_are_only_names(look):
    report = look(b'{"__proto__": {"polluted": 1}, "constructor": "x", "label": 1}\n' * 2, "a.jsonl")
    assert list(columns(report)) == ["__proto__", "constructor", "label"]


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=10),
    st.lists(st.integers(0, 9), max_size=3),
)


@settings(max_examples=60, deadline=None, database=None)
@given(
    st.lists(st.dictionaries(st.sampled_from(["a", "b", "ü", "label"]), VALUES, max_size=4), min_size=1, max_size=30),
    st.booleans(),
)
def test_whatever_the_json_module_writes_is_counted_right(rows, ascii_only):
    keys = list(dict.fromkeys(name for row in rows for name in row))
    assume(keys)
    text = "".join(json.dumps(row, ensure_ascii=ascii_only) + "\n" for row in rows)
    report = look_at(text.encode(), "a.jsonl")
    assert report.ok, report.refusal
    assert report.profile["rows"] == len(rows)
    found = columns(report)
    assert list(found) == keys
    for name in keys:
        present = [row[name] for row in rows if row.get(name) is not None and str(row[name]).strip()]
        assert found[name]["missing"] == len(rows) - len(present)
        as_text = [one if isinstance(one, str) else json.dumps(one, ensure_ascii=False) for one in present]
        assert found[name]["distinct"] == len(set(as_text))
