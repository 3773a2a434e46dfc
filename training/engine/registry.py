"""Where the code of each task and architecture lives. A name becomes a module only when a run needs it."""

import importlib
from types import ModuleType

NETS = {
    "gpt": "training.engine.nets.gpt",
    "llama": "training.engine.nets.llama",
    "modernbert": "training.engine.nets.modernbert",
    "esm": "training.engine.nets.esm",
    "bart": "training.engine.nets.bart",
    "ast": "training.engine.nets.ast",
    "wav2vec2": "training.engine.nets.wav2vec2",
    "whisper": "training.engine.nets.whisper",
    "speecht5": "training.engine.nets.speecht5",
    "lstm": "training.engine.nets.lstm",
    "bert": "training.engine.nets.bert",
    "t5": "training.engine.nets.t5",
    "patchtst": "training.engine.nets.patchtst",
    "resnet": "training.engine.nets.resnet",
    "vit": "training.engine.nets.vit",
    "convnext": "training.engine.nets.convnext",
    "clip": "training.engine.nets.clip",
    "vit-gpt2": "training.engine.nets.vit_gpt2",
    "segformer": "training.engine.nets.segformer",
    "unet": "training.engine.nets.unet",
    "dit": "training.engine.nets.dit",
    "yolos": "training.engine.nets.yolos",
}

TASK_MODULES = {
    "causal-lm": "training.engine.tasks.causal_lm",
    "masked-lm": "training.engine.tasks.masked_lm",
    "text-classification": "training.engine.tasks.text_classification",
    "multi-label-classification": "training.engine.tasks.multi_label_classification",
    "text-regression": "training.engine.tasks.text_regression",
    "token-classification": "training.engine.tasks.token_classification",
    "text-to-text": "training.engine.tasks.text_to_text",
    "summarization": "training.engine.tasks.summarization",
    "generative-qa": "training.engine.tasks.generative_qa",
    "extractive-qa": "training.engine.tasks.extractive_qa",
    "sentence-embedding": "training.engine.tasks.sentence_embedding",
    "audio-classification": "training.engine.tasks.audio_classification",
    "speech-to-text": "training.engine.tasks.speech_to_text",
    "text-to-speech": "training.engine.tasks.text_to_speech",
    "masked-audio": "training.engine.tasks.masked_audio",
    "forecasting": "training.engine.tasks.forecasting",
    "masked-image": "training.engine.tasks.masked_image",
    "image-generation": "training.engine.tasks.image_generation",
    "image-classification": "training.engine.tasks.image_classification",
    "image-text": "training.engine.tasks.image_text",
    "image-captioning": "training.engine.tasks.image_captioning",
    "image-segmentation": "training.engine.tasks.image_segmentation",
    "object-detection": "training.engine.tasks.object_detection",
}


def net_module(arch: str) -> ModuleType:
    """The module of an architecture.

    It has `build(shape, sizes) -> nn.Module` and `export(net) -> (tensors by name, config)` in the form that
    `from_pretrained` of transformers reads.
    """
    return importlib.import_module(NETS[arch])


def task_module(task: str) -> ModuleType:
    """The module of a task. It has a class `Task` as described in tasks/base.py."""
    return importlib.import_module(TASK_MODULES[task])
