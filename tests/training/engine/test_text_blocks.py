"""Language models and answers in a text: blocks, what is hidden or asked for, windows, figures by hand. No runs."""

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.training.engine.opening import net_for, packaged, prepared
from training.engine.errors import DataError
from training.engine.generating import Sampling
from training.engine.tasks import base
from training.engine.tasks.extractive_qa import _target
from training.engine.tasks.masked_lm import CLS, MASK, SEP
from training.engine.tokenizing import END

CHAR = {"tokenizer": {"kind": "char"}}
TEXT = "".join(f"line {n} of a text that goes on\n" for n in range(60))
DOCUMENTS = [(f"document {n} says {'so ' * (n % 5)}much",) for n in range(30)]
SMALL = {"model": {"arch": "gpt", "size": "nano", "layers": 1, "width": 16, "context": 12, "dropout": 0.0}}
HIDING = {"model": {"arch": "bert", "size": "nano", "layers": 1, "width": 16, "context": 22, "dropout": 0.0}}


@pytest.fixture
def language(tmp_path: Path) -> Any:
    return prepared(tmp_path, "causal-lm", "", TEXT, **CHAR, **SMALL)


@pytest.fixture
def hidden(tmp_path: Path) -> Any:
    return prepared(tmp_path, "masked-lm", "", TEXT, **CHAR, **HIDING)


def offset_of(task: Any, epoch: int, length: int) -> int:
    """Where the blocks of an epoch begin, found by what they hold."""
    tokens = np.asarray(task.parts["train"]).astype(np.int64)
    wanted = task.train_batch(np.arange(task.count("train")), epoch, 1)["ids"].numpy().ravel()
    return next(n for n in range(length) if np.array_equal(tokens[n : n + len(wanted)], wanted))


def test_blocks_of_an_epoch_follow_each_other_and_begin_elsewhere_in_the_next(language: Any) -> None:
    offsets = {offset_of(language, epoch, 12) for epoch in range(8)}
    assert len(offsets) > 3
    rows = np.array([3, 0])
    batch = language.train_batch(rows, 2, 1)
    tokens, offset = np.asarray(language.parts["train"]).astype(np.int64), offset_of(language, 2, 12)
    for place, row in enumerate(rows):
        start = offset + 12 * row
        assert batch["ids"][place].tolist() == tokens[start : start + 12].tolist()
        assert batch["next"][place].tolist() == tokens[start + 1 : start + 13].tolist()
    assert torch.equal(language.train_batch(rows, 2, 99)["ids"], batch["ids"])  # the order is not drawn anew
    assert language.units(batch) == 24


def test_every_token_of_a_part_is_judged_once(language: Any) -> None:
    """From the second to the last, whatever is left over for a last block."""
    net = net_for(language)
    for part in ("valid", "test"):
        tokens = torch.from_numpy(np.asarray(language.parts[part]).astype(np.int64))
        items = np.arange(language.count(part))
        with torch.no_grad():
            rows = language.measure(net, part, items)
            nats, hits = [], []
            for start in range(0, len(tokens) - 1, 12):
                block = tokens[start : start + 13]
                logits = net(block[None, :-1])[0]
                nats.append(float(F.cross_entropy(logits, block[1:], reduction="sum")))
                hits.append(int((logits.argmax(-1) == block[1:]).sum()))
            few = language.measure(net, part, items[::-3])
        assert rows[:, 1].sum() == len(tokens) - 1
        np.testing.assert_allclose(rows[:, 0], nats, rtol=1e-5)
        assert rows[:, 2].tolist() == hits
        np.testing.assert_allclose(few, rows[::-3], rtol=1e-6)
    report = language.report(base.Judged("test", items, rows)).values
    loss = sum(nats) / (len(tokens) - 1)
    assert report["loss"] == pytest.approx(loss) and report["perplexity"] == pytest.approx(math.exp(loss))
    size = len(language.tokenizer.decode(tokens.tolist()).encode())
    assert report["bits_per_byte"] == pytest.approx(loss / math.log(2) * len(tokens) / size)


def test_the_unigram_of_the_train_part(language: Any) -> None:
    train, test = (language.tokenizer.decode(language.parts[part].tolist()) for part in ("train", "test"))
    size = language.tokenizer.size
    nats = [-math.log((train.count(c) + 1) / (len(train) + size)) for c in test[1:]]
    name, values = language.baseline()
    assert name == "unigram" and values["loss"] == pytest.approx(sum(nats) / len(nats))
    common = max(set(train), key=train.count)
    assert values["token_accuracy"] == pytest.approx(test[1:].count(common) / len(test[1:]))


