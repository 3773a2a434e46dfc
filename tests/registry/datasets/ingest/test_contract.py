"""What parent and child say to each other, and what people read."""

import json

import pytest

from registry.datasets.ingest import contract
from registry.datasets.ingest.contract import FORMATS, MESSAGES, WARNINGS, Limits, Notice, Refusal, RefusedError, Report
from tests.registry.datasets.ingest.looking import places, short

GOOD = Report(ok=True, kind="csv", profile={"rows": 1}, warnings=(Notice("lone_cr"),), confinement=("cpu",))
BAD = Report(ok=False, refusal=Refusal("ragged_row", {"found": 3, "expected": 2}, {"row": 7, "line": 9}))


@pytest.mark.parametrize("report", [GOOD, BAD])
def test_reports_survive_json(report):
    assert Report.from_json(report.to_json()) == report


@pytest.mark.parametrize(
    "change",
    [
        {"ok": 1},
        {"kind": "orc"},
        {"kind": None},
        {"profile": None},
        {"profile": [1]},
        {"refusal": {"code": "ragged_row"}},
        {"warnings": [{"code": "made up", "params": {}}]},
        {"warnings": [{"code": "lone_cr", "params": 3}]},
        {"warnings": 3},
        {"more": 1},
        {"seconds": "long"},
        {"peak_rss_bytes": None},
        {"profile": {"a": ["\0"]}},
        {"profile": {"\ud800": 1}},
    ],
)
def test_what_a_sound_child_never_says(change):
    with pytest.raises(ValueError):
        Report.from_dict({**json.loads(GOOD.to_json()), **change})


@pytest.mark.parametrize("junk", ["", "null", "[]", "{}", "3", "[" * 100_000, '{"ok": true}', b"\xff"], ids=short)
def test_junk_is_no_report(junk):
    with pytest.raises(ValueError):
        Report.from_json(junk)


@pytest.mark.parametrize(
    "refusal", [{"code": "made up"}, {"code": "empty", "params": 1}, {"code": "empty", "more": 1}, 1]
)
def test_refusals_that_do_not_exist(refusal):
    with pytest.raises(ValueError):
        Report.from_dict({**json.loads(BAD.to_json()), "refusal": refusal})


def test_limits_are_data():
    limits = Limits.from_dict({"max_rows": 10})
    assert (limits.max_rows, limits.max_columns) == (10, Limits().max_columns)
    assert Limits.from_dict(json.loads(json.dumps(limits.to_dict()))) == limits
    for wrong in ({"max_rowz": 1}, {"max_rows": 0}, {"max_rows": "9"}, {"max_rows": True}, {"wall_s": float("nan")}):
        with pytest.raises(ValueError):
            Limits.from_dict(wrong)


def test_every_code_has_its_sentences_and_a_category():
    assert set(MESSAGES) >= contract._KIND_CODES | contract._SIZE_CODES | contract._SYSTEM_CODES
    for code, (message, remedy) in MESSAGES.items():
        assert message.endswith(".") and remedy.endswith("."), code
        assert Refusal(code).category in {"kind", "size", "content", "system"}
        assert Refusal(code).message() and Refusal(code).remedy()  # also when nothing is known
    for sentence in WARNINGS.values():
        assert sentence.endswith(".")


def test_every_code_is_used():
    """A code nobody raises is a sentence nobody can read."""
    folder = contract.__file__.rpartition("/")[0]
    source = ""
    for name in (
        *(
            "archive",
            "beside",
            "child",
            "columnar",
            "images",
            "lines",
            "recordings",
            "run",
            "sniff",
            "stats",
            "tables",
            "text",
        ),
    ):
        with open(f"{folder}/{name}.py", encoding="utf-8") as file:
            source += file.read()
    assert {code for code in MESSAGES if f'"{code}"' not in source} == set()
    assert {code for code in WARNINGS if f'"{code}"' not in source} == set()


def test_sentences_can_be_translated():
    words = {
        MESSAGES["wrong_extension"][0]: "Der Name endet auf {extension}, der Inhalt ist {what}.",
        FORMATS["png"]: "ein PNG-Bild",
    }
    refusal = Refusal("wrong_extension", {"extension": ".csv", "what": "png"})
    assert refusal.message(words.get) == "Der Name endet auf .csv, der Inhalt ist ein PNG-Bild."
    assert refusal.message() == "The name ends in .csv, but the content is a PNG image."


def test_sizes_are_written_for_people():
    refusal = Refusal("too_big", {"size_bytes": 3 * 2**30, "limit_bytes": 1536 * 2**20})
    assert refusal.message() == "The file has 3 GiB; at most 1.5 GiB are accepted."
    assert [contract.human_bytes(n) for n in (0, 1023, 1024, 2**20)] == ["0 bytes", "1023 bytes", "1 KiB", "1 MiB"]


def test_words_of_a_file_cannot_play_with_the_sentence():
    refusal = Refusal("header_duplicate", {"name": "{row}\u202e\n<b>" + "x" * 500, "first": 1}, {"column": 2})
    said = refusal.message()
    assert "{row}\ufffd\ufffd<b>" in said
    assert len(said) < 250


def test_a_place_is_added_but_not_replaced():
    fault = RefusedError("nul_character", where={"line": 3}).at(line=9, row=2)
    assert fault.refusal.where == {"line": 3, "row": 2}


def test_the_mark_for_translation_is_the_one_that_is_looked_for():
    assert contract.N_("x") == contract.gettext_noop("x") == "x"
    assert places(MESSAGES["ragged_row"][0]) == {"row", "found", "expected", "line"}
