"""Every type of model that transformers saves and that can be a start: equal answers, and a run that goes on from it.

The models are tiny and random; what they answer is held against transformers, from the text, image or sound on.
"""

import importlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from tests.training.engine.conftest import KINDS, VERSION, Run, blob_of, profile_for, text_blob, tiny
from tests.training.engine.test_start import begin_with
from tests.training.engine.test_wrap import TEXT, field, scrambled, weights
from training.engine.contract import DONE
from training.engine.errors import EngineError
from training.engine.package import load_net
from training.engine.predict import Predictor
from training.engine.registry import net_module
from training.engine.tokenizing import UNKNOWNS, byte_alphabet
from training.engine.wrap import wrap

SIZE = {"num_hidden_layers": 2, "num_attention_heads": 4, "hidden_size": 32}
HALVES = {
    **{f"{half}_layers": 2 for half in ("encoder", "decoder")},
    **{f"{half}_attention_heads": 2 for half in ("encoder", "decoder")},
    "d_model": 16,
}
HEARING = {"conv_dim": (16,) * 7, "conv_bias": True, "feat_extract_norm": "layer", "do_stable_layer_norm": True}
PLACES = {"num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 4}
LETTERS = ["<s>", "|", "e", "<unk>", "t", "a", "<pad>", "o", "'", "</s>"]
RESIDUES = {"<cls>": "[CLS]", "<pad>": "[PAD]", "<eos>": "[SEP]", "<unk>": "[UNK]", "<mask>": "[MASK]"}
CROPS = {"image_processor_type": "ConvNextImageProcessor", "size": {"shortest_edge": 32}, "resample": 3}
RATE = 16_000


def of(package: str, name: str) -> Any:
    """A class of transformers, or the class of its config."""
    part = "configuration" if name.endswith("Config") else "modeling"
    return getattr(importlib.import_module(f"transformers.models.{package}.{part}_{package}"), name)


def trained(kind: str, marks: list[str], **roles: str) -> Any:
    """A fast tokenizer of byte pairs or of a unigram, with these marks somewhere among its tokens."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    if kind == "unigram":
        letters = [chr(n) for n in range(97, 123)]
        pieces = ["▁", ".", *letters, *(a + b for a in letters for b in letters), *(f"▁{a}" for a in letters)]
        words = [*pieces[:50], *marks, *pieces[50:]]
        entries = [(word, -float(len(word)) if word in pieces else 0.0) for word in words]
        fast = Tokenizer(models.Unigram(entries, unk_id=words.index("<unk>")))
    else:
        fast = Tokenizer(models.BPE(unk_token=roles.get("unk_token")))
    fast.pre_tokenizer, fast.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    if kind == "bpe":
        options: dict[str, Any] = {"initial_alphabet": list(map(chr, range(33, 500))), "show_progress": False}
        fast.train_from_iterator([text_blob().decode()], trainers.BpeTrainer(vocab_size=600, **options))
    fast.add_special_tokens(marks)
    return PreTrainedTokenizerFast(tokenizer_object=fast, **roles)


def save_tokens(
    folder: Path, package: str, model: str, config: str, tokenizer: Any, more: int = 0, **fields: Any
) -> None:
    """A model on text, with `more` rows of the table than there are tokens."""
    tokenizer.save_pretrained(folder)
    ids = {f"{role}_token_id": getattr(tokenizer, f"{role}_token_id") for role in ("pad", "bos", "eos", "cls", "sep")}
    size = {"vocab_size": len(tokenizer) + more} | {name: value for name, value in ids.items() if value is not None}
    scrambled(of(package, model)(of(package, config)(**size | fields))).save_pretrained(folder)


def save_llama(folder: Path) -> None:
    marks = trained("bpe", ["<unk>", "<s>", "</s>"], unk_token="<unk>", bos_token="<s>", eos_token="</s>")
    own: dict[str, Any] = {"intermediate_size": 48, "num_key_value_heads": 2, "max_position_embeddings": 32}
    own |= {"rms_norm_eps": 1e-5, "rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 5e4}}
    save_tokens(folder, "llama", "LlamaForCausalLM", "LlamaConfig", marks, **SIZE | own)


def save_t5(folder: Path) -> None:
    marks = trained("unigram", ["<pad>", "</s>", "<unk>"], pad_token="<pad>", eos_token="</s>", unk_token="<unk>")
    own: dict[str, Any] = {"d_model": 16, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 2}
    own["decoder_start_token_id"] = marks.pad_token_id
    save_tokens(folder, "t5", "T5ForConditionalGeneration", "T5Config", marks, more=9, n_positions=24, **own)


def save_bart(folder: Path) -> None:
    names = {"bos_token": "<s>", "pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    own = HALVES | {"encoder_ffn_dim": 40, "decoder_ffn_dim": 64, "max_position_embeddings": 32, "decoder_layers": 1}
    marks = trained("bpe", list(names.values()), **names)
    save_tokens(folder, "bart", "BartForConditionalGeneration", "BartConfig", marks, **own)


def save_modernbert(folder: Path) -> None:
    names = {"unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]"}
    marks = trained("bpe", [*names.values(), "[MASK]"], mask_token="[MASK]", **names)
    own = {"intermediate_size": 40, "max_position_embeddings": 32, "local_attention": 8}
    save_tokens(folder, "modernbert", "ModernBertForMaskedLM", "ModernBertConfig", marks, more=5, **SIZE | own)


def save_esm(folder: Path) -> None:
    from transformers.models.esm.tokenization_esm import EsmTokenizer

    folder.mkdir()
    words = ["<cls>", "<pad>", "<eos>", "<unk>", *"LAGVSERTIDPKQNFYMHWCXBUZO.-", "<null_1>", "<mask>"]
    (folder / "words.txt").write_text("\n".join(words))
    tokenizer = EsmTokenizer(str(folder / "words.txt"))
    own = {"intermediate_size": 40, "max_position_embeddings": 40, "position_embedding_type": "rotary"}
    own |= {"layer_norm_eps": 1e-5, "token_dropout": True, "emb_layer_norm_before": False, "mask_token_id": 32}
    save_tokens(folder, "esm", "EsmForMaskedLM", "EsmConfig", tokenizer, **SIZE | own)


def save_pixels(folder: Path, package: str, model: str, config: str, processor: dict[str, Any], **fields: Any) -> None:
    names = {0: "left", 1: "right"}
    net = of(package, model)(of(package, config)(id2label=names, label2id={v: k for k, v in names.items()}, **fields))
    for buffer_name, buffer in net.named_buffers():  # of the norms of a ResNet
        if buffer_name.endswith("running_mean"):
            buffer.normal_()
        elif buffer_name.endswith("running_var"):
            buffer.uniform_(0.5, 2)
    scrambled(net).save_pretrained(folder)
    scale = {"image_mean": [0.4, 0.5, 0.6], "image_std": [0.2, 0.25, 0.3], "size": {"height": 32, "width": 32}}
    (folder / "preprocessor_config.json").write_text(json.dumps(scale | processor))


def save_vit(folder: Path) -> None:
    own = SIZE | {"intermediate_size": 128, "image_size": 32, "patch_size": 8}
    save_pixels(folder, "vit", "ViTForImageClassification", "ViTConfig", {"size": 32, "resample": 2}, **own)


def save_convnext(folder: Path) -> None:
    own = {"depths": [1, 2, 1, 1], "hidden_sizes": [8, 16, 32, 64], "patch_size": 4, "image_size": 224}
    save_pixels(folder, "convnextv2", "ConvNextV2ForImageClassification", "ConvNextV2Config", CROPS, **own)


def save_resnet(folder: Path) -> None:
    own: dict[str, Any] = {"embedding_size": 8, "hidden_sizes": [8, 16, 32], "depths": [2, 2, 2], "layer_type": "basic"}
    crops = CROPS | {"crop_pct": 0.7, "resample": 2}
    save_pixels(folder, "resnet", "ResNetForImageClassification", "ResNetConfig", crops, **own)


def save_bottlenecks(folder: Path) -> None:
    """In four stages, as those that were published."""
    own: dict[str, Any] = {"embedding_size": 8, "hidden_sizes": [16, 32, 48, 64], "depths": [2, 1, 3, 1]}
    save_pixels(folder, "resnet", "ResNetForImageClassification", "ResNetConfig", CROPS | {"crop_pct": 0.875}, **own)


def save_mae(folder: Path) -> None:
    own = SIZE | {"intermediate_size": 128, "image_size": 32, "patch_size": 8}
    own |= {"decoder_hidden_size": 24, "decoder_num_hidden_layers": 3, "decoder_num_attention_heads": 3}
    own |= {"decoder_intermediate_size": 96}
    save_pixels(folder, "vit_mae", "ViTMAEForPreTraining", "ViTMAEConfig", {"resample": 3}, **own)


def save_segformer(folder: Path) -> None:
    own: dict[str, Any] = {"hidden_sizes": [8, 16, 40, 64], "depths": [1, 2, 1, 1], "decoder_hidden_size": 24}
    save_pixels(folder, "segformer", "SegformerForSemanticSegmentation", "SegformerConfig", {}, **own)


def save_yolos(folder: Path) -> None:
    """Of images that are wider than high."""
    own = SIZE | {"intermediate_size": 48, "image_size": [24, 40], "patch_size": 8, "num_detection_tokens": 16}
    edges = {"image_processor_type": "YolosImageProcessor", "size": {"shortest_edge": 32, "longest_edge": 56}}
    save_pixels(folder, "yolos", "YolosForObjectDetection", "YolosConfig", edges | {"do_pad": True}, **own)


def save_clip(folder: Path) -> None:
    """Halves that are not alike, and one mark for the end, for what fills up and for what is unknown."""
    from transformers import CLIPTokenizer

    letters = byte_alphabet()
    pieces = [*letters, *(f"{a}</w>" for a in letters), "th", "the</w>", "<|startoftext|>", "<|endoftext|>"]
    vocab = {piece: n for n, piece in enumerate(pieces)}
    CLIPTokenizer(vocab=vocab, merges=[("t", "h"), ("th", "e</w>")]).save_pretrained(folder)
    ids = {"bos_token_id": len(vocab) - 2, "eos_token_id": len(vocab) - 1, "pad_token_id": 1}
    text = SIZE | ids | {"vocab_size": len(vocab), "intermediate_size": 48, "max_position_embeddings": 16}
    image = {"hidden_size": 48, "intermediate_size": 96, "num_hidden_layers": 3, "num_attention_heads": 3}
    image |= {"image_size": 32, "patch_size": 8}
    config = of("clip", "CLIPConfig")(text_config=text, vision_config=image, projection_dim=24)
    scrambled(of("clip", "CLIPModel")(config)).save_pretrained(folder)
    scale = {"image_mean": [0.4, 0.5, 0.6], "image_std": [0.2, 0.25, 0.3], "resample": 3, "do_center_crop": True}
    edges = {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}}
    kind = {"image_processor_type": "CLIPImageProcessor"}
    (folder / "preprocessor_config.json").write_text(json.dumps(scale | edges | kind))


def save_patchtst(folder: Path) -> None:
    """Of three series beside each other, with norms over batches, as those that were published."""
    own = {"num_hidden_layers": 2, "num_attention_heads": 4, "d_model": 32, "ffn_dim": 48, "num_input_channels": 3}
    own |= {"context_length": 24, "patch_length": 4, "patch_stride": 4, "prediction_length": 8, "path_dropout": 0.2}
    net = of("patchtst", "PatchTSTForPrediction")(of("patchtst", "PatchTSTConfig")(pooling_type=None, **own))
    for name, buffer in net.named_buffers():
        if name.endswith("running_mean"):
            buffer.normal_()
        elif name.endswith("running_var"):
            buffer.uniform_(0.5, 2)
    scrambled(net).save_pretrained(folder)


def save_speecht5(folder: Path) -> None:
    from transformers.models.speecht5.feature_extraction_speecht5 import SpeechT5FeatureExtractor

    own = {f"{half}_layers": 2 for half in ("encoder", "decoder")} | {"hidden_size": 32, "decoder_layers": 1}
    own |= {f"{half}_attention_heads": 2 for half in ("encoder", "decoder")} | {"encoder_ffn_dim": 48}
    own |= {"decoder_ffn_dim": 40, "speech_decoder_prenet_units": 24, "speech_decoder_postnet_units": 20}
    own |= {"speaker_embedding_dim": 40, "max_speech_positions": 320, "max_text_positions": 450, "vocab_size": 30}
    net = of("speecht5", "SpeechT5ForTextToSpeech")(of("speecht5", "SpeechT5Config")(**own))
    scrambled(net).save_pretrained(folder)
    SpeechT5FeatureExtractor().save_pretrained(folder)


def save_waves(folder: Path, model: str, **fields: Any) -> None:
    from transformers.models.wav2vec2.feature_extraction_wav2vec2 import Wav2Vec2FeatureExtractor

    own = SIZE | HEARING | PLACES | {"intermediate_size": 48} | fields
    scrambled(of("wav2vec2", model)(of("wav2vec2", "Wav2Vec2Config")(**own))).save_pretrained(folder)
    Wav2Vec2FeatureExtractor(return_attention_mask=True).save_pretrained(folder)


def save_letters(folder: Path) -> None:
    save_waves(folder, "Wav2Vec2ForCTC", vocab_size=len(LETTERS))
    (folder / "vocab.json").write_text(json.dumps({letter: n for n, letter in enumerate(LETTERS)}))


def save_sounds(folder: Path) -> None:
    save_waves(folder, "Wav2Vec2ForSequenceClassification", id2label={0: "high", 1: "low"}, classifier_proj_size=12)


GROUPED = {"conv_bias": False, "feat_extract_norm": "group", "do_stable_layer_norm": False}


def save_grouped(folder: Path) -> None:
    """As the base that was published, which has learnt letters."""
    save_waves(folder, "Wav2Vec2ForCTC", vocab_size=len(LETTERS), **GROUPED)
    (folder / "vocab.json").write_text(json.dumps({letter: n for n, letter in enumerate(LETTERS)}))


def save_codes(folder: Path) -> None:
    """And the one which has not."""
    codes = {"num_codevector_groups": 2, "num_codevectors_per_group": 20, "codevector_dim": 12}
    save_waves(folder, "Wav2Vec2ForPreTraining", proj_codevector_dim=10, **GROUPED | codes)


def save_bands(folder: Path) -> None:
    """With patches that overlap, and seconds that are not whole, as in the model that was published."""
    own = SIZE | {"intermediate_size": 48, "patch_size": 8, "frequency_stride": 5, "time_stride": 6}
    own |= {"num_mel_bins": 32, "max_length": 112, "id2label": {0: "high", 1: "low"}}
    package = "audio_spectrogram_transformer"
    scrambled(of(package, "ASTForAudioClassification")(of(package, "ASTConfig")(**own))).save_pretrained(folder)
    heard = {"feature_extractor_type": "ASTFeatureExtractor", "mean": -4.2, "std": 4.5, "num_mel_bins": 32}
    (folder / "preprocessor_config.json").write_text(json.dumps(heard | {"max_length": 112, "sampling_rate": RATE}))


def save_whisper(folder: Path) -> None:
    from transformers.models.whisper.feature_extraction_whisper import WhisperFeatureExtractor

    own = HALVES | {"encoder_ffn_dim": 40, "decoder_ffn_dim": 64, "decoder_layers": 1, "vocab_size": 60}
    own |= {"max_source_positions": 100, "max_target_positions": 24, "pad_token_id": 5, "bos_token_id": 5}
    own |= {"eos_token_id": 5, "decoder_start_token_id": 6}
    config = of("whisper", "WhisperConfig")(**own)
    scrambled(of("whisper", "WhisperForConditionalGeneration")(config)).save_pretrained(folder)
    WhisperFeatureExtractor(chunk_length=2).save_pretrained(folder)


TOKENS: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "llama": (save_llama, "llama", "LlamaForCausalLM"),
    "t5": (save_t5, "t5", "T5ForConditionalGeneration"),
    "bart": (save_bart, "bart", "BartForConditionalGeneration"),
    "modernbert": (save_modernbert, "modernbert", "ModernBertForMaskedLM"),
    "esm": (save_esm, "esm", "EsmForMaskedLM"),
}
PIXELS: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "vit": (save_vit, "vit", "ViTForImageClassification"),
    "convnext": (save_convnext, "convnextv2", "ConvNextV2ForImageClassification"),
    "resnet": (save_resnet, "resnet", "ResNetForImageClassification"),
    "bottlenecks": (save_bottlenecks, "resnet", "ResNetForImageClassification"),
    "mae": (save_mae, "vit_mae", "ViTMAEForPreTraining"),
    "segformer": (save_segformer, "segformer", "SegformerForSemanticSegmentation"),
    "yolos": (save_yolos, "yolos", "YolosForObjectDetection"),
}
SOUNDS: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "letters": (save_letters, "wav2vec2", "Wav2Vec2ForCTC"),
    "sounds": (save_sounds, "wav2vec2", "Wav2Vec2ForSequenceClassification"),
    "grouped": (save_grouped, "wav2vec2", "Wav2Vec2ForCTC"),
    "codes": (save_codes, "wav2vec2", "Wav2Vec2ForPreTraining"),
    "bands": (save_bands, "audio_spectrogram_transformer", "ASTForAudioClassification"),
    "whisper": (save_whisper, "whisper", "WhisperForConditionalGeneration"),
}
OTHERS: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "clip": (save_clip, "clip", "CLIPModel"),
    "speecht5": (save_speecht5, "speecht5", "SpeechT5ForTextToSpeech"),
    "patchtst": (save_patchtst, "patchtst", "PatchTSTForPrediction"),
}
FAMILIES = TOKENS | PIXELS | SOUNDS | OTHERS


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a family, saved when it is first asked for."""
    folder = tmp_path_factory.mktemp("saved")

    def of_family(name: str) -> Path:
        if not (folder / name).exists():
            torch.manual_seed(7)
            FAMILIES[name][0](folder / name)
        return folder / name

    return of_family


def theirs(name: str, folder: Path) -> Any:
    _, package, model = FAMILIES[name]
    return of(package, model).from_pretrained(folder).eval()


@torch.no_grad()
@pytest.mark.parametrize("name", list(TOKENS))
def test_texts_get_the_same_answers(name: str, saved: Callable[[str], Path], tmp_path: Path) -> None:
    """Token by token, in whatever order the tokens stand; and once more through the package in transformers."""
    source, package = saved(name), tmp_path / "package"
    told = wrap(source, package)
    net, task = load_net(package), Predictor(package).task
    text = "LAGVSERTIDPKQ.-" if name == "esm" else TEXT
    if name == "esm":
        words = (source / "vocab.txt").read_text().split()
        theirs_ids = [words.index(letter) for letter in text]
    else:
        from tokenizers import Tokenizer

        fast = Tokenizer.from_file(str(source / "tokenizer.json"))
        theirs_ids = fast.encode(text, add_special_tokens=False).ids
        words = [str(fast.id_to_token(n)) for n in range(fast.get_vocab_size())]
    own_ids = task.tokenizer.encode(text).tolist()  # type: ignore[attr-defined]
    vocab = task.tokenizer.vocab  # type: ignore[attr-defined]
    marks = {"llama": {"</s>": "<|endoftext|>"}, "esm": RESIDUES}.get(name, {})
    kept = [(n, vocab[marks.get(word, word)]) for n, word in enumerate(words) if marks.get(word, word) in vocab]
    assert len(kept) >= len(words) - 1 and len(own_ids) == len(theirs_ids) > 5
    places, order = (list(each) for each in zip(*kept, strict=True))
    assert own_ids == [dict(kept)[n] for n in theirs_ids] != theirs_ids
    if name == "esm":  # hidden residues change how loud the others are
        theirs_ids[3], own_ids[3] = words.index("<mask>"), vocab["[MASK]"]
    given, own = torch.tensor([theirs_ids]), torch.tensor([own_ids])
    writes = name in ("t5", "bart")
    before = {"decoder_input_ids": given.flip(1)} if writes else {}
    wanted = theirs(name, source)(given, **before).logits[..., places]
    found = net(own, own.flip(1)) if writes else net(own)
    torch.testing.assert_close(found[..., order], wanted, rtol=1e-4, atol=1e-4)
    before = {"decoder_input_ids": own.flip(1)} if writes else {}
    torch.testing.assert_close(theirs(name, package)(own, **before).logits, found, rtol=1e-4, atol=1e-4)
    assert wanted.std() > 0.05 and told["model"]["layers"] == 2


@pytest.mark.parametrize("name", [name for name in TOKENS if name != "esm"])
def test_a_mark_in_a_text_is_plain_text(name: str, saved: Callable[[str], Path], tmp_path: Path) -> None:
    wrap(saved(name), tmp_path / "package")
    tokenizer = Predictor(tmp_path / "package").task.tokenizer  # type: ignore[attr-defined]
    unknown = tokenizer.specials[next(mark for mark in UNKNOWNS if mark in tokenizer.specials)]
    for mark in tokenizer.specials:
        for text in (mark, f"the cat{mark} sees", f"{mark} {mark}"):
            ids = tokenizer.encode(text).tolist()
            assert len(ids) > 1 and set(ids) & set(tokenizer.specials.values()) <= {unknown}


@torch.no_grad()
def test_a_llama_of_groups_goes_on_as_it_begins(saved: Callable[[str], Path], tmp_path: Path) -> None:
    wrap(saved("llama"), tmp_path / "package")
    net: Any = load_net(tmp_path / "package")
    ids = torch.randint(3, 90, (2, 12))
    memory = net.memory(2)
    steps = [net.begin(ids[:, :5], [5, 5], memory, [0, 1])]
    steps += [net.go_on(ids[:, n : n + 1], memory) for n in range(5, 11)]
    torch.testing.assert_close(torch.stack(steps, 1), net(ids)[:, 4:11], rtol=1e-4, atol=1e-4)


def picture(path: Path, square: bool = False) -> Path:
    """Colours that change from pixel to pixel, wider than high or square."""
    values = np.random.default_rng(3).integers(0, 256, (57 if square else 41, 57, 3), dtype=np.uint8)
    Image.fromarray(values).save(path)
    return path


@torch.no_grad()
@pytest.mark.parametrize("name", list(PIXELS))
def test_images_are_seen_and_answered_as_they_were(name: str, saved: Callable[[str], Path], tmp_path: Path) -> None:
    from transformers.models.convnext.image_processing_pil_convnext import ConvNextImageProcessorPil
    from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil
    from transformers.models.yolos.image_processing_pil_yolos import YolosImageProcessorPil

    # Whatever is no square, a YOLOS of elsewhere would see in another form.
    source, package, path = saved(name), tmp_path / "package", picture(tmp_path / "image.png", square=name == "yolos")
    told = wrap(source, package)
    readers: dict[str, Any] = dict.fromkeys(("convnext", "resnet", "bottlenecks"), ConvNextImageProcessorPil)
    readers["yolos"] = YolosImageProcessorPil
    reader: Any = readers.get(name, ViTImageProcessorPil)
    seen, again = (
        reader.from_pretrained(folder)(Image.open(path), return_tensors="pt")["pixel_values"]
        for folder in (source, package)
    )
    predictor = Predictor(package)
    own = predictor.task.new_pixels([path])  # type: ignore[attr-defined]
    torch.testing.assert_close(own, seen, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(again, seen, rtol=1e-5, atol=1e-5)
    if name == "mae":
        noise = torch.rand(1, 16)
        before = theirs(name, source)(seen, noise=noise)
        found = predictor.net(own, noise.argsort(1), 4)
    else:
        before, found = theirs(name, source)(seen), predictor.net(own)
    wanted = before.logits
    torch.testing.assert_close(getattr(found, "logits", found), wanted, rtol=1e-4, atol=1e-4)
    more = {"noise": noise} if name == "mae" else {}
    torch.testing.assert_close(theirs(name, package)(seen, **more).logits, wanted, rtol=1e-4, atol=1e-4)
    if name == "yolos":
        torch.testing.assert_close(found.pred_boxes, before.pred_boxes, rtol=1e-4, atol=1e-4)
    elif name not in ("segformer", "mae"):
        (answer,) = predictor([path])
        assert answer["label"] == ["left", "right"][int(wanted.argmax())]
    assert told["model"]["image"] == 32 and told["tokenizer"] is None


def test_a_middle_is_cut_out_as_it_was(saved: Callable[[str], Path], tmp_path: Path) -> None:
    """Of an image that was made a little larger first, as classifiers see it whose processor says so."""
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
    from transformers.models.convnext.image_processing_pil_convnext import ConvNextImageProcessorPil

    source, package, path = tmp_path / "source", tmp_path / "package", picture(tmp_path / "image.png")
    shutil.copytree(saved("vit"), source)
    processor(size={"shortest_edge": 37}, crop_size={"height": 32, "width": 32}, do_center_crop=True)(source)
    wrap(source, package)
    seen = CLIPImageProcessorPil.from_pretrained(source)(Image.open(path), return_tensors="pt")["pixel_values"]
    again = ConvNextImageProcessorPil.from_pretrained(package)(Image.open(path), return_tensors="pt")["pixel_values"]
    own = Predictor(package).task.new_pixels([path])  # type: ignore[attr-defined]
    torch.testing.assert_close(own, seen, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(again, seen, rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_images_and_texts_lie_where_they_lay(saved: Callable[[str], Path], tmp_path: Path) -> None:
    from transformers import CLIPTokenizer, PreTrainedTokenizerFast
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    source, package, path = saved("clip"), tmp_path / "package", picture(tmp_path / "image.png")
    told = wrap(source, package)
    assert told["model"]["width"] == 24 and told["model"]["context"] == 16
    predictor = Predictor(package)
    task: Any = predictor.task
    texts = ["A dog sees the bone.", "the cat", "so many letters that none of them all has room"]
    reader = CLIPTokenizer.from_pretrained(source)
    read = reader(texts, padding=True, truncation=True, max_length=16, return_tensors="pt")
    seen, again = (
        CLIPImageProcessorPil.from_pretrained(folder)(Image.open(path), return_tensors="pt")["pixel_values"]
        for folder in (source, package)
    )
    own = task.new_pixels([path])
    torch.testing.assert_close(own, seen, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(again, seen, rtol=1e-5, atol=1e-5)
    before = theirs("clip", source)(**read, pixel_values=seen)
    rows = [task._encode(text) for text in texts]
    assert [len(row) for row in rows] == read["attention_mask"].sum(1).tolist()
    fast = PreTrainedTokenizerFast.from_pretrained(package)
    assert fast(texts[1])["input_ids"] == rows[1].tolist()
    ids = np.full((3, 16), task.tokenizer.vocab["<pad>"])
    for row, each in zip(ids, rows, strict=True):
        row[: len(each)] = each
    batch = task._texts(ids) | {"pixels": own}
    for model in (predictor.net, theirs("clip", package)):
        images, points = task._points(model, batch)
        torch.testing.assert_close(images, before.image_embeds, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(points, before.text_embeds, rtol=1e-4, atol=1e-4)
    (answer,) = predictor([{"image": path, "texts": texts}])
    shares = before.logits_per_image[0].softmax(-1).tolist()
    assert list(answer["probabilities"].values()) == pytest.approx(shares, abs=1e-4)


@torch.no_grad()
def test_texts_are_said_as_they_were(saved: Callable[[str], Path], tmp_path: Path) -> None:
    """Where nobody is named to speak, and without what transformers forgets by chance."""
    told = wrap(saved("speecht5"), tmp_path / "package")
    assert told["model"]["seconds"] == 10
    ids, mask = torch.randint(4, 30, (2, 12)), torch.ones(2, 12, dtype=torch.long)
    mask[1, 8:] = 0
    before, there = torch.randn(2, 5, 80), torch.ones(2, 5, dtype=torch.long)
    net: Any = load_net(tmp_path / "package")
    for folder in (saved("speecht5"), tmp_path / "package"):
        model = theirs("speecht5", folder)
        model.speecht5.decoder.prenet._consistent_dropout = lambda values, share: values
        wanted = model.speecht5(
            input_values=ids,
            attention_mask=mask,
            decoder_input_values=before,
            decoder_attention_mask=there,
            speaker_embeddings=torch.zeros(2, 40),
        )
        answers = model.speech_decoder_postnet(wanted.last_hidden_state)
        for found, answer in zip(net(ids, mask, before, there), answers, strict=False):
            torch.testing.assert_close(found, answer, rtol=1e-4, atol=1e-4)
    with pytest.raises(ValueError, match="starts other"):
        Predictor(tmp_path / "package")


@torch.no_grad()
def test_series_go_on_as_they_did(saved: Callable[[str], Path], tmp_path: Path) -> None:
    """Each by itself, and once more through the package in transformers."""
    told = wrap(saved("patchtst"), tmp_path / "package")
    assert (told["model"]["horizon"], told["tokenizer"]) == (8, None)
    series = torch.randn(2, 24, 3).cumsum(1)
    wanted = theirs("patchtst", saved("patchtst"))(past_values=series).prediction_outputs
    again, net = theirs("patchtst", tmp_path / "package"), load_net(tmp_path / "package")
    for n in range(3):
        torch.testing.assert_close(net(series[..., n]), wanted[..., n], rtol=1e-4, atol=1e-4)
        answer = again(past_values=series[..., n : n + 1]).prediction_outputs
        torch.testing.assert_close(answer[..., 0], wanted[..., n], rtol=1e-4, atol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("name", list(SOUNDS))
def test_sounds_are_heard_and_answered_as_they_were(name: str, saved: Callable[[str], Path], tmp_path: Path) -> None:
    import transformers

    source, package = saved(name), tmp_path / "package"
    wrap(source, package)
    wave = np.random.default_rng(4).normal(0, 0.1, 9_000).astype(np.float32)
    readers = {"whisper": transformers.WhisperFeatureExtractor, "bands": transformers.ASTFeatureExtractor}
    hearing = readers.get(name, transformers.Wav2Vec2FeatureExtractor)
    heard = hearing.from_pretrained(source)(wave, sampling_rate=RATE, return_tensors="pt")
    net: Any = load_net(package)
    task: Any = task_of(package)
    model = theirs(name, source)
    if name == "whisper":
        own = task._spectra([wave])["values"]
        torch.testing.assert_close(own, heard["input_features"], rtol=1e-4, atol=1e-4)
        before = torch.tensor([[6, 9, 30, 2]])
        wanted = model(input_features=heard["input_features"], decoder_input_ids=before).logits
        torch.testing.assert_close(net(own, before), wanted, rtol=1e-4, atol=1e-4)
        return
    if name == "bands":
        task.open_package(package, json.loads((package / "config.json").read_text()))
        # Longer than it hears, and shorter.
        for some in (wave, np.tile(wave, 3)):
            seen = hearing.from_pretrained(source)(some, sampling_rate=RATE, return_tensors="pt")["input_values"]
            own = task._read([some])["values"]
            torch.testing.assert_close(own, seen, rtol=1e-4, atol=1e-4)
            torch.testing.assert_close(net(own), model(seen).logits, rtol=1e-4, atol=1e-4)
        return
    batch = task.heard([wave])
    torch.testing.assert_close(batch["values"], heard["input_values"], rtol=1e-4, atol=1e-4)
    if name == "codes":
        hidden = torch.arange(27)[None] % 4 == 1
        wanted = model(**heard, mask_time_indices=hidden)
        told, there, _ = net(batch["values"], batch["mask"], hidden)
        torch.testing.assert_close(told, wanted.projected_states, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(there, wanted.projected_quantized_states, rtol=1e-4, atol=1e-4)
        return
    wanted, found = model(**heard).logits, net(batch["values"], batch["mask"])
    if name in ("letters", "grouped"):
        task.open_package(package, {})
        assert task.letters == ["<pad>", "<unk>", "|", "e", "t", "a", "o", "'"]
        wanted = wanted[..., [LETTERS.index(letter) for letter in task.letters]]
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)
    assert wanted.std() > 0.01


@torch.no_grad()
def test_a_neighbour_does_not_change_what_norms_over_time_hear(saved: Callable[[str], Path], tmp_path: Path) -> None:
    wrap(saved("grouped"), tmp_path / "package")
    net: Any = load_net(tmp_path / "package")
    task: Any = task_of(tmp_path / "package")
    waves = [np.random.default_rng(n).normal(0, 0.1, count).astype(np.float32) for n, count in ((1, 9_000), (2, 4_000))]
    together = task.heard(waves)
    found = net(together["values"], together["mask"])
    for row, wave in zip(found, waves, strict=True):
        alone = task.heard([wave])
        wanted = net(alone["values"], None)[0]
        torch.testing.assert_close(row[: len(wanted)], wanted, rtol=1e-4, atol=1e-4)


def task_of(package: Path) -> Any:
    from training.engine.errors import Stop
    from training.engine.registry import task_module
    from training.engine.spec import Spec

    spec = Spec.from_text((package / "spec.json").read_bytes())
    return task_module(spec.task).Task(spec, Stop())


@pytest.mark.parametrize(
    ("name", "task"),
    [
        ("llama", "causal-lm"),
        ("t5", "summarization"),
        ("bart", "text-to-text"),
        ("modernbert", "text-classification"),
        ("esm", "text-regression"),
        ("vit", "image-classification"),
        ("convnext", "image-classification"),
        ("resnet", "image-classification"),
        ("bottlenecks", "image-classification"),
        ("mae", "masked-image"),
        ("mae", "image-classification"),
        ("segformer", "image-segmentation"),
        ("yolos", "object-detection"),
        ("clip", "image-text"),
        ("patchtst", "forecasting"),
        ("speecht5", "text-to-speech"),
        ("letters", "speech-to-text"),
        ("sounds", "audio-classification"),
        ("grouped", "speech-to-text"),
        ("codes", "masked-audio"),
        ("codes", "audio-classification"),
        ("bands", "audio-classification"),
        ("whisper", "speech-to-text"),
    ],
)
def test_a_run_goes_on_from_it(name: str, task: str, saved: Callable[[str], Path], tmp_path: Path) -> None:
    """At hardly any rate, so that the body of what comes out is that of what went in."""
    told = wrap(saved(name), tmp_path / "package")
    own: dict[str, Any] = {"model": told["model"] | {"start": VERSION}}
    if told["tokenizer"]:
        own["tokenizer"] = told["tokenizer"]
    spec = tiny(task, train__max_steps=2, train__lr=1e-9, train__batch=4, **own)
    run = Run(tmp_path / "run", spec, blob_of(task), KINDS[task], profile_for(task))
    begin_with(run, tmp_path / "package")
    assert run.go() == DONE, run.log
    nets = [load_net(folder) for folder in (tmp_path / "package", run.folder / "out")]
    before, after = (dict(net.named_parameters()) for net in nets)
    same = [key for key in after if key in before and before[key].shape == after[key].shape]
    head = net_module(told["model"]["arch"]).HEAD
    body = {key for key in before if not key.startswith(head)}
    assert body <= {*same, "model.wav2vec2.masked_spec_embed"}  # which stands where something is hidden
    held = [key for key in same if torch.allclose(before[key], after[key], rtol=1e-4, atol=1e-5)]
    assert len(held) > 0.8 * len(same)
    if name in PIXELS or name == "clip":
        folders = tmp_path / "package", run.folder / "out"
        shown = [json.loads((folder / "preprocessor_config.json").read_text()) for folder in folders]
        assert shown[0]["image_mean"] == shown[1]["image_mean"] == [0.4, 0.5, 0.6]
        assert shown[0] == shown[1]
    if name == "bands":
        folders = tmp_path / "package", run.folder / "out"
        shown = [json.loads((folder / "preprocessor_config.json").read_text()) for folder in folders]
        assert shown[0] == shown[1] and (shown[0]["mean"], shown[0]["max_length"]) == (-4.2, 112)


def processor(**values: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / "preprocessor_config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | values))

    return change


def both(**values: Any) -> Callable[[Path], None]:
    """A field that the processor tells too."""

    def change(folder: Path) -> None:
        field(**values)(folder)
        processor(**values)(folder)

    return change


def without(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def vocab(**letters: int) -> Callable[[Path], Any]:
    return lambda folder: (folder / "vocab.json").write_text(json.dumps(letters))


def lacking(name: str) -> Callable[[Path], None]:
    return weights(lambda found: found.pop(name))


def within(part: str, **values: Any) -> Callable[[Path], None]:
    """A field of a part of the config."""

    def change(folder: Path) -> None:
        told = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(told | {part: told[part] | values}))

    return change


CROPPED = ("wrap_processor", "do_center_crop")
DYNAMIC = {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 1e4}
LARGE = field(intermediate_size=100_000, hidden_size=4096, num_hidden_layers=64, head_dim=1024)
EMBED = "model.embed_tokens.weight"
REFUSED: list[tuple[str, Callable[[Path], Any], str, str]] = [
    ("llama", field(num_key_value_heads=3), "wrap_field", "num_key_value_heads"),
    ("llama", field(intermediate_size=-1), "wrap_field", "intermediate_size"),
    (
        "llama",
        field(rope_parameters={"rope_type": "dynamic", "factor": 2.0, "rope_theta": 1e4}),
        "wrap_field",
        "rope_pa",
    ),
    ("llama", field(attention_bias=True), "wrap_field", "attention_bias"),
    ("llama", field(head_dim=16), "wrap_field", "head_dim"),
    ("llama", field(hidden_act="gelu"), "wrap_field", "hidden_act"),
    ("llama", field(hidden_size="wide"), "wrap_number", "hidden_size"),
    ("llama", field(rms_norm_eps="small"), "wrap_unread", "config.json"),
    ("llama", LARGE, "wrap_weights_few", "numbers"),
    ("llama", lacking("model.norm.weight"), "wrap_weight_missing", "model.norm.weight"),
    (
        "llama",
        weights(lambda found: found.update({"own.weight": found[EMBED] + 1})),
        "wrap_weight_unknown",
        "own.weight",
    ),
    ("llama", field(intermediate_size=40), "wrap_weight_shape", "mlp"),
    ("llama", weights(lambda found: found[EMBED].fill_(float("nan"))), "wrap_unread", "model.safetensors"),
    ("llama", weights(lambda found: found.update({EMBED: found[EMBED].char()})), "wrap_weight_kind", "int8"),
    ("llama", field(vocab_size=400), "wrap_vocab", "400"),
    ("t5", field(feed_forward_proj="gated-gelu"), "wrap_field", "feed_forward_proj"),
    ("t5", field(d_ff=48), "wrap_field", "d_ff"),
    ("t5", field(d_kv=16), "wrap_field", "d_kv"),
    ("t5", field(num_decoder_layers=1), "wrap_field", "num_decoder_layers"),
    ("t5", field(architectures=["T5EncoderModel"]), "wrap_field", "architectures"),
    ("bart", field(scale_embedding=True), "wrap_field", "scale_embedding"),
    ("bart", field(decoder_attention_heads=3), "wrap_field", "decoder_attention_heads"),
    ("modernbert", field(hidden_activation="relu"), "wrap_field", "hidden_activation"),
    ("modernbert", field(classifier_bias=True), "wrap_field", "classifier_bias"),
    ("esm", field(position_embedding_type="absolute"), "wrap_field", "position_embedding_type"),
    ("esm", field(emb_layer_norm_before=True), "wrap_field", "emb_layer_norm_before"),
    ("esm", without("vocab.txt"), "wrap_missing", "vocab.txt"),
    ("vit", field(qkv_bias=False), "wrap_field", "qkv_bias"),
    ("vit", field(layer_norm_eps=1e-6), "wrap_field", "layer_norm_eps"),
    ("vit", field(intermediate_size=64), "wrap_field", "intermediate_size"),
    ("vit", field(image_size=64), "wrap_field", "image_size"),
    ("vit", field(id2label={"0": "left", "2": "right"}), "wrap_field", "id2label"),
    ("vit", without("preprocessor_config.json"), "wrap_missing", "preprocessor_config.json"),
    ("vit", processor(resample=4), "wrap_processor", "resample"),
    ("convnext", processor(crop_pct=0), "wrap_processor", "crop_pct"),
    ("convnext", processor(crop_pct=1.5), "wrap_processor", "crop_pct"),
    ("convnext", processor(size={"height": 32, "width": 48}), "wrap_processor", "size"),
    ("segformer", processor(resample=3), "wrap_processor", "resample"),
    ("segformer", processor(image_processor_type="ConvNextImageProcessor"), "wrap_processor", "crop_pct"),
    ("vit", processor(do_normalize=False), "wrap_processor", "do_normalize"),
    ("vit", processor(size={"shortest_edge": 32}), "wrap_processor", "size"),
    ("vit", processor(image_mean=[0.5]), "wrap_processor", "image_mean"),
    ("vit", processor(image_std=[0.5, 0.5, 0]), "wrap_processor", "image_std"),
    ("convnext", field(hidden_sizes=[8, 16, 24, 64]), "wrap_field", "hidden_sizes"),
    ("resnet", field(layer_type="bottleneck"), "wrap_weight_shape", "layers.0.layer.0.convolution.weight"),
    ("resnet", field(depths=[2, 2, 1]), "wrap_weight_unknown", "stages.2.layers.1"),
    ("resnet", field(hidden_sizes=[8, 16]), "wrap_field", "hidden_sizes"),
    ("resnet", field(depths=[2, 2, 100_000]), "wrap_field", "depths"),
    ("resnet", field(downsample_in_first_stage=True), "wrap_field", "downsample_in_first_stage"),
    ("bottlenecks", field(downsample_in_bottleneck=True), "wrap_field", "downsample_in_bottleneck"),
    ("mae", field(decoder_num_attention_heads=5), "wrap_field", "decoder_num_attention_heads"),
    ("mae", field(decoder_intermediate_size=48), "wrap_field", "decoder_intermediate_size"),
    ("mae", field(norm_pix_loss=True), "wrap_field", "norm_pix_loss"),
    ("mae", field(image_size=64), "wrap_field", "image_size"),
    ("convnext", field(depths=[1, 2, 1, 100_000]), "wrap_field", "depths"),
    ("segformer", field(sr_ratios=[8, 4, 2, 2]), "wrap_field", "sr_ratios"),
    ("yolos", field(num_detection_tokens=20), "wrap_field", "num_detection_tokens"),
    ("yolos", field(image_size=[24, 44]), "wrap_field", "image_size"),
    ("yolos", field(image_size=[32, 40]), "wrap_weight_shape", "position_embeddings"),
    ("yolos", field(num_channels=4), "wrap_processor", "image_mean"),
    ("yolos", processor(size={"longest_edge": 32}), "wrap_processor", "size"),
    ("yolos", processor(size={"shortest_edge": 64, "longest_edge": 32}), "wrap_processor", "size"),
    ("yolos", processor(size={"shortest_edge": 36, "longest_edge": 56}), "wrap_unfit", "patch_size"),
    ("clip", within("text_config", hidden_act="relu"), "wrap_field", "text_config.hidden_act"),
    ("clip", within("vision_config", num_attention_heads=5), "wrap_unread", "config.json"),
    ("clip", within("vision_config", num_channels=1), "wrap_processor", "image_mean"),
    ("clip", within("vision_config", image_size=64), "wrap_field", "vision_config.image_size"),
    ("clip", within("vision_config", patch_size=[8, 8]), "wrap_number", "vision_config.patch_size"),
    ("clip", within("text_config", vocab_size=400), "wrap_vocab", "400"),
    ("clip", field(projection_dim=10**6), "wrap_unfit", "projection_dim"),
    ("clip", field(architectures=["CLIPTextModel"]), "wrap_field", "architectures"),
    ("clip", processor(crop_size={"height": 32, "width": 24}), "wrap_processor", "crop_size"),
    ("clip", processor(crop_size=64), "wrap_processor", "crop_size"),
    ("clip", processor(size={"height": 32, "width": 32}), "wrap_processor", "size"),
    ("clip", without("tokenizer.json"), "wrap_missing", "tokenizer.json"),
    ("clip", lacking("logit_scale"), "wrap_weight_missing", "logit_scale"),
    ("segformer", processor(do_center_crop=True, size={"shortest_edge": 40}, crop_size=32), *CROPPED),
    ("yolos", processor(do_center_crop=True), *CROPPED),
    ("speecht5", field(reduction_factor=1), "wrap_field", "reduction_factor"),
    ("speecht5", field(num_mel_bins=40), "wrap_field", "num_mel_bins"),
    ("speecht5", field(speaker_embedding_dim=4), "wrap_field", "speaker_embedding_dim"),
    ("speecht5", field(max_speech_positions=20), "wrap_field", "max_speech_positions"),
    ("speecht5", field(decoder_layers=2), "wrap_weight_missing", "wrapped_decoder.layers.1"),
    ("speecht5", field(architectures=["SpeechT5ForSpeechToText"]), "wrap_field", "architectures"),
    ("speecht5", processor(hop_length=10), "wrap_processor", "hop_length"),
    ("speecht5", without("preprocessor_config.json"), "wrap_missing", "preprocessor_config.json"),
    ("patchtst", field(pooling_type="mean"), "wrap_field", "pooling_type"),
    ("patchtst", field(channel_attention=True), "wrap_field", "channel_attention"),
    ("patchtst", field(share_projection=False), "wrap_field", "share_projection"),
    ("patchtst", field(loss="nll"), "wrap_field", "loss"),
    ("patchtst", field(patch_stride=2), "wrap_field", "patch_stride"),
    ("patchtst", field(scaling="mean"), "wrap_field", "scaling"),
    ("patchtst", field(context_length=26), "wrap_unfit", "patch_length"),
    ("patchtst", field(norm_type="layernorm"), "wrap_weight_missing", "norm_sublayer1.bias"),
    ("patchtst", lacking("head.projection.bias"), "wrap_weight_missing", "head.projection.bias"),
    ("letters", field(feat_extract_norm="batch"), "wrap_field", "feat_extract_norm"),
    ("letters", field(feat_extract_norm="group"), "wrap_weight_unknown", "conv_layers.1.layer_norm"),
    ("letters", field(feat_extract_activation="relu"), "wrap_field", "feat_extract_activation"),
    ("codes", field(codevector_dim=13), "wrap_field", "codevector_dim"),
    ("codes", field(num_codevector_groups=0), "wrap_field", "codevector_dim"),
    ("codes", field(codevector_dim=32, num_codevector_groups=3), "wrap_field", "num_codevector_groups"),
    ("codes", field(num_codevectors_per_group=0), "wrap_field", "num_codevectors_per_group"),
    ("letters", processor(sampling_rate=8_000), "wrap_processor", "sampling_rate"),
    ("letters", vocab(a=0, b=1), "wrap_letter", "<pad>"),
    ("letters", vocab(a=0, b=99), "wrap_vocab", "10"),
    ("bands", field(patch_size=[8, 8]), "wrap_number", "patch_size"),
    ("bands", field(qkv_bias=False), "wrap_field", "qkv_bias"),
    ("bands", field(max_length=4_000), "wrap_processor", "max_length"),
    ("bands", both(max_length=4_000), "wrap_field", "max_length"),
    ("bands", both(max_length=4), "wrap_field", "max_length"),
    ("bands", field(time_stride=0), "wrap_field", "time_stride"),
    ("bands", processor(num_mel_bins=128), "wrap_processor", "num_mel_bins"),
    ("bands", processor(std=0), "wrap_processor", "std"),
    ("bands", processor(mean="loud"), "wrap_processor", "mean"),
    ("whisper", field(num_mel_bins=128), "wrap_field", "num_mel_bins"),
    ("whisper", field(max_source_positions=75), "wrap_field", "max_source_positions"),
    ("whisper", processor(chunk_length=30), "wrap_processor", "chunk_length"),
    ("whisper", processor(feature_size=128), "wrap_processor", "feature_size"),
]


@pytest.mark.parametrize(("name", "change", "message", "named"), REFUSED)
def test_what_our_net_does_not_compute_is_named(
    name: str,
    change: Callable[[Path], Any],
    message: str,
    named: str,
    saved: Callable[[str], Path],
    tmp_path: Path,
) -> None:
    source = tmp_path / "source"
    shutil.copytree(saved(name), source)
    change(source)
    with pytest.raises(EngineError) as caught:
        wrap(source, tmp_path / "package")
    assert (caught.value.message, named in str(caught.value)) == (message, True), str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_two_classes_of_one_name_are_told_apart(saved: Callable[[str], Path], tmp_path: Path) -> None:
    """As in the list of ImageNet, where a crane is a bird and a machine."""
    source = tmp_path / "source"
    shutil.copytree(saved("vit"), source)
    field(id2label={"0": "crane", "1": "crane"})(source)
    wrap(source, tmp_path / "package")
    assert json.loads((tmp_path / "package" / "config.json").read_text())["label2id"] == {"crane": 0, "crane (1)": 1}


def weights_of(folder: Path) -> bytes:
    return (folder / "model.safetensors").read_bytes()


def test_weights_in_several_files_are_the_same(saved: Callable[[str], Path], tmp_path: Path) -> None:
    wrap(saved("llama"), tmp_path / "whole")
    source = tmp_path / "source"
    shutil.copytree(saved("llama"), source)
    (source / "model.safetensors").unlink()
    theirs("llama", saved("llama")).save_pretrained(source, max_shard_size="30KB")
    parts = sorted(path.name for path in source.glob("*.safetensors"))
    assert len(parts) > 2 and "model.safetensors" not in parts
    wrap(source, tmp_path / "parts")
    assert weights_of(tmp_path / "parts") == weights_of(tmp_path / "whole")
    assert all(part in (tmp_path / "parts" / "README.md").read_text() for part in parts)
    held = load_file(source / parts[0])
    save_file(held | load_file(source / parts[1]), source / parts[1], {"format": "pt"})
    with pytest.raises(EngineError) as caught:
        wrap(source, tmp_path / "twice")
    assert caught.value.message == "wrap_weight_twice"
    (source / parts[1]).unlink()
    with pytest.raises(EngineError) as caught:
        wrap(source, tmp_path / "fewer")
    assert caught.value.message == "wrap_missing" and parts[1] in str(caught.value)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "vit",
            [
                (r"vit.layers.", "vit.encoder.layer."),
                (".attention.q_proj.", ".attention.attention.query."),
                (".attention.k_proj.", ".attention.attention.key."),
                (".attention.v_proj.", ".attention.attention.value."),
                (".attention.o_proj.", ".attention.output.dense."),
                (".mlp.fc1.", ".intermediate.dense."),
                (".mlp.fc2.", ".output.dense."),
            ],
        ),
        (
            "letters",
            [(f"conv.parametrizations.weight.original{n}", f"conv.weight_{letter}") for n, letter in enumerate("gv")],
        ),
    ],
)
def test_earlier_names_of_weights_are_read(
    name: str, words: list[tuple[str, str]], saved: Callable[[str], Path], tmp_path: Path
) -> None:
    """As the models that were published have them, and in halves of the precision."""
    wrap(saved(name), tmp_path / "today")
    source = tmp_path / "source"
    shutil.copytree(saved(name), source)
    today = theirs(name, saved(name)).state_dict()
    found = {}
    for key, tensor in today.items():
        for new, old in words:
            key = key.replace(new, old)
        found[key] = tensor.contiguous()
    assert len(found.keys() - today.keys()) >= len(words)
    save_file(found, source / "model.safetensors", {"format": "pt"})
    wrap(source, tmp_path / "earlier")
    assert weights_of(tmp_path / "earlier") == weights_of(tmp_path / "today")


def test_only_what_can_be_read_is_answered(saved: Callable[[str], Path], tmp_path: Path) -> None:
    """A Whisper of elsewhere writes tokens; the letters that it is to write come with the run that starts from it."""
    wrap(saved("whisper"), tmp_path / "package")
    with pytest.raises(ValueError, match="starts other"):
        Predictor(tmp_path / "package")