@pytest.mark.parametrize("task", ["causal-lm", "masked-lm"])
def test_documents_are_whole_and_parted_by_their_end(task: str, tmp_path: Path) -> None:
    model = SMALL if task == "causal-lm" else HIDING
    made = prepared(tmp_path, task, "body", DOCUMENTS, data__columns={"text": "body"}, **CHAR, **model)
    between, found = made.between, []
    for part in base.PARTS:
        tokens = made.parts[part].tolist()
        assert tokens[-1] == between and made.facts["tokens"][part] == len(tokens)
        ends = [n for n, token in enumerate(tokens) if token == between]
        texts = [made.tokenizer.decode(tokens[a + 1 : b]) for a, b in itertools.pairwise([-1, *ends])]
        found += texts
        assert made.facts["bytes"][part] == sum(len(text) for text in texts)
    known = set(made.tokenizer.vocab)
    assert sorted(found) == sorted("".join(c for c in text if c in known) for (text,) in DOCUMENTS)


def test_a_text_too_short_for_its_context_is_refused(tmp_path: Path) -> None:
    for n, task in enumerate(("causal-lm", "masked-lm")):
        model = (SMALL, HIDING)[n]["model"] | {"context": 512}
        with pytest.raises(DataError) as refused:
            prepared(tmp_path / task, task, "", TEXT[:600], **CHAR, model=model)
        assert str(refused.value) == "The dataset cannot be used: it is too short for a context of 512 tokens."
    with pytest.raises(DataError, match="it has fewer than three documents"):
        prepared(tmp_path / "few", "causal-lm", "body", [("one",), ("two",), (" ",)], data__columns={"text": "body"},
                 **CHAR, **SMALL)  # fmt: skip


def test_prompts_are_read_and_answers_are_learnt(tmp_path: Path) -> None:
    """The loss by hand: answers alone, divided by what a batch has of them on average."""
    rows = [(f"{n} and one? ", f"it is {n + 1}") for n in range(40)]
    task = prepared(
        tmp_path, "causal-lm", "question,answer", rows,
        data__columns={"text": "answer", "prompt": "question"}, **CHAR, **SMALL,
    )  # fmt: skip
    batch = task.train_batch(np.arange(3), 0, 1)
    logits = torch.randn(3, 12, task.tokenizer.size, generator=torch.Generator().manual_seed(4))
    nats = F.cross_entropy(logits.transpose(1, 2), batch["next"], reduction="none")[batch["asked"]].sum()
    marks = task.marks["train"].astype(bool)
    assert float(task.loss(lambda ids: logits, batch)) == pytest.approx(float(nats) / (36 * marks.mean()), rel=1e-5)
    # A block is judged where an answer is asked for, on the answer alone.
    net = net_for(task)
    items = task.judged("test", None)
    with torch.no_grad():
        measured = task.measure(net, "test", items)
    asked = task.marks["test"][1:].astype(bool)
    assert measured[:, 1].tolist() == [asked[12 * n : 12 * n + 12].sum() for n in items] and (measured[:, 1] > 0).all()
    said = [
        task.tokenizer.decode(own.tolist())
        for own in np.split(task.parts["test"], np.flatnonzero(task.parts["test"] == 0) + 1)
    ]
    answers = [text.partition("? ")[2] for text in said if text]
    assert asked.sum() == sum(len(text) + 1 for text in answers)
    _, values = task.baseline()
    assert "bits_per_byte" in values and values["loss"] > 0
    train = task.parts["train"][task.marks["train"].astype(bool)]
    counts = np.bincount(train, minlength=task.tokenizer.size) + 1
    tested = task.parts["test"][1:][asked]
    assert values["loss"] == pytest.approx(-np.log(counts / counts.sum())[tested].mean())


