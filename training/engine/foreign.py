"""Models of elsewhere that can be a start, as a table: what of their config our nets compute, and under which names.

A further type is a row of KINDS. Rows that name a `package` of transformers are held against what our own net says of
itself there, field by field: a field that differs is `kept` by the net, shapes no answer, or is refused by its name.
"""

import dataclasses
import importlib
import json
import re
from collections.abc import Callable
from typing import Any

from training.engine.catalogue import ARCHS, SPEECH_VOICE, Sizes
from training.engine.errors import EngineError
from training.engine.protocol import Reason
from training.engine.spec import SPEC_VERSION, Spec
from training.engine.strict import SpecError
from training.engine.tokenizing import CAPTION_SPECIALS, LM_SPECIALS, MASKED_SPECIALS, SEQ2SEQ_SPECIALS

CONFIG = "config.json"
NO_VERSION = "00000000-0000-0000-0000-000000000000"
MOST = 1 << 17  # numbers in the middle of a layer, and whatever else a kept field counts
DEEPEST = 96  # layers of a net, as in a spec

Kept = Callable[[Any, dict[str, Any]], bool]

# Fields that shape no answer: of learning, of writing, of where a file comes from, and of heads that the class has not.
FREE = re.compile(
    r"_name_or_path|architectures|transformers_version|(torch_)?dtype|model_type|vocab_size|vocab_list"
    r"|id2label|label2id|num_labels|problem_type|init(ializer)?_.*|use_cache|output_(attentions|hidden_states|past)"
    r"|return_dict|\w+_token_id|forced_\w+|(begin_)?suppress_tokens|task_specific_params|tokenizer_class|prefix"
    r"|.*drop(out|_path)?(_rate|_prob)?|(\w+_)?dropout|(\w+_)?layerdrop|apply_spec_augment|mask_(time|feature)_\w+"
    r"|ctc_\w+|num_negatives|contrastive_logits_temperature|diversity_loss_weight|\w*codevectors?_\w+|codevector_dim"
    r"|tdnn_\w+|xvector_\w+|adapter_(kernel_size|stride)|num_adapter_layers|output_hidden_size|median_filter_width"
    r"|classifier_pooling|pooler_\w+|encoder_stride|stage_names|out_(features|indices)|pretraining_tp"
    r"|semantic_loss_ignore_index|deterministic_flash_attn|sparse_\w+|reference_compile|repad_logits_with_grad"
    r"|initializer|early_stopping|num_beams|(max|min)_length|length_penalty|no_repeat_ngram_size|normalize_before"
    r"|(use_)?guided_attention_\w+|max_(speech|text)_positions|distribution_output|num_parallel_samples|num_targets|output_range|mask_(type|value)|random_mask_ratio"
    r"|num_forecast_mask_patches|channel_consistent_masking|unmasked_channel_indices|logit_scale_init_value|auxiliary_loss|\w+_(cost|loss_coefficient)|eos_coefficient"
    r"|gradient_checkpointing|n_positions|is_encoder_decoder|esmfold_config|auto_map|attn_implementation"
)


def _count(value: Any, config: dict[str, Any]) -> bool:
    return type(value) is int and 0 < value <= MOST


def _counts(value: Any, config: dict[str, Any]) -> bool:
    return isinstance(value, list) and bool(value) and all(_count(one, config) for one in value)


def _depth(value: Any, config: dict[str, Any]) -> bool:
    return _count(value, config) and value <= DEEPEST


def _stages(value: Any, config: dict[str, Any]) -> bool:
    """Layers of each stage."""
    return _counts(value, config) and len(value) <= DEEPEST and max(value) <= DEEPEST


def _widths(value: Any, config: dict[str, Any]) -> bool:
    """Channels of each stage, a fourth of them within a bottleneck."""
    return _counts(value, config) and len(value) == len(config["depths"]) and min(value) >= 4


def _whether(value: Any, config: dict[str, Any]) -> bool:
    return isinstance(value, bool)


def _small(value: Any, config: dict[str, Any]) -> bool:
    return type(value) is float and 0 < value < 1


