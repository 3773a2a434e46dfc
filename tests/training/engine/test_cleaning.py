"""What is cleaned, what is left out, and that both are counted and said."""

import json
import unicodedata
from collections import Counter

import numpy as np
import pytest

from tests.training.engine.conftest import MakeRun, Run, csv_blob, profile_of, table_rows, tiny
from training.engine.cleaning import Cleaner
from training.engine.contract import DONE, Spec, SpecError, validate
from training.engine.languages import language_of
from training.engine.likeness import Seen, likeness, signature
from training.engine.privacy import masked
from training.engine.spec import CleanSpec
from training.engine.tokenizing import load_tokenizer

ALL = {"unicode": True, "duplicates": True, "min_chars": 3, "max_chars": 60}
SPLIT_E = unicodedata.normalize("NFD", "café time")


def kept(spec: CleanSpec, texts: list[str]) -> tuple[list[str], dict]:
    cleaner = Cleaner(spec)
    kept = [formed for row, text in enumerate(texts, 1) if cleaner.keeps(formed := cleaner.form(text), text, row)]
    return [cleaner.hide(text) for text in kept], cleaner.facts()


def test_each_rule_counts_what_it_removes() -> None:
    texts = ["ab", "café time", SPLIT_E, "x" * 61, "abc", "abc", "  ab  "]
    found, facts = kept(CleanSpec(**ALL), texts)
    assert found == ["café time", "abc"]
    assert facts == {
        "cleaned": {"duplicates": 2, "short": 2, "long": 1, "formed": 0}
        | {"rows": {"short": [1, 7], "duplicates": [3, 6], "long": [4]}}
    }


@pytest.mark.parametrize(
    ("how", "text", "found", "count"),
    [
        ("fold", "  one \t two\n\nthree\u3000four ", "one two three four", 5),
        ("lines", " one \t two \r\n\r\n three\u00a0\u00a0four \n", "one two\n\nthree four", 8),
        ("fold", "as it is", "as it is", 0),
        ("lines", "as\nit\n\nis", "as\nit\n\nis", 0),
    ],
)
def test_spaces_are_folded_and_counted(how: str, text: str, found: str, count: int) -> None:
    cleaned, facts = kept(CleanSpec(whitespace=how), [text])
    assert cleaned == [found] and (facts["cleaned"]["whitespace"] > 0) is (count > 0)
    assert facts["cleaned"]["formed"] == (found != text)
    again, facts = kept(CleanSpec(whitespace=how), cleaned)
    assert again == cleaned and facts["cleaned"]["whitespace"] == 0


def test_a_text_in_pieces_keeps_its_words_apart(make_run: MakeRun) -> None:
    blob = "".join(f"word {n}  and \t more \r\n" for n in range(40_000)).encode()
    run = make_run("run", tiny("causal-lm", data__clean={"whitespace": "lines"}), blob=blob)
    assert run.go() == DONE, run.log
    assert facts_of(run)["cleaned"]["whitespace"] >= 120_000
    (prepared,) = (run.folder / "prepared").iterdir()
    tokenizer = load_tokenizer(prepared / "tokenizer.json")
    text = tokenizer.decode(np.fromfile(prepared / "train.bin", facts_of(run)["dtype"]).tolist())
    assert "\t" not in text and "  " not in text and " \n" not in text and "\r" not in text
    assert {line for line in text.splitlines() if len(line) < 3} == set()


def test_one_text_is_not_folded_to_one_line() -> None:
    spec = Spec.from_json(tiny("causal-lm", data__clean={"whitespace": "fold"}))
    found = validate(spec, {"kind": "text", "rows": 1, "chars": 100_000, "bytes": 100_000})
    assert ("data.clean.whitespace", "clean_lines") in {(i.path, i.code) for i in found}
    plain = Spec.from_json(tiny("causal-lm"))
    assert "whitespace" not in plain.clean_key and spec.recipe_sha256 != plain.recipe_sha256