@torch.inference_mode()
@pytest.mark.parametrize("kind", ["char", "byte", "bpe", "wordpiece", "unigram"])
def test_a_language_model_goes_on_from_any_text(kind: str, tmp_path: Path) -> None:
    learnt = {"tokenizer": {"kind": kind} | ({} if kind in ("char", "byte") else {"vocab": 300})}
    task = prepared(tmp_path / "data", "causal-lm", "", TEXT, **learnt, **SMALL)
    net = net_for(task, 0.6)
    finished = packaged(task, net, tmp_path / "out")
    odd = ["line", "x" * 500, "你好，世界。", "👩‍👩‍👧 \u202e", "a\x00\x01", "\ud83d", "<|endoftext|>", "line"]
    finished.sampling = Sampling(tokens=15, temperature=1.0, seed=3)
    answers = [answer["text"] for answer in finished.predict(net, odd)]
    assert len(answers) == 8 and answers[0] != answers[-1]
    streamed = [""] * 8
    for row, piece in finished.stream(net, odd):
        streamed[row] += piece
    assert streamed == answers
    assert [answer["text"] for answer in finished.predict(net, odd[:2])] == answers[:2]
    finished.first_input = 7
    assert finished.predict(net, odd[-1:])[0]["text"] == answers[-1]
    for bad in ("", None, 3, ["a"]):
        with pytest.raises(ValueError, match="goes on from texts of at least one token"):
            finished.predict(net, ["a", bad])


# Hidden tokens


