"""Writing on: the tokens of transformers' `generate`, whoever shares the batch, to the end of the room and beyond."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.training.engine.conftest import Run, blob_of, profile_of, tiny
from tests.training.engine.test_nets import SHAPES, loaded, scrambled
from training.engine.__main__ import main
from training.engine.catalogue import Shape
from training.engine.contract import DONE
from training.engine.generating import Chooser, Sampling, Writer, tokens_after
from training.engine.predict import Predictor
from training.engine.tokenizing import LM_SPECIALS, TokenizerSpec, train_tokenizer

PROMPTS = [[3, 4, 5], [7], [9, 8, 7, 6, 5], [3, 4, 5]]


def written(net: torch.nn.Module, prompts: list[list[int]], sampling: Sampling, end: int | None = None) -> list:
    rows: list[list[int]] = [[] for _ in prompts]
    for told in tokens_after(net, prompts, Chooser(sampling, range(len(prompts))), end=end):
        for row, token in told.items():
            rows[row].append(token)
    return rows


@pytest.fixture
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Room for more tokens than the other tests of nets need."""
    shape, sizes = SHAPES["gpt"]
    monkeypatch.setitem(SHAPES, "gpt", (Shape(**{**shape.__dict__, "context": 40}), sizes))


def test_greedy_tokens_are_those_of_transformers(wide: None) -> None:
    from transformers import GPT2Config, GPT2LMHeadModel

    ours, theirs = loaded("gpt", GPT2LMHeadModel, GPT2Config)
    (free,) = written(ours, [[3, 4, 5]], Sampling(tokens=30, temperature=0))
    end = free[12]  # some token ends a row early
    expected = []
    for prompt in PROMPTS:
        ids = torch.tensor([prompt])
        words = {"do_sample": False, "max_new_tokens": 30, "eos_token_id": end, "pad_token_id": 0}
        found = theirs.generate(ids, attention_mask=torch.ones_like(ids), **words)[0, len(prompt) :].tolist()
        expected.append(found[: found.index(end)] if end in found else found)
    assert len({len(row) for row in expected}) > 1  # rows leave the batch at different times
    assert written(ours, PROMPTS, Sampling(tokens=30, temperature=0), end) == expected


@pytest.mark.parametrize("arch", ["gpt", "lstm", "llama"])
def test_a_row_is_written_the_same_alone_and_among_others(arch: str) -> None:
    """Far beyond the room of the context, where rows forget their older half at different times."""
    net = scrambled(arch)
    for sampling in (Sampling(tokens=40, temperature=0), Sampling(tokens=40, temperature=1.5, top_k=9, top_p=0.9)):
        together = written(net, PROMPTS, sampling)
        assert [len(row) for row in together] == [40] * 4
        for n, prompt in enumerate(PROMPTS):
            rows = tokens_after(net, [prompt], Chooser(sampling, [n]), end=None)
            assert [told[0] for told in rows] == together[n]
    assert together[0] != together[3]  # the same prompt, but another row: another chance


@pytest.mark.parametrize("arch", ["gpt", "llama"])
def test_what_is_kept_is_what_would_be_read_again(arch: str) -> None:
    """Greedy, with everything of the window read anew for every token."""
    net = scrambled(arch)
    room = SHAPES["gpt"][0].context or 0
    read, expected, kept = [3, 4, 5], [], 3
    for _ in range(40):
        with torch.no_grad():
            token = int(net(torch.tensor([read[-kept:]]))[0, -1].argmax())
        expected.append(token)
        read.append(token)
        kept = room // 2 if kept == room else kept + 1
    assert written(net, [[3, 4, 5]], Sampling(tokens=40, temperature=0)) == [expected]


def test_drawn_tokens_have_the_shares_of_the_net() -> None:
    logits = torch.tensor([[2.0, 1.0, 0.0, -1.0, -torch.inf]])

    def shares(**words: float) -> np.ndarray:
        sampling = Sampling(tokens=4_000, temperature=0.7, **words)  # type: ignore[arg-type]
        choose = Chooser(sampling, [5])
        drawn = [int(choose(logits, [0], place)) for place in range(4_000)]
        return np.bincount(drawn, minlength=5) / 4_000

    whole = (logits[0] / 0.7).softmax(-1).numpy()
    np.testing.assert_allclose(shares(), whole, atol=0.03)
    np.testing.assert_allclose(shares(top_k=2), [*whole[:2] / whole[:2].sum(), 0, 0, 0], atol=0.03)
    # The first has 0.75: not yet 0.8, so the second is in, which makes it enough.
    np.testing.assert_allclose(shares(top_p=0.8), [*whole[:2] / whole[:2].sum(), 0, 0, 0], atol=0.03)
    assert shares(top_p=0.5)[0] == 1