def test_nothing_is_touched_unasked() -> None:
    texts = ["a", "a", SPLIT_E, "x" * 100]
    assert kept(CleanSpec(), texts) == (texts, {})
    found, facts = kept(CleanSpec(unicode=True), texts)
    assert found[2] == "café time" != SPLIT_E
    assert facts["cleaned"]["formed"] == 1


def facts_of(run: Run) -> dict:
    (prepared,) = (run.folder / "prepared").iterdir()
    return json.loads((prepared / "prepared.json").read_text())["facts"]


def test_a_run_says_what_it_left_out(make_run: MakeRun) -> None:
    rows = [
        *dict(table_rows()).items(),
        ("a", "sky"),
        ("ball " * 20, "sport"),
        (SPLIT_E, "food"),
        ("café time", "food"),
    ]
    run = make_run("run", tiny("text-classification", data__clean=ALL), blob=csv_blob(["body", "topic"], rows))
    assert run.go() == DONE, run.log
    warned = [event for event in run.of("warning") if event["code"] == "rows_removed"]
    assert warned[0]["params"] == {"duplicates": 1, "short": 1, "long": 1}
    cleaned = facts_of(run)["cleaned"]
    assert cleaned.pop("rows") == {"short": [len(rows) - 3], "long": [len(rows) - 2], "duplicates": [len(rows)]}
    assert cleaned == {"duplicates": 1, "short": 1, "long": 1, "formed": 1}
    items = json.loads((run.folder / "out" / "resolved.json").read_text())["items"]
    assert sum(items.values()) == len(rows) - 3


@pytest.mark.parametrize("task", ["causal-lm", "masked-lm"])
def test_documents_are_cleaned_too(task: str, make_run: MakeRun) -> None:
    lines = [f"line {n % 90} of many lines, {SPLIT_E}" for n in range(180)]
    spec = tiny(task, data__columns={"text": "body"}, data__clean={"duplicates": True, "unicode": True})
    run = make_run("run", spec, blob=csv_blob(["body"], [(line,) for line in lines]))
    run.kind, run.profile = "csv", profile_of("csv", b"")
    run.write_inputs()
    assert run.go() == DONE, run.log
    cleaned = facts_of(run)["cleaned"]
    assert cleaned.pop("rows") == {"duplicates": [91, 92, 93, 94, 95]}
    assert cleaned == {"duplicates": 90, "short": 0, "long": 0, "formed": 90}
    vocab = json.loads((run.folder / "out" / "tokenizer.json").read_text())["model"]["vocab"]
    assert "é" in vocab


def test_a_text_is_brought_into_form(make_run: MakeRun) -> None:
    run = make_run("run", tiny("causal-lm", data__clean={"unicode": True}), blob=f"{SPLIT_E}\n".encode() * 200)
    assert run.go() == DONE, run.log
    vocab = json.loads((run.folder / "out" / "tokenizer.json").read_text())["model"]["vocab"]
    assert "é" in vocab and "\u0301" not in vocab


def test_cleaning_makes_another_recipe_and_other_prepared_files() -> None:
    plain, cleaned = Spec.from_json(tiny("causal-lm")), Spec.from_json(tiny("causal-lm", data__clean={"unicode": True}))
    assert plain.recipe_sha256 != cleaned.recipe_sha256
    assert plain.recipe_sha256 == Spec.from_json(tiny("causal-lm", data__clean={})).recipe_sha256