def test_as_many_tokens_are_hidden_as_it_says(hidden: Any) -> None:
    """Of 20 in a block 3 are asked for; of these 80 % are masked, 10 % are others, and 10 % stay."""
    masked = drawn = stayed = 0
    places: list[int] = []
    tokens = np.asarray(hidden.parts["train"]).astype(np.int64)
    for seed in range(60):
        batch = hidden.train_batch(np.arange(8), 0, seed)
        ids, target, at = (batch[name].numpy() for name in ("ids", "target", "places"))
        assert ids.shape == (8, 22) and (ids[:, 0] == CLS).all() and (ids[:, -1] == SEP).all()
        assert len(set(at.tolist())) == len(at) == 24
        assert (np.bincount(at // 22, minlength=8) == 3).all() and not np.isin(at % 22, [0, 21]).any()
        places += (at % 22).tolist()
        whole = ids.copy().ravel()
        whole[at] = target
        blocks = whole.reshape(8, 22)[:, 1:-1].ravel()  # with what was hidden they are the text
        assert any(np.array_equal(tokens[n : n + 160], blocks) for n in range(20))
        seen = ids.ravel()[at]
        masked += int((seen == MASK).sum())
        stayed += int((seen == target).sum())
        others = seen[(seen != MASK) & (seen != target)]
        drawn += len(others)
        assert (others > MASK).all() and (others < hidden.tokenizer.size).all()
    total = 60 * 24
    assert masked / total == pytest.approx(0.8, abs=0.04)
    # One draw in the vocabulary is the token itself now and then.
    assert drawn / total == pytest.approx(0.1, abs=0.03) and stayed / total == pytest.approx(0.1, abs=0.03)
    counts = np.bincount(places, minlength=22)[1:-1]
    assert counts.min() > 0.5 * counts.mean() and counts.max() < 1.5 * counts.mean()  # every place is asked for


@pytest.mark.parametrize(("context", "asked"), [(8, 1), (12, 2), (22, 3), (40, 6), (102, 15)])
def test_a_sixth_of_a_block_is_asked_for_and_always_something(context: int, asked: int, tmp_path: Path) -> None:
    task = prepared(tmp_path, "masked-lm", "", TEXT, **CHAR, model=HIDING["model"] | {"context": context})
    assert (task.length, task.asked) == (context - 2, asked)
    assert len(task.train_batch(np.arange(2), 0, 1)["target"]) == 2 * asked


def test_what_is_hidden_of_a_block_hangs_on_the_block_alone(hidden: Any) -> None:
    net = net_for(hidden)
    items = np.arange(hidden.count("test"))
    with torch.no_grad():
        whole = hidden.measure(net, "test", items)
        again = np.concatenate([hidden.measure(net, "test", items[n : n + 1]) for n in items[::-1]])[::-1]
    np.testing.assert_allclose(whole, again, rtol=1e-5)
    assert (whole[:, 1] == 3).all()
    batch = hidden._judged_batch("test", items)
    with torch.no_grad():
        logits = net(batch["ids"]).flatten(0, 1)[batch["places"]]
    nats = F.cross_entropy(logits, batch["target"], reduction="none").view(-1, 3).sum(1)
    np.testing.assert_allclose(whole[:, 0], nats.numpy(), rtol=1e-5)
    loss = float(F.cross_entropy(logits, batch["target"]))
    with torch.no_grad():
        assert float(hidden.loss(net, batch)) == pytest.approx(loss, rel=1e-5)
    assert hidden.report(base.Judged("test", items, whole)).values["loss"] == pytest.approx(loss, rel=1e-5)
    train = np.asarray(hidden.parts["train"])
    counts = np.bincount(train, minlength=hidden.tokenizer.size) + 1
    unigram = -np.log(counts / counts.sum())[batch["target"].numpy()].mean()
    assert hidden.baseline()[1]["loss"] == pytest.approx(unigram)


def test_a_part_shorter_than_a_block_is_read_round_and_round(hidden: Any) -> None:
    hidden.parts["valid"] = np.array([7, 8, 9], dtype=np.uint16)
    assert hidden.count("valid") == 1
    (block,) = hidden._blocks("valid", np.array([0]))
    assert block.tolist() == [7, 8, 9] * 6 + [7, 8]


def test_an_example_shows_its_gaps_and_what_was_guessed(hidden: Any) -> None:
    def net(ids: Tensor, mask: Tensor | None, places: Tensor) -> Tensor:
        logits = torch.zeros(len(places), hidden.tokenizer.size)
        logits[:, int(hidden.tokenizer.encode("n")[0])] = 1
        return logits

    for shown in hidden.samples(net, base.Judged("test", np.arange(2), np.zeros((2, 3))), 2, 0):
        pieces = shown["prompt"].split("[MASK]")
        assert len(pieces) == 4 and "n".join(pieces) == shown["text"]
        assert len(shown["text"]) == 20


@torch.inference_mode()
@pytest.mark.parametrize("kind", ["char", "byte", "bpe", "wordpiece", "unigram"])
def test_gaps_are_filled_and_nothing_else_is_touched(kind: str, tmp_path: Path) -> None:
    learnt = {"tokenizer": {"kind": kind} | ({} if kind in ("char", "byte") else {"vocab": 300})}
    task = prepared(tmp_path / "data", "masked-lm", "", TEXT, **learnt, **HIDING)
    net = net_for(task)
    finished = packaged(task, net, tmp_path / "out")
    odd = [
        "",
        "[MASK]",
        "[MASK][MASK]",
        "li[MASK]e 7",
        "x" * 500,
        "[MASK]" * 90,
        "你好 [MASK]",
        "\x00",
        "\ud83d",
        "a\n",
    ]
    answers = [answer["text"] for answer in finished.predict(net, odd)]
    assert len(answers) == 10
    room = "line 7 of"
    (plain,) = finished.predict(net, [room])
    assert plain["text"] == task.tokenizer.decode(task.tokenizer.encode(room).tolist()[:20])
    if kind == "char":
        assert answers[3][:2] == "li" and answers[3].endswith("e 7")
        gap = torch.tensor(
            [[CLS, *task.tokenizer.encode("li").tolist(), MASK, *task.tokenizer.encode("e 7").tolist(), SEP]]
        )
        assert answers[3] == f"li{task.tokenizer.decode([int(net(gap)[0, 3].argmax())])}e 7"
        assert len(finished.predict(net, ["line " * 9])[0]["text"]) == 20  # as far as there is room
    for bad in (None, 3, ["a"]):
        with pytest.raises(ValueError, match="this model reads texts"):
            finished.predict(net, [bad])
    with pytest.raises(ValueError, match="only a language model of proteins"):
        finished.predict(net, [{"scan": "MKT"}])


@pytest.mark.parametrize("kind", ["char", "bpe", "unigram", "wordpiece"])
@pytest.mark.parametrize("task", ["causal-lm", "masked-lm"])
def test_a_document_that_says_a_mark_does_not_end_there(task: str, kind: str, tmp_path: Path) -> None:
    model = SMALL if task == "causal-lm" else HIDING
    mark = END if task == "causal-lm" else "[SEP]"
    rows = [(f"document {n} says {mark} so {'so ' * (n % 5)}much",) for n in range(30)]
    own: dict[str, Any] = {"tokenizer": {"kind": kind} | ({} if kind == "char" else {"vocab": 300})}
    made = prepared(tmp_path, task, "body", rows, data__columns={"text": "body"}, **own, **model)
    ends = sum(np.count_nonzero(made.parts[part] == made.between) for part in base.PARTS)
    assert ends == len(rows)


# Answers in a text


@pytest.mark.parametrize(
    ("place", "found"),
    [
        ((0, 3), (4, 4)),
        ((0, 7), (4, 5)),
        ((4, 7), (5, 5)),
        ((8, 12), (6, 7)),  # of tokens that overlap it in part, all that it lies in
        ((9, 11), (6, 7)),
        ((5, 6), (5, 5)),
        ((12, 16), (0, 0)),  # ends behind the window
        ((20, 24), (0, 0)),
        ((7, 8), (0, 0)),  # a space between tokens
    ],
)
def test_an_answer_lies_in_the_tokens_that_cover_it(place: tuple[int, int], found: tuple[int, int]) -> None:
    inside = [(0, 3), (4, 7), (8, 10), (10, 13), (13, 15)]
    lies = np.zeros((4 + len(inside) + 1, 2), dtype=np.int64)
    lies[4:-1] = inside
    assert _target(lies, 4, place) == found


def test_a_window_that_begins_in_an_answer_does_not_hold_it() -> None:
    lies = np.zeros((7, 2), dtype=np.int64)
    lies[3:-1] = [(4, 7), (8, 10), (10, 13)]
    assert _target(lies, 3, (0, 7)) == (0, 0) and _target(lies, 3, (4, 10)) == (3, 4)


QA = {"model": {"arch": "bert", "size": "nano", "layers": 1, "width": 16, "context": 20, "dropout": 0.0}}
REPORTS = [
    (f"who {n % 3}", f"{'abc' * (n % 4)} then came {name} and {'left again ' * (n % 3)}.", name)
    for n, name in enumerate(["ada", "ben", "eva", "li"] * 5)
]


@pytest.fixture
def answers(tmp_path: Path) -> Any:
    return prepared(tmp_path, "extractive-qa", "question,context,answer", REPORTS, **CHAR, **QA)


def test_windows_overlap_and_hold_the_whole_context(answers: Any) -> None:
    for row, (question, context, answer) in enumerate(REPORTS):
        windows = range(answers.firsts[row], answers.firsts[row + 1])
        covered: set[int] = set()
        held = 0
        for window in windows:
            ids, lies, front = answers._stored(window)
            asked = answers.tokenizer.encode(question)[: (20 - 3) // 2]
            assert ids[:front].tolist() == [CLS, *asked.tolist(), SEP] and ids[-1] == SEP and len(ids) <= 20
            own = lies[front:-1]
            assert not lies[:front].any() and not lies[-1].any()
            text = "".join(context[a:b] for a, b in own)
            assert ids[front:-1].tolist() == answers.tokenizer.encode(text).tolist()
            before, covered = covered, covered | {int(a) for a, _ in own}
            if before:
                assert len(before & {int(a) for a, _ in own}) >= len(own) // 3  # what is cut by one is whole in another
            begin, end = answers.targets[window]
            if begin:
                held += 1
                assert context[lies[begin, 0] : lies[end, 1]] == answer
            else:
                assert end == 0
        assert covered == set(range(len(context))) and held


def test_one_window_of_a_row_is_drawn_anew_each_time(answers: Any) -> None:
    rows = np.arange(answers.count("train"))
    drawn = [answers.train_batch(rows, 0, seed) for seed in range(12)]
    spans = np.stack([batch["target"].numpy() for batch in drawn])
    assert (spans == spans[:1]).all((0, 2)).mean() < 0.9  # of some rows both kinds of windows are seen
    assert torch.equal(answers.train_batch(rows, 0, 3)["ids"], drawn[3]["ids"])
    batch = drawn[0]
    assert (batch["may"][:, 0]).all() and not (batch["may"] & ~batch["mask"]).any()
    assert not (batch["may"][:, 1:] & (batch["kinds"][:, 1:] == 0)).any()
    ends = batch["mask"].sum(1) - 1
    assert not batch["may"][torch.arange(len(rows)), ends].any()  # the last mark is no place for an answer


def test_spans_are_found_as_by_trying_them_all(answers: Any) -> None:
    """The best pair of places, the second not before the first nor too far behind, against that of [CLS]."""
    chance = torch.Generator().manual_seed(5)
    answers.facts = answers.facts | {"longest": 4}
    logs = torch.randn(6, 14, 2, generator=chance).log_softmax(1)
    scores, begins, ends = answers._best(logs)
    for n in range(6):
        pairs = {(b, e): float(logs[n, b, 0] + logs[n, e, 1]) for b in range(1, 14) for e in range(b, min(14, b + 4))}
        best = max(pairs, key=lambda pair: pairs[pair])
        assert (int(begins[n]), int(ends[n])) == best
        assert float(scores[n]) == pytest.approx(pairs[best] - float(logs[n, 0].sum()), rel=1e-4, abs=1e-5)


def test_the_window_that_stands_most_above_none_has_the_answer(answers: Any) -> None:
    context = REPORTS[1][1]
    windows = answers._windows("who 1", context)
    assert len(windows) > 2
    logits = torch.zeros(len(windows), 20, 2)
    logits[:, 0] = 5.0  # there is none, say all
    logits[0, 9, 0] = logits[0, 10, 1] = 9.0
    logits[2, 8, 0] = logits[2, 9, 1] = 9.0
    logits[0, 0] = 8.0  # but the first is less sure that there is one
    batch = answers._tensors(windows)
    wide = batch["ids"].shape[1]
    logs = answers._logs(lambda *words: logits[:, :wide], batch)
    (found,) = answers._answers(logs, windows, [len(windows)])
    lies = windows[2][1]
    assert (found["start"], found["end"]) == (lies[8, 0], lies[9, 1])
    # Shares among the places that may be, of the window.
    may = batch["may"][2]
    shares = logits[2, :wide][may].softmax(0)
    place = may.nonzero()[:, 0].tolist()
    assert found["probability"] == pytest.approx(float(shares[place.index(8), 0] * shares[place.index(9), 1]), rel=1e-4)
    two = answers._answers(logs, windows, [2, len(windows) - 2])
    assert two[1]["start"] == lies[8, 0] and two[0]["start"] == windows[0][1][9, 0]


def test_answers_are_measured_over_all_their_windows(answers: Any) -> None:
    net = net_for(answers)
    items = np.arange(answers.count("test"))
    with torch.no_grad():
        rows = answers.measure(net, "test", items)
        for place, item in enumerate(answers.parts["test"]):
            numbers = np.arange(answers.firsts[item], answers.firsts[item + 1])
            batch = answers._batch(numbers)
            logits = net(batch["ids"], batch["mask"], None, batch["kinds"])
            nats = []
            for n in range(len(numbers)):
                kept = logits[n][batch["may"][n]].log_softmax(0)
                at = batch["may"][n].nonzero()[:, 0].tolist()
                begin, end = (at.index(t) for t in batch["target"][n].tolist())
                nats.append(-float(kept[begin, 0] + kept[end, 1]) / 2)
            assert rows[place, 2] == pytest.approx(np.mean(nats), rel=1e-4)
    name, values = answers.baseline()
    assert name == "commonest answer" and 0 <= values["f1"] <= 1


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (("who", "nobody came", "ada"), "its answer does not stand in its context"),
        (("who", "a b " * 30 + "x" * 40, "x" * 40), "its answer is too long for a context of 20 tokens"),
    ],
)
def test_an_answer_that_cannot_be_found_is_told_with_its_row(
    row: tuple[str, str, str], said: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError) as refused:
        prepared(tmp_path, "extractive-qa", "question,context,answer", [*REPORTS[:4], row, *REPORTS[4:]], **CHAR, **QA)
    assert str(refused.value) == f"Row 5 of the dataset cannot be used: {said}."


@torch.inference_mode()
@pytest.mark.parametrize("kind", ["char", "byte", "bpe", "wordpiece", "unigram"])
def test_any_question_is_answered_from_its_context(kind: str, tmp_path: Path) -> None:
    learnt = {"tokenizer": {"kind": kind} | ({} if kind in ("char", "byte") else {"vocab": 300})}
    task = prepared(tmp_path / "data", "extractive-qa", "question,context,answer", REPORTS, **learnt, **QA)
    net = net_for(task, 0.5)
    finished = packaged(task, net, tmp_path / "out")
    contexts = [
        "a",
        "then came ada " * 40,
        "你好，世界。" * 9,
        "👩‍👩‍👧 \u202e",
        "\x00\x01",
        "\u200b",
        "\ud83d",
        "x" * 300,
        "▁",
        "\n a \n",
    ]
    asked = [{"question": question, "context": context} for context in contexts for question in ("who", "?" * 99)]
    for given, found in zip(asked, finished.predict(net, asked), strict=True):
        context = given["context"].replace("\ud83d", "?")
        assert found["text"] == context[found["start"] : found["end"]] == found["text"].strip()
        assert 0 <= found["probability"] <= 1
    for bad, said in (
        ("who", 'this model reads {"question"'),
        ({"question": "who"}, "reads texts"),
        ({"question": "who", "context": 3}, "reads texts"),
        ({"question": " ", "context": "a"}, "not empty"),
        ({"question": "who", "context": "\n"}, "not empty"),
    ):
        with pytest.raises(ValueError, match=said):
            finished.predict(net, [bad])