@pytest.mark.parametrize(
    "words",
    [{"tokens": 0}, {"temperature": -1}, {"temperature": float("nan")}, {"top_k": 0}, {"top_p": 0}, {"stop": ("",)}],
)
def test_what_cannot_be_is_refused(words: dict) -> None:
    with pytest.raises(ValueError, match="must"):
        Sampling(**words)


def pieces(kind: str, text: str, stop: tuple[str, ...]) -> tuple[list[str], bool]:
    tokenizer = train_tokenizer(TokenizerSpec(kind), [text], LM_SPECIALS)
    writer, told = Writer(tokenizer, stop), []
    for token in tokenizer.encode(text).tolist():
        writer.add(token)
        told.append(writer.fresh())
        if writer.stopped:
            break
    return [*told, *([] if writer.stopped else [writer.finish()])], writer.stopped


def test_text_is_told_in_whole_characters_and_up_to_a_stop_word() -> None:
    told, stopped = pieces("byte", "né 木", ())
    assert (told, stopped) == (["n", "", "é", " ", "", "", "木", ""], False)
    told, stopped = pieces("char", "one\n\ntwo", ("\n\n", "w"))
    assert (told, stopped) == (["o", "n", "e", "", ""], True)  # the first line end waited
    told, stopped = pieces("char", "a\nb\n", ("\n\n",))
    assert (told, stopped) == (["a", "", "\nb", "", "\n"], False)
    assert "".join(pieces("byte", "\udcff!", ())[0]) == "?!"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    blob = blob_of("causal-lm")
    spec = tiny("causal-lm", train__max_steps=60, train__lr=1e-2, eval__every_steps=60)
    run = Run(tmp_path_factory.mktemp("writing") / "run", spec, blob, "text", profile_of("text", blob))
    assert run.go() == DONE, run.log
    return run.folder / "out"


def test_a_package_writes_as_asked(package: Path) -> None:
    inputs = ["the cat sees", "my friend", "a"]

    def texts(**words: object) -> list[str]:
        return [answer["text"] for answer in Predictor(package, Sampling(**words))(inputs)]  # type: ignore[arg-type]

    assert texts(seed=3) == texts(seed=3) != texts(seed=4)
    assert max(len(text) for text in texts(tokens=7)) == 7  # the end of a document is no text
    whole, cut = texts(seed=3, tokens=200), texts(seed=3, tokens=200, stop=(" ", "\n"))
    assert cut == [text.replace("\n", " ").partition(" ")[0] for text in whole]
    streamed = [""] * 3
    order = []
    for row, piece in Predictor(package, Sampling(seed=3)).stream(inputs):
        streamed[row] += piece
        order.append(row)
        assert not torch.is_inference_mode_enabled()
    assert streamed == texts(seed=3)
    assert order[:3] == [0, 1, 2]  # side by side


def test_the_command_streams(package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "lines.txt").write_text("the cat\nmy friend\n")
    words = ["predict", str(package), str(tmp_path / "lines.txt"), "--temperature", "0", "--tokens", "9"]
    assert main(words) == 0
    answers = [json.loads(line)["text"] for line in capsys.readouterr().out.splitlines()]
    assert main([*words, "--stream"]) == 0
    assert capsys.readouterr().out == f"the cat{answers[0]}\n\nmy friend{answers[1]}\n"
    assert main([*words, "--top-k", "0"]) == 1
    assert capsys.readouterr().err == "This cannot be answered: top-k must be at least 1\n"


def test_only_a_language_model_writes_on(tmp_path: Path) -> None:
    blob = blob_of("text-classification")
    spec = tiny("text-classification", train__max_steps=1)
    run = Run(tmp_path / "run", spec, blob, "csv", profile_of("csv", blob))
    assert run.go() == DONE, run.log
    with pytest.raises(ValueError, match="only a model that writes text"):
        Predictor(run.folder / "out", Sampling())
    with pytest.raises(ValueError, match="only a language model"):
        list(Predictor(run.folder / "out").stream(["ball"]))