def _heads(width: str) -> Kept:
    """A number of heads that parts this width."""
    return lambda value, config: _count(value, config) and config[width] % value == 0


def _grouped(value: Any, config: dict[str, Any]) -> bool:
    return _count(value, config) and config["num_attention_heads"] % value == 0


def _books(value: Any, config: dict[str, Any]) -> bool:
    """Books of codes, whose numbers fill up a vector."""
    groups, width = config["num_codevector_groups"], config["codevector_dim"]
    return _count(groups, config) and _count(width, config) and width % groups == 0


def _patches(value: Any, config: dict[str, Any]) -> bool:
    """Room for a patch at least."""
    return _count(value, config) and value >= config["patch_size"]


def _whole_patches(value: Any, config: dict[str, Any]) -> bool:
    """Height and width of images in patches, with nothing over where each layer has places of its own."""
    if not _counts(value, config) or len(value) != 2 or min(value) < config["patch_size"]:
        return False
    return not config["use_mid_position_embeddings"] or not any(side % config["patch_size"] for side in value)


def _turns(value: Any, config: dict[str, Any]) -> bool:
    """Turned places whose speed does not hang on how long a text is."""
    return isinstance(value, dict) and value.get("rope_type") in ("default", "linear", "llama3")


@dataclasses.dataclass(frozen=True)
class Kind:
    """A `model_type` that can be a start.

    `settings`: the field of the config by setting; a number behind a point is a place in a list. `reads`: what of the
    folder tells what the net reads (carried.py). `fixed`: by field what it may say, the first where it says nothing.
    `package`: where transformers has such models; there the config is compared. `kept`: fields that may differ from
    ours, by what they may say. `absent`: what goes without saying. `marks`: of the tokenizer, by the role that another
    mark may have. `table`: names of weights with a row for each token. `twins`: names of weights that must equal
    another. `unused`: names of weights that no task of ours goes on from. `spare`: marks that no answer hangs on; where
    the tokenizer has none of its own for them, they get a row like the last mark. `parts`: the part of the config that
    a field stands in.
    """

    type: str
    task: str
    arch: str
    classes: tuple[str, ...]
    settings: dict[str, str]
    reads: str
    sizes: Callable[[int, int], Sizes]
    fixed: Callable[[int], dict[str, tuple[Any, ...]]] = lambda width: {}
    package: str = ""
    kept: dict[str, Kept] = dataclasses.field(default_factory=dict)
    absent: dict[str, Any] = dataclasses.field(default_factory=dict)
    marks: dict[str, str] = dataclasses.field(default_factory=dict)
    prefix: str = ""
    table: tuple[str, ...] = ()
    twins: dict[str, str] = dataclasses.field(default_factory=dict)
    unused: str = "(?!)"
    spare: tuple[str, ...] = ()
    parts: dict[str, str] = dataclasses.field(default_factory=dict)

    def place(self, field: str) -> str:
        """Where a field stands, as `number` reads it."""
        return f"{self.parts[field]}.{field}" if field in self.parts else field


_LM = {LM_SPECIALS[0]: "eos_token"}
_MASKED = dict(zip(MASKED_SPECIALS, ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), strict=True))
_CAPTIONS = dict(zip(CAPTION_SPECIALS, ("pad_token", "unk_token", "bos_token", "eos_token"), strict=True))
_WRITES = dict(zip(SEQ2SEQ_SPECIALS, ("pad_token", "unk_token", "eos_token"), strict=True))
_ENCODER = {
    "layers": "num_hidden_layers",
    "heads": "num_attention_heads",
    "width": "hidden_size",
    "context": "max_position_embeddings",
}
_HALF: dict[str, Kept] = {
    "hidden_size": _count,
    "intermediate_size": _count,
    "num_hidden_layers": _depth,
    "num_attention_heads": _heads("hidden_size"),
    "projection_dim": _count,
    "hidden_act": lambda value, config: value in ("gelu", "quick_gelu"),
    "layer_norm_eps": _small,
}
_WAVES: dict[str, Kept] = {
    "intermediate_size": _count,
    "conv_dim": _counts,
    "conv_bias": _whether,
    "num_conv_pos_embeddings": _count,
    "num_conv_pos_embedding_groups": _heads("hidden_size"),
    "layer_norm_eps": _small,
    "classifier_proj_size": _count,
    "feat_extract_norm": lambda value, config: value in ("group", "layer"),
    "do_stable_layer_norm": _whether,
}
_CODES: dict[str, Kept] = {
    "num_codevector_groups": _books,
    "num_codevectors_per_group": _count,
    "codevector_dim": _books,
    "proj_codevector_dim": _count,
}

