"""Models that transformers saved as starts: equal answers, a run that goes on from them, and what is refused."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.training.engine.conftest import KINDS, VERSION, Run, blob_of, profile_for, text_blob, tiny
from tests.training.engine.test_start import begin_with
from training.engine.__main__ import main
from training.engine.contract import DONE, MESSAGES
from training.engine.errors import EngineError
from training.engine.package import load_net
from training.engine.predict import Predictor
from training.engine.tokenizing import byte_alphabet, load_tokenizer
from training.engine.wrap import wrap

TEXT = "the cat sees a bone."
MARKS = ["[UNK]", "[SEP]", "[MASK]", "[CLS]", "[PAD]"]  # in another order than ours


def scrambled(model: Any) -> Any:
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(torch.randn_like(weight) * 0.3)
    return model.eval()


def save_gpt2(folder: Path) -> None:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast
    from transformers.models.gpt2.modeling_gpt2 import GPT2Config, GPT2LMHeadModel

    fast = Tokenizer(models.BPE())
    fast.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    fast.decoder = decoders.ByteLevel()
    options: dict[str, Any] = {"initial_alphabet": byte_alphabet(), "show_progress": False}
    text = " ".join([text_blob().decode(), *MESSAGES.values()])
    fast.train_from_iterator([text], trainers.BpeTrainer(vocab_size=320, **options))
    fast.add_special_tokens(["<|endoftext|>"])  # the last, as in GPT-2
    size = fast.get_vocab_size()
    PreTrainedTokenizerFast(tokenizer_object=fast, eos_token="<|endoftext|>").save_pretrained(folder)
    config = GPT2Config(vocab_size=size, n_positions=16, n_embd=16, n_layer=2, n_head=2, eos_token_id=size - 1)
    scrambled(GPT2LMHeadModel(config)).save_pretrained(folder)


def save_bert(folder: Path) -> None:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast
    from transformers.models.bert.modeling_bert import BertConfig, BertForPreTraining

    letters = "abcdefghijklmnopqrstuvwxyz"
    pieces = [".", *letters, *(f"##{a}" for a in letters), *(f"##{a}{b}" for a in letters[:12] for b in letters)]
    entries = [*pieces[:50], *MARKS, *pieces[50:]]
    vocab = {piece: number for number, piece in enumerate(entries)}
    fast = Tokenizer(models.WordPiece(vocab, unk_token="[UNK]"))
    fast.normalizer, fast.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    fast.post_processor = processors.BertProcessing(("[SEP]", vocab["[SEP]"]), ("[CLS]", vocab["[CLS]"]))
    fast.add_special_tokens(MARKS)
    fast.enable_truncation(5)
    PreTrainedTokenizerFast(tokenizer_object=fast).save_pretrained(folder)
    sizes: dict[str, Any] = {
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "hidden_size": 16,
        "intermediate_size": 64,
    }
    config = BertConfig(vocab_size=len(vocab), max_position_embeddings=32, pad_token_id=vocab["[PAD]"], **sizes)
    scrambled(BertForPreTraining(config)).save_pretrained(folder)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("saved")
    torch.manual_seed(2)
    save_gpt2(folder / "gpt2")
    save_bert(folder / "bert")
    return {name: folder / name for name in ("gpt2", "bert")}


def classes(name: str) -> Any:
    import transformers

    return {"gpt2": transformers.GPT2LMHeadModel, "bert": transformers.BertForMaskedLM}[name]


@torch.no_grad()
@pytest.mark.parametrize("name", ["gpt2", "bert"])
def test_a_wrapped_model_answers_as_it_did(name: str, saved: dict[str, Path], tmp_path: Path) -> None:
    from tokenizers import Tokenizer

    package = tmp_path / "package"
    wrap(saved[name], package)
    before, after = (Tokenizer.from_file(str(folder / "tokenizer.json")) for folder in (saved[name], package))
    before.no_truncation()
    ids, own = (each.encode(TEXT, add_special_tokens=False) for each in (before, after))
    assert ids.tokens == own.tokens and ids.ids != own.ids and len(ids.ids) > 5
    theirs = classes(name).from_pretrained(saved[name]).eval()(torch.tensor([ids.ids])).logits
    pieces = [str(before.id_to_token(number)) for number in range(before.get_vocab_size())]
    order = [after.get_vocab()[piece] for piece in pieces]
    net = load_net(package)
    torch.testing.assert_close(net(torch.tensor([own.ids]))[..., order], theirs, rtol=1e-4, atol=1e-5)
    again = classes(name).from_pretrained(package).eval()(torch.tensor([own.ids])).logits
    torch.testing.assert_close(again[..., order], theirs, rtol=1e-4, atol=1e-5)
    marks = ["<|endoftext|>"] if name == "gpt2" else ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    assert [after.token_to_id(mark) for mark in marks] == list(range(len(marks)))
    if name == "bert":
        assert after.encode("a b", "c").tokens == ["[CLS]", "a", "b", "[SEP]", "c", "[SEP]"]
    assert list(Predictor(package)([TEXT]))
    written = "".join((package / file).read_text() for file in ("README.md", "resolved.json", "config.json"))
    assert str(tmp_path) not in written and str(saved[name]) not in written


@pytest.mark.parametrize(("name", "task"), [("gpt2", "causal-lm"), ("bert", "text-classification")])
def test_a_run_goes_on_from_a_wrapped_model(name: str, task: str, saved: dict[str, Path], tmp_path: Path) -> None:
    told = wrap(saved[name], tmp_path / "package")
    own = {"model": told["model"] | {"start": VERSION, "lora": 2}, "tokenizer": told["tokenizer"]}
    run = Run(tmp_path / "run", tiny(task, train__max_steps=3, **own), blob_of(task), KINDS[task], profile_for(task))
    begin_with(run, tmp_path / "package")
    assert run.go() == DONE, run.log
    read = [(folder / "tokenizer.json").read_bytes() for folder in (tmp_path / "package", run.folder / "out")]
    assert read[0] == read[1]
    before, after = (load_net(folder).state_dict() for folder in (tmp_path / "package", run.folder / "out"))
    held = [key for key in after if key.endswith(("norm1.bias", "down.bias"))]
    assert len(held) == 4 and all(torch.equal(before[key], after[key]) and after[key].any() for key in held)
    # The model that came of it is a start too, of which all may learn.
    own["model"] = own["model"] | {"lora": None}
    again = Run(tmp_path / "again", tiny(task, train__max_steps=2, **own), run.blob.read_bytes(), run.kind, run.profile)
    begin_with(again, run.folder / "out")
    assert again.go() == DONE, again.log
    learnt = load_net(again.folder / "out").state_dict()
    assert learnt.keys() == after.keys() and not any(torch.equal(after[key], learnt[key]) for key in held)


def field(**values: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        config = json.loads((folder / "config.json").read_text()) | values
        config = {key: value for key, value in config.items() if value != "left out"}
        (folder / "config.json").write_text(json.dumps(config))

    return change


def weights(change: Callable[[dict[str, torch.Tensor]], Any]) -> Callable[[Path], None]:
    def written(folder: Path) -> None:
        found = load_file(folder / "model.safetensors")
        change(found)
        save_file(found, folder / "model.safetensors", {"format": "pt"})

    return written


def renamed(name: str) -> Callable[[Path], Any]:
    return lambda folder: (folder / "model.safetensors").rename(folder / name)


def tokens(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    def written(folder: Path) -> None:
        document = json.loads((folder / "tokenizer.json").read_text())
        change(document)
        (folder / "tokenizer.json").write_text(json.dumps(document))

    return written


def parted(places: dict[str, str]) -> Callable[[Path], Any]:
    def written(folder: Path) -> None:
        (folder / "model.safetensors").unlink()
        (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))

    return written


WTE, NORM = "transformer.wte.weight", "transformer.ln_f"
REFUSED: list[tuple[Callable[[Path], Any], str, str]] = [
    (lambda folder: (folder / "config.json").unlink(), "wrap_missing", "config.json"),
    (lambda folder: (folder / "tokenizer.json").unlink(), "wrap_missing", "tokenizer.json"),
    (lambda folder: (folder / "model.safetensors").unlink(), "wrap_missing", "model.safetensors"),
    (renamed("pytorch_model.bin"), "wrap_pickled", "pytorch_model.bin"),
    (parted({}), "wrap_parted", "model.safetensors.index.json"),
    (parted({WTE: "../model.safetensors"}), "wrap_parted", "model.safetensors.index.json"),
    (parted({WTE: "model-00001-of-00002.safetensors"}), "wrap_missing", "model-00001-of-00002.safetensors"),
    (lambda folder: (folder / "config.json").write_text("[]"), "wrap_object", "config.json"),
    (lambda folder: (folder / "config.json").write_text("{"), "wrap_unread", "config.json"),
    (lambda folder: (folder / "config.json").write_bytes(b"\xff\xfe"), "wrap_unread", "config.json"),
    (lambda folder: (folder / "tokenizer.json").write_text("{}"), "wrap_unread", "tokenizer.json"),
    (lambda folder: (folder / "model.safetensors").write_bytes(b"\x80\x02."), "wrap_unread", "model.safetensors"),
    (field(model_type="mamba"), "wrap_type", "mamba"),
    (field(model_type="left out"), "wrap_type", "null"),
    (field(architectures=["GPT2ForSequenceClassification"]), "wrap_field", "architectures"),
    (field(architectures=None), "wrap_field", "architectures"),
    (field(activation_function="relu"), "wrap_field", "activation_function"),
    (field(n_inner=48), "wrap_field", "n_inner"),
    (field(layer_norm_epsilon=1e-6), "wrap_field", "layer_norm_epsilon"),
    (field(scale_attn_weights=False), "wrap_field", "scale_attn_weights"),
    (field(tie_word_embeddings=False), "wrap_field", "tie_word_embeddings"),
    (field(n_layer="left out"), "wrap_untold", "n_layer"),
    (field(n_layer="2"), "wrap_number", "n_layer"),
    (field(n_embd=True), "wrap_number", "n_embd"),
    (field(n_head=3), "wrap_unfit", "n_head"),
    (field(n_positions=-1), "wrap_unfit", "n_positions"),
    (field(n_layer=10**9), "wrap_unfit", "n_layer"),
    (field(n_embd=16_384, n_layer=96), "wrap_weight_shape", "transformer.wte.weight"),
    (field(resid_pdrop=float("nan")), "wrap_unfit", "resid_pdrop"),
    (field(n_layer=3), "wrap_weight_missing", "transformer.h.2.ln_1.weight"),
    (field(n_layer=1), "wrap_weight_unknown", "transformer.h.1."),
    (field(n_positions=12), "wrap_weight_shape", "transformer.wpe.weight"),
    (field(vocab_size=400), "wrap_weight_shape", "400"),
    (field(vocab_size=200), "wrap_vocab", "200"),
    (weights(lambda found: found.update({"lm_head.weight": found[WTE] + 1})), "wrap_weight_untied", "lm_head.weight"),
    (weights(lambda found: found[WTE].fill_(float("nan"))), "wrap_unread", "model.safetensors"),
    (weights(lambda found: found.update({"wte.weight": found[WTE] + 1})), "wrap_weight_twice", WTE),
    (weights(lambda found: found.update({f"{NORM}.gamma": found[f"{NORM}.weight"] + 1})), "wrap_weight_twice", NORM),
    (weights(lambda found: found.update({WTE: found[WTE].char()})), "wrap_weight_kind", "int8"),
    (tokens(lambda found: found["added_tokens"][-1].update(content="<s>")), "wrap_mark", "<|endoftext|>"),
    (tokens(lambda found: found["model"].update(merges=[])), "wrap_tokenizer", "BPE"),
]


@pytest.mark.parametrize(("change", "message", "named"), REFUSED)
def test_what_cannot_be_a_start_is_named(
    change: Callable[[Path], Any], message: str, named: str, saved: dict[str, Path], tmp_path: Path
) -> None:
    source = tmp_path / "source"
    shutil.copytree(saved["gpt2"], source)
    change(source)
    with pytest.raises(EngineError) as caught:
        wrap(source, tmp_path / "package")
    assert caught.value.message == message
    assert named in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_what_lies_beside_stays(saved: dict[str, Path], tmp_path: Path) -> None:
    own = tmp_path / "package.tmp" / "own"
    own.parent.mkdir()
    own.write_text("mine")
    wrap(saved["gpt2"], tmp_path / "package")
    assert own.read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["package", "package.tmp"]
    assert (tmp_path / "package").stat().st_mode == own.parent.stat().st_mode  # others may read it as they may that


def test_early_names_and_halves_are_read(saved: dict[str, Path], tmp_path: Path) -> None:
    """Early models name norms otherwise, leave the prefix out, and keep masks; later ones are stored in bf16."""
    whole = tmp_path / "whole"
    wrap(saved["bert"], whole)
    for name in ("gpt2", "bert"):
        source = tmp_path / name
        shutil.copytree(saved[name], source)
        found = {
            key.removeprefix("transformer."): value.bfloat16()
            for key, value in load_file(source / "model.safetensors").items()
        }
        if name == "gpt2":
            found["h.0.attn.bias"] = torch.ones(1, 1, 16, 16)
        found = {
            key.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): value
            for key, value in found.items()
        }
        save_file(found, source / "model.safetensors", {"format": "pt"})
        wrap(source, tmp_path / f"{name}-package")
    halves = load_net(tmp_path / "bert-package").state_dict()
    assert all(
        torch.equal(value.bfloat16().float(), halves[key]) for key, value in load_net(whole).state_dict().items()
    )


def test_the_command_tells_what_a_spec_must_say(
    saved: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["wrap", str(saved["gpt2"]), str(tmp_path / "package")]
    assert main([*words, "--task", "masked-lm"]) == 1
    assert "one of the task “causal-lm”" in capsys.readouterr().err
    assert main(words) == 0
    told = json.loads(capsys.readouterr().out)
    sizes = {"layers": 2, "heads": 2, "width": 16, "context": 16, "dropout": 0.1}
    assert told["model"] == {"arch": "gpt", "size": "base", **sizes}
    assert told["tokenizer"]["kind"] == "bpe"
    assert main(words) == 1
    assert "already" in capsys.readouterr().err
    assert main(["wrap", str(tmp_path / "nowhere"), str(tmp_path / "other")]) == 1
    assert "There is no config.json" in capsys.readouterr().err


def test_only_added_tokens_that_are_special_vanish(saved: dict[str, Path], tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(saved["gpt2"], source)
    document = json.loads((source / "tokenizer.json").read_text())
    word = next(piece for piece in document["model"]["vocab"] if len(piece) > 2 and piece.isascii())
    plain = document["added_tokens"][-1] | {"content": word, "id": document["model"]["vocab"][word], "special": False}
    document["added_tokens"].insert(0, plain)
    (source / "tokenizer.json").write_text(json.dumps(document))
    wrap(source, tmp_path / "package")
    tokenizer = load_tokenizer(tmp_path / "package" / "tokenizer.json")
    number = tokenizer.vocab[word]
    assert tokenizer.encode(f"a{word}").tolist()[-1] == number
    assert tokenizer.decode([0, number, 0]) == word


@pytest.mark.parametrize("name", ["gpt2", "bert"])
def test_a_mark_in_a_text_is_plain_text(name: str, saved: dict[str, Path], tmp_path: Path) -> None:
    """Also where a word is all that stands between spaces, and is looked up whole."""
    source = tmp_path / "source"
    shutil.copytree(saved[name], source)
    if name == "bert":
        document = json.loads((source / "tokenizer.json").read_text())
        document["pre_tokenizer"] = {"type": "WhitespaceSplit"}
        (source / "tokenizer.json").write_text(json.dumps(document))
    wrap(source, tmp_path / "package")
    tokenizer = load_tokenizer(tmp_path / "package" / "tokenizer.json")
    unknown = {tokenizer.specials[mark] for mark in ("[UNK]",) if mark in tokenizer.specials}
    for mark in tokenizer.specials:
        assert set(tokenizer.encode(f"a {mark} b{mark}").tolist()) & set(tokenizer.specials.values()) <= unknown