SAID = {
    "ar": "ذهب الولد إلى المدرسة في الصباح الباكر",
    "de": "Der Hund liegt auf dem Sofa und wartet, bis wir mit ihm nach draußen gehen.",
    "el": "Το παιδί πήγε στο σχολείο",
    "en": "The dog is lying on the sofa and waits for us to go out with it.",
    "es": "El perro está en el sofá y espera a que salgamos con él por la tarde.",
    "fa": "پسر صبح زود به مدرسه رفت و کتاب‌های گران خرید",
    "fr": "Le chien est sur le canapé et il attend que nous sortions avec lui.",
    "he": "הילד הלך לבית הספר בבוקר",
    "hi": "लड़का सुबह स्कूल गया",
    "it": "Il cane è sul divano e aspetta che usciamo con lui, ma non si muove.",
    "ja": "犬はソファーの上で待っている。",
    "ko": "개가 소파 위에서 기다리고 있다",
    "nl": "De hond ligt op de bank en wacht tot we met hem naar buiten gaan.",
    "pl": "Pies leży na kanapie i czeka, aż wyjdziemy z nim na dwór; śpi też tutaj.",
    "pt": "O cão está no sofá e espera que a gente saia com ele para uma volta na rua.",
    "ru": "Собака лежит на диване и ждёт",
    "sv": "Hunden ligger på soffan och väntar på att vi ska gå ut med den.",
    "th": "สุนัขนอนรออยู่บนโซฟา",
    "tr": "Köpek kanepede yatıyor ve bizim onunla dışarı çıkmamızı bekliyor; yağmur yağıyor.",
    "uk": "Собака лежить на дивані й чекає",
    "vi": "Con chó nằm trên ghế và đợi chúng tôi dẫn nó ra ngoài.",
    "zh": "狗躺在沙发上等我们带它出去。",
}


def test_languages_are_told_by_script_letters_and_small_words() -> None:
    assert {language: language_of(text) for language, text in SAID.items()} == {name: name for name in SAID}
    assert language_of("我们用 PyTorch 训练了一个新的模型，效果很好。") == "zh"
    assert [language_of(text) for text in ("Paris 2024", "CC(=O)Oc1ccccc1", "42", "")] == [None] * 4
    assert language_of("ሰላም ለዓለም ሁሉ") == "other"


def test_only_the_chosen_languages_stay_with_what_cannot_be_told() -> None:
    found, facts = kept(CleanSpec(languages=("zh", "en")), [*SAID.values(), "OK 1"])
    assert found == [SAID["en"], SAID["zh"], "OK 1"]
    assert facts["cleaned"]["language"] == len(SAID) - 2
    assert facts["cleaned"]["language_unknown"] == 1
    assert facts["cleaned"]["rows"] == {"language": [1, 2, 3, 5, 6]}


PERSONAL = {
    "email": "write to li.wei+lab@cs.example.edu.cn today",
    "phone": "call +49 30 1234567 or 13800138000 or 010-62751234 or (212) 555-0199",
    "resident_id": "id 11010519491231002X of hers",
    "card": "card 4111 1111 1111 1111 was charged",
    "iban": "to DE89 3704 0044 0532 0130 00, please",
    "passport": "护照号码：E12345678",
    "ip": "from 192.168.10.20 and 2001:db8:0:1:1:1:1:1",
}
HARMLESS = [
    "in 2024 there were 1,234,567 rows and 3.14159265 was pi",
    "id 110105194912310021 has another check digit",
    "card 4111 1111 1111 1112 fails its sum",
    "version 10.2.300.4 and 127.0.0.1, at 12:30:45",
    "CC(=O)Oc1ccccc1C(=O)O",
    "order 20240131-000123456",
]


def test_what_points_to_a_person_is_known_by_its_form() -> None:
    counts = {"phone": 4, "ip": 2}
    for kind, text in PERSONAL.items():
        found: Counter[str] = Counter()
        hidden = masked(text, found)
        assert found == {kind: counts.get(kind, 1)}, text
        assert f"[{kind.upper()}]" in hidden and "4111" not in hidden and "@" not in hidden
    for text in HARMLESS:
        found = Counter()
        assert masked(text, found) == text and not found, text