KINDS = (
    Kind(
        type="gpt2",
        task="causal-lm",
        arch="gpt",
        classes=("GPT2LMHeadModel",),
        settings={
            "layers": "n_layer",
            "heads": "n_head",
            "width": "n_embd",
            "context": "n_positions",
            "dropout": "resid_pdrop",
        },
        reads="tokens",
        sizes=lambda vocab, classes: Sizes(vocab=vocab, biased=True),
        fixed=lambda width: {
            "activation_function": ("gelu_new", "gelu_pytorch_tanh"),
            "n_inner": (None, 4 * width),
            "layer_norm_epsilon": (1e-5,),
            "scale_attn_weights": (True,),
            "scale_attn_by_inverse_layer_idx": (False,),
            "add_cross_attention": (False,),
            "tie_word_embeddings": (True,),
        },
        marks=_LM,
        prefix="transformer.",
        table=("transformer.wte.weight",),
        twins={"lm_head.weight": "transformer.wte.weight"},
        unused=r"transformer\.h\.\d+\.attn\.(masked_)?bias",
    ),
    Kind(
        type="bert",
        task="masked-lm",
        arch="bert",
        classes=("BertForMaskedLM", "BertForPreTraining"),
        settings=_ENCODER | {"dropout": "hidden_dropout_prob"},
        reads="tokens",
        sizes=lambda vocab, classes: Sizes(vocab=vocab, pad=0),
        fixed=lambda width: {
            "hidden_act": ("gelu",),
            "intermediate_size": (4 * width,),
            "type_vocab_size": (2,),
            "layer_norm_eps": (1e-12,),
            "position_embedding_type": ("absolute",),
            "is_decoder": (False,),
            "add_cross_attention": (False,),
            "tie_word_embeddings": (True,),
        },
        marks=_MASKED,
        table=("bert.embeddings.word_embeddings.weight", "cls.predictions.bias"),
        twins={
            "cls.predictions.decoder.weight": "bert.embeddings.word_embeddings.weight",
            "cls.predictions.decoder.bias": "cls.predictions.bias",
        },
        unused=r"bert\.pooler\..*|cls\.seq_relationship\..*|bert\.embeddings\.position_ids",
    ),
    Kind(
        type="llama",
        task="causal-lm",
        arch="llama",
        classes=("LlamaForCausalLM",),
        settings=_ENCODER,
        reads="tokens",
        sizes=lambda vocab, classes: Sizes(vocab=vocab),
        package="llama",
        kept={
            "intermediate_size": _count,
            "num_key_value_heads": _grouped,
            "rms_norm_eps": _small,
            "rope_parameters": _turns,
            "tie_word_embeddings": _whether,
        },
        marks=_LM,
        table=("model.embed_tokens.weight", "lm_head.weight"),
        unused=r"model\.layers\.\d+\.self_attn\.rotary_emb\.inv_freq",
    ),
    Kind(
        type="t5",
        task="text-to-text",
        arch="t5",
        classes=("T5ForConditionalGeneration",),
        settings={
            "layers": "num_layers",
            "heads": "num_heads",
            "width": "d_model",
            "context": "n_positions",
            "dropout": "dropout_rate",
        },
        reads="tokens",
        sizes=lambda vocab, classes: Sizes(vocab=vocab, pad=0),
        package="t5",
        absent={"n_positions": 512},
        marks=_WRITES,
        table=("shared.weight",),
        unused=r"decoder\.block\.0\.layer\.1\.EncDecAttention\.relative_attention_bias\.weight",
    ),
    Kind(
        type="bart",
        task="text-to-text",
        arch="bart",
        classes=("BartForConditionalGeneration",),
        settings={
            "layers": "encoder_layers",
            "heads": "encoder_attention_heads",
            "width": "d_model",
            "context": "max_position_embeddings",
            "dropout": "dropout",
        },
        reads="tokens",
        sizes=lambda vocab, classes: Sizes(vocab=vocab, pad=0),
        package="bart",
        kept={
            "encoder_ffn_dim": _count,
            "decoder_ffn_dim": _count,
            "decoder_layers": _depth,
            "decoder_attention_heads": _heads("d_model"),
        },
        marks=_WRITES,
        table=("model.shared.weight", "final_logits_bias"),
    ),
    Kind(
        type="modernbert",
        task="masked-lm",
        arch="modernbert",
        classes=("ModernBertForMaskedLM",),
        settings=_ENCODER | {"dropout": "mlp_dropout"},
        reads="tokens",
        sizes=lambda vocab, classes: Sizes(vocab=vocab, pad=0),
        package="modernbert",
        kept={"intermediate_size": _count, "local_attention": _count, "norm_eps": _small},
        marks=_MASKED,
        table=("model.embeddings.tok_embeddings.weight", "decoder.bias"),
    ),
    Kind(
        type="esm",
        task="masked-lm",
        arch="esm",
        classes=("EsmForMaskedLM",),
        settings=_ENCODER | {"dropout": "hidden_dropout_prob"},
        reads="residues",
        sizes=lambda vocab, classes: Sizes(vocab=vocab, pad=0),
        package="esm",
        fixed=lambda width: {"emb_layer_norm_before": (False, None), "is_folding_model": (False,)},
        kept={"intermediate_size": _count, "token_dropout": _whether},
        marks=_MASKED | {"[SEP]": "eos_token"},
        table=("esm.embeddings.word_embeddings.weight", "lm_head.bias"),
        unused=r"esm\.(contact_head|pooler)\..*|esm\.embeddings\.position_(ids|embeddings\.weight)|.*inv_freq",
    ),
    Kind(
        type="vit",
        task="image-classification",
        arch="vit",
        classes=("ViTForImageClassification",),
        settings={
            "layers": "num_hidden_layers",
            "heads": "num_attention_heads",
            "width": "hidden_size",
            "patch": "patch_size",
            "dropout": "hidden_dropout_prob",
        },
        reads="pixels",
        sizes=lambda channels, classes: Sizes(channels=channels, classes=classes),
        package="vit",
        unused=r"vit\.pooler\..*",
    ),
    Kind(
        type="vit_mae",
        task="masked-image",
        arch="vit",
        classes=("ViTMAEForPreTraining",),
        settings={
            "layers": "num_hidden_layers",
            "heads": "num_attention_heads",
            "width": "hidden_size",
            "patch": "patch_size",
            "dropout": "hidden_dropout_prob",
        },
        reads="pixels",
        sizes=lambda channels, classes: Sizes(channels=channels),
        package="vit_mae",
        kept={
            "decoder_hidden_size": _count,
            "decoder_num_hidden_layers": _depth,
            "decoder_num_attention_heads": _heads("decoder_hidden_size"),
            "decoder_intermediate_size": lambda value, config: value == 4 * config["decoder_hidden_size"],
        },
    ),
    Kind(
        type="convnextv2",
        task="image-classification",
        arch="convnext",
        classes=("ConvNextV2ForImageClassification",),
        settings={"layers": "depths.0", "width": "hidden_sizes.0", "patch": "patch_size"},
        reads="pixels",
        sizes=lambda channels, classes: Sizes(channels=channels, classes=classes),
        package="convnextv2",
        kept={"depths": _stages, "image_size": _count},
    ),
    Kind(
        type="resnet",
        task="image-classification",
        arch="resnet",
        classes=("ResNetForImageClassification",),
        settings={"layers": "depths.0", "width": "embedding_size"},
        reads="pixels",
        sizes=lambda channels, classes: Sizes(channels=channels, classes=classes),
        package="resnet",
        kept={
            "depths": _stages,
            "hidden_sizes": _widths,
            "layer_type": lambda value, config: value in ("basic", "bottleneck"),
        },
    ),
    Kind(
        type="segformer",
        task="image-segmentation",
        arch="segformer",
        classes=("SegformerForSemanticSegmentation",),
        settings={"layers": "depths.0", "width": "hidden_sizes.0", "dropout": "hidden_dropout_prob"},
        reads="pixels",
        sizes=lambda channels, classes: Sizes(channels=channels, classes=classes),
        package="segformer",
        kept={"depths": _stages, "decoder_hidden_size": _count},
    ),
    Kind(
        type="yolos",
        task="object-detection",
        arch="yolos",
        classes=("YolosForObjectDetection",),
        settings={
            "layers": "num_hidden_layers",
            "heads": "num_attention_heads",
            "width": "hidden_size",
            "patch": "patch_size",
            "dropout": "hidden_dropout_prob",
        },
        reads="pixels",
        sizes=lambda channels, classes: Sizes(channels=channels, classes=classes),
        package="yolos",
        kept={"intermediate_size": _count, "image_size": _whole_patches, "use_mid_position_embeddings": _whether},
        unused=r"vit\.pooler\..*",
    ),
    Kind(
        type="speecht5",
        task="text-to-speech",
        arch="speecht5",
        classes=("SpeechT5ForTextToSpeech",),
        settings={
            "layers": "encoder_layers",
            "heads": "encoder_attention_heads",
            "width": "hidden_size",
            "dropout": "hidden_dropout",
        },
        reads="speech",
        sizes=lambda vocab, classes: Sizes(vocab=vocab),
        package="speecht5",
        kept={
            "encoder_ffn_dim": _count,
            "decoder_ffn_dim": _count,
            "decoder_layers": _depth,
            "decoder_attention_heads": _heads("hidden_size"),
            "speech_decoder_prenet_units": _count,
            "speech_decoder_postnet_units": _count,
            "speaker_embedding_dim": lambda value, config: _count(value, config) and value >= SPEECH_VOICE,
        },
        unused=r".*\.encode_positions\.pe",
    ),
    Kind(
        type="patchtst",
        task="forecasting",
        arch="patchtst",
        classes=("PatchTSTForPrediction",),
        settings={
            "layers": "num_hidden_layers",
            "heads": "num_attention_heads",
            "width": "d_model",
            "context": "context_length",
            "patch": "patch_length",
            "horizon": "prediction_length",
            "dropout": "path_dropout",
        },
        reads="series",
        sizes=lambda count, classes: Sizes(),
        package="patchtst",
        kept={
            "ffn_dim": _count,
            "norm_type": lambda value, config: value in ("layernorm", "batchnorm"),
            "num_input_channels": _count,
            "positional_encoding_type": lambda value, config: value in ("random", "sincos"),
            "do_mask_input": lambda value, config: value is None,
        },
    ),
    Kind(
        type="clip",
        task="image-text",
        arch="clip",
        classes=("CLIPModel",),
        settings={
            "layers": "text_config.num_hidden_layers",
            "heads": "text_config.num_attention_heads",
            "width": "projection_dim",
            "context": "text_config.max_position_embeddings",
            "patch": "vision_config.patch_size",
            "dropout": "text_config.attention_dropout",
        },
        reads="captions",
        sizes=lambda vocab, classes: Sizes(vocab=vocab, pad=0, channels=3),
        package="clip",
        kept={f"{half}_config.{field}": allowed for half in ("text", "vision") for field, allowed in _HALF.items()},
        marks=_CAPTIONS,
        table=("text_model.embeddings.token_embedding.weight",),
        unused=r".*\.position_ids",
        spare=("<pad>", "<unk>"),
        parts={"vocab_size": "text_config", "num_channels": "vision_config"},
    ),
    Kind(
        type="wav2vec2",
        task="speech-to-text",
        arch="wav2vec2",
        classes=("Wav2Vec2ForCTC",),
        settings={
            "layers": "num_hidden_layers",
            "heads": "num_attention_heads",
            "width": "hidden_size",
            "dropout": "hidden_dropout",
        },
        reads="letters",
        sizes=lambda vocab, classes: Sizes(vocab=vocab),
        package="wav2vec2",
        kept=_WAVES,
        table=("lm_head.weight", "lm_head.bias"),
        unused=r"wav2vec2\.masked_spec_embed",
    ),
    Kind(
        type="wav2vec2",
        task="audio-classification",
        arch="wav2vec2",
        classes=("Wav2Vec2ForSequenceClassification",),
        settings={
            "layers": "num_hidden_layers",
            "heads": "num_attention_heads",
            "width": "hidden_size",
            "dropout": "hidden_dropout",
        },
        reads="waves",
        sizes=lambda vocab, classes: Sizes(classes=classes),
        package="wav2vec2",
        kept=_WAVES,
        unused=r"wav2vec2\.masked_spec_embed",
    ),
    Kind(
        type="wav2vec2",
        task="masked-audio",
        arch="wav2vec2",
        classes=("Wav2Vec2ForPreTraining",),
        settings={
            "layers": "num_hidden_layers",
            "heads": "num_attention_heads",
            "width": "hidden_size",
            "dropout": "hidden_dropout",
        },
        reads="waves",
        sizes=lambda vocab, classes: Sizes(head="codes"),
        package="wav2vec2",
        kept=_WAVES | _CODES,
    ),
    Kind(
        type="audio-spectrogram-transformer",
        task="audio-classification",
        arch="ast",
        classes=("ASTForAudioClassification",),
        settings={
            "layers": "num_hidden_layers",
            "heads": "num_attention_heads",
            "width": "hidden_size",
            "patch": "patch_size",
            "dropout": "hidden_dropout_prob",
        },
        reads="bands",
        sizes=lambda count, classes: Sizes(classes=classes),
        package="audio_spectrogram_transformer",
        kept={
            "intermediate_size": _count,
            "frequency_stride": _count,
            "time_stride": _count,
            "max_length": _patches,
            "num_mel_bins": _patches,
        },
    ),
    Kind(
        type="whisper",
        task="speech-to-text",
        arch="whisper",
        classes=("WhisperForConditionalGeneration",),
        settings={
            "layers": "encoder_layers",
            "heads": "encoder_attention_heads",
            "width": "d_model",
            "context": "max_target_positions",
            "dropout": "dropout",
        },
        reads="spectra",
        sizes=lambda vocab, classes: Sizes(vocab=vocab),
        package="whisper",
        kept={
            "encoder_ffn_dim": _count,
            "decoder_ffn_dim": _count,
            "decoder_layers": _depth,
            "decoder_attention_heads": _heads("d_model"),
        },
    ),
)


def wrong(message: str, **params: Any) -> EngineError:
    """What is told of a folder that cannot be a start."""
    return EngineError(Reason.BAD_SPEC, message, **params)


def shown(value: Any) -> str:
    """A value of a file, as JSON that is not too long."""
    return json.dumps(value, ensure_ascii=False)[:100]


def kind_of(config: dict[str, Any]) -> Kind:
    """How to read this config; refuses what our net would compute otherwise."""
    types = [kind for kind in KINDS if kind.type == config.get("model_type")]
    if not types:
        choices = ", ".join(dict.fromkeys(kind.type for kind in KINDS))
        raise wrong("wrap_type", value=shown(config.get("model_type")), choices=choices)
    told = config.get("architectures")
    classes = set(map(str, told)) if isinstance(told, list) else set()
    kind = next((kind for kind in types if classes & set(kind.classes)), None)
    if kind is None:
        choices = ", ".join(name for kind in types for name in kind.classes)
        raise wrong("wrap_field", field="architectures", value=shown(told), choices=choices)
    fixed = kind.fixed(number(config, kind.settings["width"], int))
    check_fields(config, fixed, "wrap_field")
    return kind


def check_fields(config: dict[str, Any], allowed: dict[str, tuple[Any, ...]], message: str) -> None:
    """Refuse by name a field that says none of what it may; the first of that goes without saying."""
    for field, choices in allowed.items():
        value = config.get(field, choices[0])
        # JSON has one kind of number, and True is not 1 there.
        if not any(value == one and isinstance(value, bool) == isinstance(one, bool) for one in choices):
            raise wrong(message, field=field, value=shown(value), choices=", ".join(map(json.dumps, choices)))