def test_rows_that_point_to_a_person_are_masked_or_left_out_and_never_quoted() -> None:
    texts = ["nothing here", *PERSONAL.values()]
    found, facts = kept(CleanSpec(pii="mask"), texts)
    assert len(found) == len(texts) and found[1] == "write to [EMAIL] today"
    assert facts["cleaned"]["masked"] == len(PERSONAL)
    assert facts["cleaned"]["pii_found"]["phone"] == 4
    assert "li.wei" not in json.dumps(facts)
    found, facts = kept(CleanSpec(pii="drop"), texts)
    assert found == ["nothing here"]
    assert facts["cleaned"]["pii"] == len(PERSONAL)


def test_rows_that_nearly_repeat_are_found_among_many() -> None:
    chance = np.random.default_rng(3)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz    "))
    texts = ["".join(letters[chance.integers(30, size=400)]) for _ in range(600)]
    nearly = [f"{text[:200]}{text[201:]}  " for text in texts[:100]]  # one letter is missing
    far = [text[:250] + other[250:] for text, other in zip(texts[100:200], texts[200:300], strict=True)]
    seen = Seen()
    assert not any(seen.repeats(text) for text in texts)
    assert sum(seen.repeats(text.upper()) for text in nearly) >= 99
    assert sum(seen.repeats(text) for text in far) == 0
    assert likeness(signature(texts[0]), signature(texts[1])) < 0.1
    _, facts = kept(CleanSpec(near_duplicates=True), [texts[0], texts[1], nearly[0]])
    assert facts["cleaned"]["near_duplicates"] == 1 and facts["cleaned"]["rows"] == {"near_duplicates": [3]}


def test_filters_are_told_where_they_do_not_fit() -> None:
    with pytest.raises(SpecError) as refused:
        Spec.from_json(tiny("token-classification", data__clean={"pii": "mask", "languages": ["zh", "zh", "xx"]}))
    assert [(issue.path, issue.code) for issue in refused.value.issues] == [("data.clean.languages.2", "not_choice")]
    with pytest.raises(SpecError) as refused:
        Spec.from_json(tiny("token-classification", data__clean={"pii": "mask", "languages": ["zh", "zh"]}))
    found = {(issue.path, issue.code) for issue in refused.value.issues}
    assert found == {("data.clean.languages.1", "language_twice"), ("data.clean.pii", "mask_unfit")}
    spec = Spec.from_json(tiny("causal-lm", data__clean={"pii": "drop", "near_duplicates": True}))
    profile = {"kind": "text", "rows": 1, "chars": 100_000, "bytes": 100_000}
    paths = {issue.path for issue in validate(spec, profile) if issue.code == "clean_rows"}
    assert paths == {"data.clean.pii", "data.clean.near_duplicates"}


def test_a_run_masks_its_text_and_says_what_it_filtered(make_run: MakeRun) -> None:
    mail = b"ask ada@example.org about it.\n"
    run = make_run("mask", tiny("causal-lm", data__clean={"pii": "mask"}), blob=mail * 200)
    assert run.go() == DONE, run.log
    assert facts_of(run)["cleaned"]["pii_found"] == {"email": 200}
    vocab = json.loads((run.folder / "out" / "tokenizer.json").read_text())["model"]["vocab"]
    assert "@" not in vocab and "[" in vocab
    rows = [*table_rows(), ("the ball that the team had in the goal was on the moon", "sky"), ("a@b.org", "sky")]
    clean = {"pii": "drop", "near_duplicates": True, "languages": ["zh"]}
    run = make_run(
        "drop",
        tiny("text-classification", data__clean=clean),
        blob=csv_blob(["body", "topic"], list(dict(rows).items())),
    )
    assert run.go() == DONE, run.log
    (warned,) = [event["params"] for event in run.of("warning") if event["code"] == "rows_filtered"]
    assert warned["language"] == 1 and warned["pii"] == 1
    assert json.loads((run.folder / "out" / "report.json").read_text())["cleaned"]["rows"]["pii"]