def number(config: dict[str, Any], path: str, *types: type) -> Any:
    """The number in a field, at a place of the list in it, or in a part of the config."""
    field, _, place = path.partition(".")
    if place and not place.isdigit():
        part = config.get(field)
        field, config, place = path, {path: part[place]} if isinstance(part, dict) and place in part else {}, ""
    if field not in config:
        raise wrong("wrap_untold", field=field)
    value = config[field]
    if place and isinstance(value, list) and len(value) > int(place):
        value = value[int(place)]
    if isinstance(value, bool) or not isinstance(value, types):
        raise wrong("wrap_number", field=field, value=shown(config[field]))
    return value


def as_transformers_has_it(kind: Kind, config: dict[str, Any]) -> Any:
    """The config with what goes without saying, and earlier names brought to those of today."""
    configuration = importlib.import_module(f"transformers.models.{kind.package}.configuration_{kind.package}")
    modeling = importlib.import_module(f"transformers.models.{kind.package}.modeling_{kind.package}")
    own = getattr(modeling, kind.classes[0]).config_class
    try:
        return getattr(configuration, own.__name__).from_dict(config)
    except Exception as error:  # it looks at what it is given, and raises whatever comes of it
        raise wrong("wrap_unread", name=CONFIG, problem=str(error).strip().splitlines()[-1]) from error


def told_otherwise(kind: Kind, config: dict[str, Any], ours: dict[str, Any]) -> dict[str, Any]:
    """Fields that the net must be told, because they differ from what it says of itself; refuses what it has not."""
    given, own = (as_transformers_has_it(kind, one).to_dict() for one in (config, ours))
    parts = {"": (given, own)} | {f"{part}.": (given[part], own[part]) for part in sorted({*kind.parts.values()})}
    told = {}
    for part, name in sorted((part, name) for part, both in parts.items() for name in both[0].keys() | both[1].keys()):
        value, usual = (json.loads(json.dumps(one.get(name))) for one in parts[part])
        field = part + name
        free = field not in kind.kept and (FREE.fullmatch(name) or field in kind.fixed(1) or f"{field}." in parts)
        if value == usual or free:
            continue
        if field not in kind.kept or not kind.kept[field](value, parts[part][0]):
            choices = shown(usual) if field not in kind.kept else f"{shown(usual)}, …"
            raise wrong("wrap_field", field=field, value=shown(value), choices=choices)
        told[field] = value
    return told


def spec_of(kind: Kind, config: dict[str, Any], carried: dict[str, Any], tokens: dict[str, Any] | None) -> Spec:
    """What a run that had made such a model would have been asked for, as far as a start is held against it.

    `carried`: settings that stand elsewhere in the folder; `tokens`: what a spec says of its tokenizer.
    """
    settings = carried | {
        setting: number(config, field, *((int, float) if setting == "dropout" else (int,)))
        for setting, field in kind.settings.items()
    }
    spec = {
        "v": SPEC_VERSION,
        "task": kind.task,
        "data": {"dataset_version": NO_VERSION},
        "model": {"arch": kind.arch, "size": next(reversed(ARCHS[kind.arch].sizes)), **settings},
        "train": {"max_steps": 1},
    }
    try:
        return Spec.from_json(spec | ({"tokenizer": tokens} if tokens else {}), fresh=True)
    except SpecError as error:
        issue = error.issues[0]
        setting = issue.path.removeprefix("model.")
        field = kind.settings.get(setting, "vocab_size" if setting.startswith("tokenizer") else setting)
        raise wrong(
            "wrap_unfit", field=re.sub(r"\.\d+$", "", field), problem=issue.text, issues=error.issues
        ) from error
