"""What the engine can do, as tables: tasks, architectures, their sizes and figures. Torch-free.

A further task is a row in TASKS and a file in tasks/; a further architecture a row in ARCHS and a file in nets/.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

BUCKETS = 32  # of distances in a T5
MELS = 64  # bands of a sound that an AST reads
WHISPER_BANDS = 80
SPEECH_BANDS, SPEECH_TOGETHER = 80, 2  # of a frame that a SpeechT5 says, and frames that it says at once
SPEECH_VOICE, SPEECH_LETTERS, SPEECH_FAR = 16, 600, 160  # numbers of a voice, letters of a text, letters apart
POSITIONS, POSITION_GROUPS = 64, 8  # of the convolution that tells places in a wav2vec 2.0
CODE_GROUPS, CODES = 2, 64  # of what is heard, that a wav2vec 2.0 learns to tell where it is hidden
DECODER_LAYERS = 1  # of a vision transformer that tells hidden patches
RESNET_STRIDE = 16  # pixels between the places that the last stage of a ResNet tells apart
LOWER, HIGHER = "lower", "higher"


@dataclasses.dataclass(frozen=True)
class Shape:
    """The numbers that make an architecture a net. `None` where the architecture has no such number."""

    layers: int
    width: int
    heads: int | None = None
    context: int | None = None
    image: int | None = None
    patch: int | None = None
    horizon: int | None = None
    seconds: int | None = None
    dropout: float | None = None


@dataclasses.dataclass(frozen=True)
class Sizes:
    """What the data decides about a net: vocabulary and padding token, image channels, classes.

    `each`: every token has a class, not the whole. `head`: what a BERT answers with beside classes and hidden tokens:
    "span", where something begins and ends; "vector", the mean of its tokens. A wav2vec 2.0 with
    "codes" tells hidden stretches apart. `biased`: a GPT has the biases of a GPT-2 that was trained elsewhere. `told`:
    what the config of a model that was trained elsewhere says otherwise than ours would.
    """

    vocab: int = 0
    pad: int = 0
    channels: int = 0
    classes: int = 0
    each: bool = False
    head: str = ""
    biased: bool = False
    told: dict[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Figures:
    """Parameters to learn, and FLOP of one forward and backward pass over one token or one image."""

    parameters: int
    flops: float
    activation_bytes: float


@dataclasses.dataclass(frozen=True)
class Arch:
    """An architecture: the settings it reads, its named sizes, its figures, and how fast a processor core runs it."""

    title: str
    settings: tuple[str, ...]
    sizes: dict[str, Shape]
    figures: Callable[[Shape, Sizes], Figures]
    core_flops: float
    lr: float
    head: bool = True  # what it answers with has weights of its own, so that they can learn alone
    parts: Callable[[Shape], int] = lambda shape: shape.layers  # of which the last ones can learn while others do not
    least_image: Callable[[Shape], int] = lambda shape: 1
    least_rows: Callable[[Shape], int] = lambda shape: 1  # that it sees at once while it learns
    layered: bool = True  # whether its layers can be computed again while gradients flow back
    image_step: int = 1  # that the side of its images is a multiple of
    width_step: int = 1  # that its width is a multiple of
    head_step: int = 1  # that the width of each of its heads is a multiple of
    weights: str = "model.safetensors"  # the file of weights that `from_pretrained` looks for

    @property
    def lora(self) -> bool:
        """Whether it can learn low-rank changes beside its weights: it is made of linear maps, as transformers are."""
        return "heads" in self.settings

    def learnable(self, shape: Shape, task: str = "") -> range:
        """How many of the last parts can be told to learn, beside the head."""
        head = self.head and not (task and TASKS[task].headless)
        return range(0 if head else 1, self.parts(shape) + 1)


@dataclasses.dataclass(frozen=True)
class Task:
    """A task: the data it reads, the architectures that can do it, what it measures, the unit of its speed.

    `headless`: it answers with what the body says. `packed`: it reads text as blocks of `context` tokens, whatever the
    rows. `classes`: each item has one label of a list. `starts`: tasks whose models it can go on from. `reads`: roles
    whose texts the net sees together. `beside`: what a zip of images must hold beside them. `transcribed`: it
    needs what is said in recordings. `writes`: the role whose text is written from those that it reads.
    `optional`: roles that may be left away.
    `contrasts`: its loss holds the rows of a batch against each other, so that all of them are in memory at once.
    """

    title: str
    kinds: tuple[str, ...]
    roles: tuple[str, ...]
    archs: tuple[str, ...]
    metrics: dict[str, str]
    primary: str
    unit: str
    tokenizer: bool
    starts: tuple[str, ...]
    packed: bool = False
    classes: bool = False
    beside: str | None = None
    reads: tuple[str, ...] = ("text",)
    headless: bool = False
    transcribed: bool = False
    writes: str = ""
    optional: tuple[str, ...] = ()
    contrasts: bool = False


def _block(width: int) -> int:
    """Weights of one transformer block with a four times wider middle: 4 w² attention, 8 w² perceptron."""
    return 12 * width * width


def _gpt(shape: Shape, sizes: Sizes) -> Figures:
    width, layers, context, vocab = shape.width, shape.layers, shape.context or 1, sizes.vocab
    # No biases and a tied head: 2 w for the two norms of a block, w for the last.
    parameters = vocab * width + context * width + layers * (_block(width) + 2 * width) + width
    # 6 FLOP per weight and token; the head counts, the position table does not; 12 L T d for attention.
    flops = 6 * (parameters - context * width) + 12 * layers * context * width
    return Figures(parameters, flops, 4 * (layers * 34 * width + 3 * vocab))


def _lstm(shape: Shape, sizes: Sizes) -> Figures:
    width, layers, vocab, classes = shape.width, shape.layers, sizes.vocab, sizes.classes
    cell = layers * (8 * width * width + 8 * width)
    head = width * classes + classes if classes else vocab
    parameters = vocab * width + cell + head
    flops = 6 * (cell + (0 if classes else vocab * width))
    return Figures(parameters, flops, 4 * (layers * 12 * width + (0 if classes else 3 * vocab)))


def _bert(shape: Shape, sizes: Sizes) -> Figures:
    width, layers, context = shape.width, shape.layers, shape.context or 1
    vocab, classes = sizes.vocab, sizes.classes
    body = layers * (_block(width) + 13 * width)
    table = (vocab + context + 2) * width + 2 * width
    if sizes.head == "vector":
        head, head_flops = 0, 0.0
    elif sizes.each:
        head, head_flops = width * classes + classes, 6.0 * width * classes
    elif classes:
        head, head_flops = width * width + width + width * classes + classes, 0.0
    else:  # the last matrix is the token table; 15 % of the tokens are guessed
        head, head_flops = width * width + 3 * width + vocab, 0.15 * 6 * (width * width + vocab * width)
    flops = 6 * body + 12 * layers * context * width + head_flops
    return Figures(table + body + head, flops, 4 * (layers * 34 * width + (0 if classes else 0.45 * vocab)))


def _t5(shape: Shape, sizes: Sizes) -> Figures:
    width, layers, vocab = shape.width, shape.layers, sizes.vocab
    reads = layers * (_block(width) + 2 * width) + width
    writes = layers * (_block(width) + 4 * width * width + 3 * width) + width
    parameters = vocab * width + reads + writes + 2 * BUCKETS * (shape.heads or 1)
    # As if every token of the source had one of the target beside it.
    flops = 6 * (reads + writes + vocab * width) + 36 * layers * (shape.context or 1) * width
    return Figures(parameters, flops, 4 * (layers * 80 * width + 3 * vocab))


def _resnet(shape: Shape, sizes: Sizes) -> Figures:
    width, depth, side = shape.width, shape.layers, math.ceil((shape.image or 32) / 2)
    channels, classes = sizes.channels, sizes.classes
    parameters = channels * 49 * width + 2 * width
    products = float(channels * 49 * width * side * side)
    values = float(width * side * side)
    side = math.ceil(side / 2)
    before = width
    for stage, after in enumerate((width, 2 * width, 4 * width)):
        side = side if stage == 0 else math.ceil(side / 2)
        for block in range(depth):
            source = before if block == 0 else after
            weights = 9 * source * after + 9 * after * after
            norms = 4 * after
            if source != after:
                weights += source * after
                norms += 2 * after
            parameters += weights + norms
            products += weights * side * side
            values += 6 * after * side * side
        before = after
    parameters += before * classes + classes
    return Figures(parameters, 6 * products, 4 * values)


def _vit(shape: Shape, sizes: Sizes) -> Figures:
    width, layers, patch = shape.width, shape.layers, shape.patch or 4
    channels, classes = sizes.channels, sizes.classes
    places = ((shape.image or 32) // patch) ** 2 + 1
    embed = channels * patch * patch * width + width
    body = layers * (_block(width) + 13 * width)
    parameters = embed + width + places * width + body + 2 * width
    if not classes:
        told = channels * patch * patch * (width + 1)
        decodes = width * width + width + DECODER_LAYERS * (_block(width) + 13 * width) + told
        flops = places * (6 * (embed + body / 4 + decodes) + 12 * (layers / 16 + DECODER_LAYERS) * places * width)
        parameters += decodes + width + places * width + 2 * width
        return Figures(parameters, flops, 4 * places * layers * 20 * width)
    parameters += width * classes + classes
    flops = places * (6 * (embed + body) + 12 * layers * places * width)
    return Figures(parameters, flops, 4 * places * layers * 34 * width)


def _patchtst(shape: Shape, sizes: Sizes) -> Figures:
    width, layers, patch, horizon = shape.width, shape.layers, shape.patch or 1, shape.horizon or 1
    places = (shape.context or 1) // patch
    embed, head = patch * width + width, places * width * horizon + horizon
    body = layers * (_block(width) + 13 * width)
    flops = places * (6 * (embed + body) + 12 * layers * places * width) + 6 * head
    return Figures(embed + places * width + body + head, flops, 4 * places * layers * 34 * width)


SEGFORMER_WIDTHS, SEGFORMER_HEADS, SEGFORMER_SHRINKS = (1, 2, 5, 8), (1, 2, 5, 8), (8, 4, 2, 1)
SEGFORMER_PATCHES, SEGFORMER_STRIDES, SEGFORMER_DECODER = (7, 3, 3, 3), (4, 2, 2, 2), 8


def _segformer(shape: Shape, sizes: Sizes) -> Figures:
    side, source, parameters, products, values = shape.image or 32, sizes.channels, 0, 0.0, 0.0
    decoder = SEGFORMER_DECODER * shape.width
    quarter = math.ceil(side / 4) ** 2
    for times, shrink, patch, stride in zip(
        SEGFORMER_WIDTHS, SEGFORMER_SHRINKS, SEGFORMER_PATCHES, SEGFORMER_STRIDES, strict=True
    ):
        width, side = times * shape.width, math.ceil(side / stride)
        places = side * side
        seen = max(1, side // shrink) ** 2
        embed = source * width * patch * patch + width
        reduction = width * width * shrink * shrink + 3 * width if shrink > 1 else 0
        each = _block(width) + 36 * width + 17 * width  # the middle of the perceptron looks at its neighbours too
        parameters += embed + 2 * width + shape.layers * (each + reduction) + 2 * width + width * decoder + decoder
        products += places * (embed + shape.layers * (each + 2 * seen * width)) + quarter * width * decoder
        products += shape.layers * seen * reduction
        values += places * shape.layers * 40 * width
        source = width
    fuse = 4 * decoder * decoder
    parameters += fuse + 2 * decoder + decoder * sizes.classes + sizes.classes
    products += quarter * (fuse + decoder * sizes.classes)
    values += quarter * 8 * decoder + 2 * (shape.image or 32) ** 2 * sizes.classes
    return Figures(parameters, 6 * products, 4 * values)


def _convnext(shape: Shape, sizes: Sizes) -> Figures:
    width, patch = shape.width, shape.patch or 4
    side, source, parameters, products, values = shape.image or 32, sizes.channels, 0, 0.0, 0.0
    for stage, blocks in enumerate(convnext_blocks(shape)):
        shrink = patch if stage == 0 else 2
        side //= shrink
        embed = source * width * shrink * shrink + width
        each = 8 * width * width + 65 * width
        parameters += embed + 2 * (width if stage == 0 else source) + blocks * each
        products += side * side * (embed + blocks * each)
        values += side * side * blocks * 30 * width
        source, width = width, 2 * width
    parameters += 2 * source + source * sizes.classes + sizes.classes
    return Figures(parameters, 6 * products, 4 * values)


def convnext_blocks(shape: Shape) -> tuple[int, int, int, int]:
    """Blocks in each stage: the third has most, as in the models that were published."""
    return shape.layers, shape.layers, 3 * shape.layers, shape.layers


def _clip(shape: Shape, sizes: Sizes) -> Figures:
    width, layers, patch, context = shape.width, shape.layers, shape.patch or 4, shape.context or 1
    places = ((shape.image or 32) // patch) ** 2 + 1
    body, embed = layers * (_block(width) + 13 * width), sizes.channels * patch * patch * width
    text = (sizes.vocab + context) * width + body + 2 * width
    image = width + embed + places * width + body + 4 * width
    flops = 6 * ((context + places) * body + places * embed) + 12 * layers * (context**2 + places**2) * width
    return Figures(text + image + 2 * width * width + 1, flops, 4 * (context + places) * layers * 34 * width)


def _captioner(shape: Shape, sizes: Sizes) -> Figures:
    width, layers, patch, context = shape.width, shape.layers, shape.patch or 4, shape.context or 1
    places, embed = ((shape.image or 32) // patch) ** 2 + 1, sizes.channels * patch * patch * width
    reads = layers * (_block(width) + 13 * width)
    writes = reads + layers * (4 * width * width + 6 * width)
    image = 2 * width + embed + places * width + reads + 2 * width + width * width + width
    text = (2 * sizes.vocab + context) * width + writes + 2 * width
    flops = 6 * (places * (embed + reads) + context * (writes + sizes.vocab * width))
    flops += 12 * layers * (places**2 + context**2 + places * context) * width
    return Figures(image + text, flops, 4 * ((context + places) * layers * 40 * width + 3 * context * sizes.vocab))


def boxes_of(shape: Shape) -> int:
    """How many boxes a YOLOS tells for each image at most: one for two patches, within limits."""
    return min(100, max(16, ((shape.image or 32) // (shape.patch or 4)) ** 2 // 2))


def _yolos(shape: Shape, sizes: Sizes) -> Figures:
    width, layers, patch = shape.width, shape.layers, shape.patch or 4
    told = boxes_of(shape)
    places = ((shape.image or 32) // patch) ** 2 + 1 + told
    embed = sizes.channels * patch * patch * width + width
    body = layers * (_block(width) + 13 * width)
    heads = 4 * (width * width + width) + width * (sizes.classes + 1) + sizes.classes + 1 + 4 * width + 4
    parameters = embed + (1 + told + places) * width + body + 2 * width + heads
    flops = 6 * (places * (embed + body) + told * heads) + 12 * layers * places * places * width
    return Figures(parameters, flops, 4 * places * layers * 34 * width)


def _llama(shape: Shape, sizes: Sizes) -> Figures:
    width, layers, context, vocab = shape.width, shape.layers, shape.context or 1, sizes.vocab
    body = layers * (4 * width * width + 3 * width * gated_of(width) + 2 * width) + width
    flops = 6 * (body + vocab * width) + 12 * layers * context * width
    return Figures(vocab * width + body, flops, 4 * (layers * 38 * width + 3 * vocab))


def gated_of(width: int) -> int:
    """Middle of a perceptron with a gate: two thirds of four times the width, so that it weighs as much as without."""
    return 8 * width // 3 // 8 * 8


def _modernbert(shape: Shape, sizes: Sizes) -> Figures:
    width, layers, context = shape.width, shape.layers, shape.context or 1
    vocab, classes = sizes.vocab, sizes.classes
    body = layers * (4 * width * width + 3 * width * gated_of(width) + 2 * width) - width + 2 * width
    head = width * width + width + (width * classes + classes if classes else vocab)
    spoken = 0.15 * (width * width + vocab * width) if not classes else width * width * sizes.each
    flops = 6 * body + 12 * layers * context * width + 6 * spoken
    return Figures(vocab * width + body + head, flops, 4 * (layers * 38 * width + (0 if classes else 0.45 * vocab)))


def _esm(shape: Shape, sizes: Sizes) -> Figures:
    width, layers, context = shape.width, shape.layers, shape.context or 1
    vocab, classes = sizes.vocab, sizes.classes
    body = layers * (_block(width) + 13 * width) + 2 * width
    if sizes.each:
        head, head_flops = width * classes + classes, 6.0 * width * classes
    elif classes:
        head, head_flops = width * width + width + width * classes + classes, 0.0
    else:  # the last matrix is the token table; 15 % of the tokens are guessed
        head, head_flops = width * width + 3 * width + vocab, 0.15 * 6 * (width * width + vocab * width)
    flops = 6 * body + 12 * layers * context * width + head_flops
    return Figures(vocab * width + body + head, flops, 4 * (layers * 38 * width + (0 if classes else 0.45 * vocab)))


def _bart(shape: Shape, sizes: Sizes) -> Figures:
    width, layers, vocab = shape.width, shape.layers, sizes.vocab
    reads = layers * (_block(width) + 13 * width) + 2 * width
    writes = layers * (_block(width) + 4 * width * width + 19 * width) + 2 * width
    parameters = vocab * width + 2 * (places_of(shape.context or 8) + 2) * width + reads + writes
    flops = 6 * (reads + writes + vocab * width) + 36 * layers * (shape.context or 1) * width
    return Figures(parameters, flops, 4 * (layers * 80 * width + 3 * vocab))


def places_of(context: int) -> int:
    """Places of rows that are padded to a multiple of eight."""
    return -(-context // 8) * 8


def _ast(shape: Shape, sizes: Sizes) -> Figures:
    width, layers, patch, classes = shape.width, shape.layers, shape.patch or 16, sizes.classes
    places = (MELS // patch) * (frames_of(shape.seconds or 1) // patch) + 2
    embed, body = patch * patch * width + width, layers * (_block(width) + 13 * width)
    parameters = embed + 2 * width + places * width + body + 4 * width + width * classes + classes
    flops = places * (6 * (embed + body) + 12 * layers * places * width)
    return Figures(parameters, flops, 4 * places * layers * 34 * width)


def frames_of(seconds: int) -> int:
    """Hundredths of a second, each told by a spectrum."""
    return 100 * seconds


def _wav2vec2(shape: Shape, sizes: Sizes) -> Figures:
    width, layers, vocab = shape.width, shape.layers, sizes.vocab
    conv, places = conv_of(width), 50 * (shape.seconds or 1)
    hears = 10 * conv + 4 * 3 * conv * conv + 2 * 2 * conv * conv + 7 * 3 * conv
    joins = 2 * conv + conv * width + width + width * (width // POSITION_GROUPS) * POSITIONS + POSITIONS + width
    body, head = layers * (_block(width) + 13 * width), width * vocab + vocab
    if sizes.head == "codes":
        books = CODE_GROUPS * CODES
        head = CODES * width + conv * books + books + 2 * (width * width + width) + width
    elif sizes.classes:
        head = width * width + width + width * sizes.classes + sizes.classes
    # Of the seven convolutions the first works 64 times as often as the last, the second 32 times, and so on.
    products = 64 * 10 * conv + 3 * conv * conv * (32 + 16 + 8 + 4) + 2 * conv * conv * (2 + 1) + joins + body + head
    flops = places * (6 * products + 12 * layers * places * width)
    return Figures(hears + joins + body + 2 * width + head, flops, 4 * places * (layers * 34 * width + 500 * conv))


def _whisper(shape: Shape, sizes: Sizes) -> Figures:
    width, layers, context, vocab = shape.width, shape.layers, shape.context or 1, sizes.vocab
    places = 50 * (shape.seconds or 1)
    hears = 3 * WHISPER_BANDS * width + width + 3 * width * width + width
    reads = layers * (_block(width) + 12 * width) + 2 * width
    writes = layers * (_block(width) + 4 * width * width + 17 * width) + 2 * width
    flops = 6 * (places * (hears + reads) + context * (writes + vocab * width))
    flops += 12 * layers * (places**2 + context**2 + places * context) * width
    parameters = hears + reads + (vocab + context) * width + writes
    return Figures(parameters, flops, 4 * ((places + context) * layers * 40 * width + 3 * context * vocab))


def speech_steps(shape: Shape) -> int:
    """Steps in which a SpeechT5 says `seconds`: a frame each 16 ms."""
    return math.ceil(1_000 * (shape.seconds or 1) / 16 / SPEECH_TOGETHER)


def speech_units(shape: Shape) -> int:
    """Width of what lies between spectra and the body of a SpeechT5."""
    return min(256, 2 * shape.width)


def _speecht5(shape: Shape, sizes: Sizes) -> Figures:
    width, layers, units, bands = shape.width, shape.layers, speech_units(shape), SPEECH_BANDS
    reads = layers * (_block(width) + 13 * width) + 2 * width
    says = layers * (_block(width) + 4 * width * width + 19 * width)
    far = 2 * SPEECH_FAR * width // (shape.heads or 1)
    hears = bands * units + units + units * units + units + units * width + width
    hears += (SPEECH_VOICE + width) * width + width
    told = (width + 1) * SPEECH_TOGETHER * (bands + 1)
    mends = 5 * (2 * bands * units + 3 * units * units) + 8 * units + 2 * bands
    steps = speech_steps(shape)
    flops = 6 * steps * (reads + says + hears + told + SPEECH_TOGETHER * mends) + 36 * layers * steps * steps * width
    parameters = sizes.vocab * width + reads + far + says + hears + told + mends + 2
    return Figures(parameters, flops, 4 * steps * (layers * 80 * width + 20 * units))


def conv_of(width: int) -> int:
    """Channels of the convolutions that hear, as many as fit a body of this width."""
    return max(16, 2 * width // 3 // 8 * 8)


UNET_WIDTHS, UNET_GROUPS = (1, 2, 2), 8
DIFFUSION_WEIGHTS = "diffusion_pytorch_model.safetensors"  # the name that diffusers gives them


def _unet(shape: Shape, sizes: Sizes) -> Figures:
    width, channels, side = shape.width, sizes.channels, shape.image or 32
    widths, time, last = [times * shape.width for times in UNET_WIDTHS], 4 * shape.width, len(UNET_WIDTHS) - 1
    parameters = 9 * channels * width + width + width * time + time + time * time + time
    parameters += (sizes.classes + 1) * time if sizes.classes else 0
    products, values = float(9 * channels * width * side * side), 0.0

    def block(source: int, after: int, attends: bool) -> None:
        nonlocal parameters, products, values
        maps = 9 * source * after + 9 * after * after + (source * after if source != after else 0)
        attention = 4 * after * after if attends else 0
        parameters += maps + 2 * source + time * after + 5 * after + (after if source != after else 0)
        parameters += attention + (6 * after if attends else 0)
        products += side * side * (maps + attention + (2 * side * side * after if attends else 0))
        values += side * side * (source + after) * 6 + (side**4 if attends else 0)

    def resample(own: int) -> None:
        nonlocal parameters, products
        parameters += 9 * own * own + own
        products += side * side * 9 * own * own

    skips, before = [width], width
    for stage, own in enumerate(widths):
        for _ in range(shape.layers):
            block(before, own, stage == last)
            before = own
            skips.append(own)
        if stage < last:
            side = side // 2
            resample(own)
            skips.append(own)
    block(before, before, True)
    block(before, before, False)
    for stage, own in reversed(list(enumerate(widths))):
        for _ in range(shape.layers + 1):
            block(before + skips.pop(), own, stage == last)
            before = own
        if stage:
            side = side * 2
            resample(own)
    parameters += 2 * width + 9 * width * channels + channels
    products += 9 * width * channels * side * side
    return Figures(parameters, 6 * products, 4 * values)


def _dit(shape: Shape, sizes: Sizes) -> Figures:
    width, layers, patch = shape.width, shape.layers, shape.patch or 4
    numbers, places = sizes.channels * patch * patch, ((shape.image or 32) // patch) ** 2
    maps, once = layers * (_block(width) + 9 * width), layers * (256 * width + 7 * width * width + 8 * width)
    table = layers * (max(1, sizes.classes) + 1) * width
    ends = numbers * width + width + 2 * width * width + 2 * width + width * numbers + numbers
    flops = 6 * once + places * (6 * (maps + 2 * numbers * width) + 12 * layers * places * width)
    return Figures(maps + once + table + ends, flops, 4 * places * layers * 40 * width)


ARCHS: dict[str, Arch] = {
    "gpt": Arch(
        title="GPT (decoder)",
        settings=("layers", "heads", "width", "context", "dropout"),
        sizes={
            "nano": Shape(layers=2, heads=2, width=64, context=64, dropout=0.0),
            "mini": Shape(layers=4, heads=4, width=128, context=128, dropout=0.0),
            "small": Shape(layers=6, heads=6, width=384, context=256, dropout=0.1),
            "base": Shape(layers=12, heads=12, width=768, context=512, dropout=0.1),
        },
        figures=_gpt,
        core_flops=4.5e10,
        lr=2e-3,
        head=False,
    ),
    "lstm": Arch(
        title="Embedding, LSTM, softmax",
        settings=("layers", "width", "context", "dropout"),
        sizes={
            "nano": Shape(layers=1, width=64, context=64, dropout=0.0),
            "mini": Shape(layers=1, width=192, context=128, dropout=0.0),
            "small": Shape(layers=2, width=384, context=128, dropout=0.1),
            "base": Shape(layers=3, width=1024, context=256, dropout=0.2),
        },
        figures=_lstm,
        core_flops=4.5e10,
        lr=3e-3,
        parts=lambda shape: 0,
        layered=False,
    ),
    "bert": Arch(
        title="BERT (encoder)",
        settings=("layers", "heads", "width", "context", "dropout"),
        sizes={
            "nano": Shape(layers=2, heads=2, width=64, context=64, dropout=0.1),
            "mini": Shape(layers=4, heads=4, width=128, context=128, dropout=0.1),
            "small": Shape(layers=6, heads=6, width=384, context=256, dropout=0.1),
            "base": Shape(layers=12, heads=12, width=768, context=512, dropout=0.1),
        },
        figures=_bert,
        core_flops=4e10,
        lr=5e-4,
    ),
    "t5": Arch(
        title="T5 (encoder and decoder)",
        settings=("layers", "heads", "width", "context", "dropout"),
        sizes={
            "nano": Shape(layers=2, heads=2, width=64, context=64, dropout=0.1),
            "mini": Shape(layers=4, heads=4, width=128, context=128, dropout=0.1),
            "small": Shape(layers=6, heads=8, width=384, context=256, dropout=0.1),
            "base": Shape(layers=12, heads=12, width=768, context=512, dropout=0.1),
        },
        figures=_t5,
        core_flops=3.5e10,
        lr=1e-3,
        head=False,
    ),
    "llama": Arch(
        title="Llama (decoder)",
        settings=("layers", "heads", "width", "context"),
        sizes={
            "nano": Shape(layers=2, heads=2, width=64, context=64),
            "mini": Shape(layers=4, heads=4, width=128, context=128),
            "small": Shape(layers=6, heads=6, width=384, context=256),
            "base": Shape(layers=12, heads=12, width=768, context=512),
        },
        figures=_llama,
        core_flops=2.5e10,
        lr=2e-3,
        head=False,
        head_step=2,
    ),
    "modernbert": Arch(
        title="ModernBERT (encoder)",
        settings=("layers", "heads", "width", "context", "dropout"),
        sizes={
            "nano": Shape(layers=2, heads=2, width=64, context=64, dropout=0.0),
            "mini": Shape(layers=4, heads=4, width=128, context=128, dropout=0.0),
            "small": Shape(layers=6, heads=6, width=384, context=256, dropout=0.1),
            "base": Shape(layers=12, heads=12, width=768, context=512, dropout=0.1),
        },
        figures=_modernbert,
        core_flops=2.5e10,
        lr=5e-4,
        head_step=2,
    ),
    "esm": Arch(
        title="ESM (encoder of proteins)",
        settings=("layers", "heads", "width", "context", "dropout"),
        sizes={
            "nano": Shape(layers=2, heads=2, width=64, context=128, dropout=0.0),
            "mini": Shape(layers=6, heads=8, width=128, context=256, dropout=0.0),
            "small": Shape(layers=6, heads=20, width=320, context=512, dropout=0.0),
            "base": Shape(layers=12, heads=20, width=480, context=1024, dropout=0.0),
        },
        figures=_esm,
        core_flops=2.5e10,
        lr=5e-4,
        head_step=2,
    ),
    "bart": Arch(
        title="BART (encoder and decoder)",
        settings=("layers", "heads", "width", "context", "dropout"),
        sizes={
            "nano": Shape(layers=2, heads=2, width=64, context=64, dropout=0.1),
            "mini": Shape(layers=4, heads=4, width=128, context=128, dropout=0.1),
            "small": Shape(layers=6, heads=8, width=384, context=256, dropout=0.1),
            "base": Shape(layers=12, heads=12, width=768, context=512, dropout=0.1),
        },
        figures=_bart,
        core_flops=2.5e10,
        lr=1e-3,
        head=False,
    ),
    "resnet": Arch(
        title="ResNet (convolutions)",
        settings=("layers", "width", "image"),
        sizes={
            "nano": Shape(layers=1, width=16, image=32),
            "mini": Shape(layers=1, width=32, image=32),
            "small": Shape(layers=2, width=64, image=64),
            "base": Shape(layers=2, width=64, image=224),
        },
        figures=_resnet,
        core_flops=1.8e10,
        lr=3e-3,
        parts=lambda shape: 3,
        # Of an image that the last stage brings to one place, a batch norm sees one value.
        least_rows=lambda shape: 2 if (shape.image or 32) <= RESNET_STRIDE else 1,
        layered=False,
    ),
    "vit": Arch(
        title="Vision transformer",
        settings=("layers", "heads", "width", "image", "patch", "dropout"),
        sizes={
            "nano": Shape(layers=2, heads=2, width=64, image=32, patch=8, dropout=0.0),
            "mini": Shape(layers=4, heads=4, width=128, image=32, patch=4, dropout=0.0),
            "small": Shape(layers=6, heads=6, width=384, image=64, patch=8, dropout=0.1),
            "base": Shape(layers=12, heads=12, width=768, image=224, patch=16, dropout=0.1),
        },
        figures=_vit,
        core_flops=4e10,
        lr=1e-3,
    ),
    "convnext": Arch(
        title="ConvNeXt V2 (convolutions)",
        settings=("layers", "width", "image", "patch"),
        sizes={
            "nano": Shape(layers=1, width=16, image=32, patch=2),
            "mini": Shape(layers=1, width=32, image=64, patch=4),
            "small": Shape(layers=2, width=48, image=128, patch=4),
            "base": Shape(layers=3, width=96, image=224, patch=4),
        },
        figures=_convnext,
        core_flops=1.5e10,
        lr=2e-3,
        parts=lambda shape: 4,
        least_image=lambda shape: 8 * (shape.patch or 4),
    ),
    "segformer": Arch(
        title="SegFormer (a class for each pixel)",
        settings=("layers", "width", "image", "dropout"),
        sizes={
            "nano": Shape(layers=1, width=8, image=32, dropout=0.0),
            "mini": Shape(layers=1, width=16, image=64, dropout=0.0),
            "small": Shape(layers=2, width=32, image=128, dropout=0.1),
            "base": Shape(layers=3, width=64, image=256, dropout=0.1),
        },
        figures=_segformer,
        core_flops=1.5e10,
        lr=2e-3,
        parts=lambda shape: 4,
        least_image=lambda shape: 32,
    ),
    "yolos": Arch(
        title="YOLOS (boxes by a vision transformer)",
        settings=("layers", "heads", "width", "image", "patch", "dropout"),
        sizes={
            "nano": Shape(layers=2, heads=2, width=64, image=32, patch=4, dropout=0.0),
            "mini": Shape(layers=4, heads=4, width=128, image=96, patch=8, dropout=0.0),
            "small": Shape(layers=6, heads=6, width=192, image=160, patch=16, dropout=0.1),
            "base": Shape(layers=12, heads=12, width=384, image=320, patch=16, dropout=0.1),
        },
        figures=_yolos,
        core_flops=3e10,
        lr=1e-3,
    ),
    "clip": Arch(
        title="CLIP (images and texts side by side)",
        settings=("layers", "heads", "width", "context", "image", "patch", "dropout"),
        sizes={
            "nano": Shape(layers=2, heads=2, width=64, context=32, image=32, patch=8, dropout=0.0),
            "mini": Shape(layers=4, heads=4, width=128, context=48, image=64, patch=8, dropout=0.0),
            "small": Shape(layers=6, heads=6, width=384, context=64, image=128, patch=16, dropout=0.1),
            "base": Shape(layers=12, heads=12, width=768, context=77, image=224, patch=16, dropout=0.1),
        },
        figures=_clip,
        core_flops=3e10,
        lr=1e-3,
        parts=lambda shape: 0,
    ),
    "vit-gpt2": Arch(
        title="Vision transformer that GPT-2 writes about",
        settings=("layers", "heads", "width", "context", "image", "patch", "dropout"),
        sizes={
            "nano": Shape(layers=2, heads=2, width=64, context=32, image=32, patch=8, dropout=0.0),
            "mini": Shape(layers=4, heads=4, width=128, context=48, image=64, patch=8, dropout=0.0),
            "small": Shape(layers=6, heads=6, width=384, context=64, image=128, patch=16, dropout=0.1),
            "base": Shape(layers=12, heads=12, width=768, context=96, image=224, patch=16, dropout=0.1),
        },
        figures=_captioner,
        core_flops=3e10,
        lr=1e-3,
    ),
    "ast": Arch(
        title="Audio spectrogram transformer",
        settings=("layers", "heads", "width", "seconds", "patch", "dropout"),
        sizes={
            "nano": Shape(layers=2, heads=2, width=64, seconds=2, patch=16, dropout=0.0),
            "mini": Shape(layers=4, heads=4, width=128, seconds=4, patch=16, dropout=0.0),
            "small": Shape(layers=6, heads=6, width=384, seconds=8, patch=16, dropout=0.1),
            "base": Shape(layers=12, heads=12, width=768, seconds=10, patch=16, dropout=0.1),
        },
        figures=_ast,
        core_flops=3e10,
        lr=1e-3,
    ),
    "wav2vec2": Arch(
        title="wav2vec 2.0 (convolutions and encoder)",
        width_step=POSITION_GROUPS,
        settings=("layers", "heads", "width", "seconds", "dropout"),
        sizes={
            "nano": Shape(layers=2, heads=2, width=64, seconds=10, dropout=0.0),
            "mini": Shape(layers=4, heads=4, width=128, seconds=15, dropout=0.1),
            "small": Shape(layers=6, heads=6, width=384, seconds=20, dropout=0.1),
            "base": Shape(layers=12, heads=12, width=768, seconds=20, dropout=0.1),
        },
        figures=_wav2vec2,
        core_flops=2.5e10,
        lr=1e-3,
    ),
    "whisper": Arch(
        title="Whisper (encoder and decoder)",
        settings=("layers", "heads", "width", "context", "seconds", "dropout"),
        sizes={
            "nano": Shape(layers=2, heads=2, width=64, context=64, seconds=10, dropout=0.0),
            "mini": Shape(layers=4, heads=4, width=128, context=128, seconds=15, dropout=0.1),
            "small": Shape(layers=6, heads=6, width=384, context=256, seconds=20, dropout=0.1),
            "base": Shape(layers=12, heads=12, width=768, context=448, seconds=30, dropout=0.1),
        },
        figures=_whisper,
        core_flops=2.5e10,
        lr=1e-3,
    ),
    "speecht5": Arch(
        title="SpeechT5 (encoder and decoder)",
        settings=("layers", "heads", "width", "seconds", "dropout"),
        sizes={
            "nano": Shape(layers=2, heads=2, width=64, seconds=10, dropout=0.0),
            "mini": Shape(layers=4, heads=4, width=128, seconds=15, dropout=0.1),
            "small": Shape(layers=6, heads=6, width=384, seconds=20, dropout=0.1),
            "base": Shape(layers=6, heads=12, width=768, seconds=30, dropout=0.1),
        },
        figures=_speecht5,
        core_flops=2.5e10,
        lr=1e-3,
    ),
    "unet": Arch(
        title="Diffusion U-Net (convolutions)",
        settings=("layers", "width", "image"),
        layered=False,
        sizes={
            "nano": Shape(layers=1, width=32, image=32),
            "mini": Shape(layers=2, width=48, image=32),
            "small": Shape(layers=2, width=96, image=64),
            "base": Shape(layers=2, width=128, image=128),
        },
        figures=_unet,
        core_flops=1.5e10,
        lr=1e-3,
        parts=lambda shape: 0,
        least_image=lambda shape: 8,
        image_step=4,
        width_step=UNET_GROUPS,
        weights=DIFFUSION_WEIGHTS,
    ),
    "dit": Arch(
        title="Diffusion transformer (DiT)",
        settings=("layers", "heads", "width", "image", "patch", "dropout"),
        sizes={
            "nano": Shape(layers=3, heads=2, width=64, image=32, patch=4, dropout=0.0),
            "mini": Shape(layers=6, heads=4, width=128, image=32, patch=4, dropout=0.0),
            "small": Shape(layers=8, heads=6, width=384, image=64, patch=4, dropout=0.0),
            "base": Shape(layers=12, heads=12, width=768, image=128, patch=8, dropout=0.0),
        },
        figures=_dit,
        core_flops=2.5e10,
        lr=1e-3,
        width_step=4,
        weights=DIFFUSION_WEIGHTS,
    ),
    "patchtst": Arch(
        title="PatchTST (patches of time)",
        settings=("layers", "heads", "width", "context", "patch", "horizon", "dropout"),
        sizes={
            "nano": Shape(layers=2, heads=2, width=32, context=64, patch=8, horizon=8, dropout=0.0),
            "mini": Shape(layers=3, heads=4, width=64, context=128, patch=8, horizon=24, dropout=0.1),
            "small": Shape(layers=3, heads=8, width=128, context=336, patch=8, horizon=48, dropout=0.2),
            "base": Shape(layers=6, heads=16, width=256, context=512, patch=8, horizon=96, dropout=0.2),
        },
        figures=_patchtst,
        core_flops=4e10,
        lr=1e-3,
    ),
}

_CLASSIFIER_METRICS = {
    "macro_f1": HIGHER,
    "accuracy": HIGHER,
    "macro_precision": HIGHER,
    "macro_recall": HIGHER,
    "roc_auc": HIGHER,
    "ece": LOWER,
    "loss": LOWER,
}

_WRITERS = ("text-to-text", "summarization", "generative-qa")  # with the same nets, so each can go on from each
_REGRESSION_METRICS = {"rmse": LOWER, "mae": LOWER, "r2": HIGHER, "spearman": HIGHER, "loss": LOWER}

TASKS: dict[str, Task] = {
    "causal-lm": Task(
        title="Language model (predict the next token)",
        kinds=("text", "csv", "jsonl", "parquet"),
        roles=("text",),
        archs=("gpt", "lstm", "llama"),
        metrics={"perplexity": LOWER, "bits_per_byte": LOWER, "token_accuracy": HIGHER, "loss": LOWER},
        primary="perplexity",
        unit="tokens",
        tokenizer=True,
        starts=("causal-lm",),
        packed=True,
        optional=("prompt",),
    ),
    "masked-lm": Task(
        title="Masked language model (tell hidden tokens)",
        kinds=("text", "csv", "jsonl", "parquet"),
        roles=("text",),
        archs=("bert", "modernbert", "esm"),
        metrics={"perplexity": LOWER, "token_accuracy": HIGHER, "loss": LOWER},
        primary="perplexity",
        unit="tokens",
        tokenizer=True,
        starts=("masked-lm",),
        packed=True,
    ),
    "text-classification": Task(
        title="Text classification",
        kinds=("csv", "jsonl", "parquet"),
        roles=("text", "label"),
        archs=("bert", "lstm", "modernbert", "esm"),
        metrics=_CLASSIFIER_METRICS,
        primary="macro_f1",
        unit="rows",
        tokenizer=True,
        starts=("masked-lm", "text-classification"),
        classes=True,
    ),
    "multi-label-classification": Task(
        title="Multi-label classification",
        kinds=("csv", "jsonl", "parquet"),
        roles=("text", "label"),
        archs=("bert", "lstm", "modernbert", "esm"),
        metrics={
            "macro_f1": HIGHER,
            "micro_f1": HIGHER,
            "macro_precision": HIGHER,
            "macro_recall": HIGHER,
            "exact_match": HIGHER,
            "roc_auc": HIGHER,
            "ece": LOWER,
            "loss": LOWER,
        },
        primary="macro_f1",
        unit="rows",
        tokenizer=True,
        starts=("masked-lm", "multi-label-classification"),
    ),
    "text-regression": Task(
        title="Text regression (tell a number)",
        kinds=("csv", "jsonl", "parquet"),
        roles=("text", "value"),
        archs=("bert", "lstm", "modernbert", "esm"),
        metrics=_REGRESSION_METRICS,
        primary="rmse",
        unit="rows",
        tokenizer=True,
        starts=("masked-lm", "text-regression"),
    ),
    "token-classification": Task(
        title="Words with tags (names, parts of speech)",
        kinds=("csv", "jsonl", "parquet"),
        roles=("text", "label"),
        archs=("bert", "modernbert", "esm"),
        metrics={
            "entity_f1": HIGHER,
            "entity_precision": HIGHER,
            "entity_recall": HIGHER,
            "word_accuracy": HIGHER,
            "loss": LOWER,
        },
        primary="entity_f1",
        unit="rows",
        tokenizer=True,
        starts=("masked-lm", "token-classification"),
    ),
    "text-to-text": Task(
        title="Text to text (translate, rewrite)",
        kinds=("csv", "jsonl", "parquet"),
        roles=("text", "target"),
        archs=("t5", "bart"),
        metrics={
            "perplexity": LOWER,
            "token_accuracy": HIGHER,
            "chrf": HIGHER,
            "bleu": HIGHER,
            "rouge_l": HIGHER,
            "exact_match": HIGHER,
            "loss": LOWER,
        },
        primary="perplexity",
        unit="rows",
        tokenizer=True,
        starts=_WRITERS,
        writes="target",
    ),
    "summarization": Task(
        title="Summarization (write what a document says in short)",
        kinds=("csv", "jsonl", "parquet"),
        roles=("document", "summary"),
        archs=("t5", "bart"),
        metrics={
            "rouge_l": HIGHER,
            "rouge_1": HIGHER,
            "rouge_2": HIGHER,
            "perplexity": LOWER,
            "token_accuracy": HIGHER,
            "loss": LOWER,
        },
        primary="rouge_l",
        unit="rows",
        tokenizer=True,
        starts=_WRITERS,
        reads=("document",),
        writes="summary",
    ),
    "generative-qa": Task(
        title="Generative question answering (write the answer)",
        kinds=("csv", "jsonl", "parquet"),
        roles=("question", "context", "answer"),
        archs=("t5", "bart"),
        metrics={"f1": HIGHER, "exact_match": HIGHER, "perplexity": LOWER, "token_accuracy": HIGHER, "loss": LOWER},
        primary="f1",
        unit="rows",
        tokenizer=True,
        starts=_WRITERS,
        reads=("question", "context"),
        writes="answer",
    ),
    "extractive-qa": Task(
        title="Extractive question answering (find the answer in a text)",
        kinds=("csv", "jsonl", "parquet"),
        roles=("question", "context", "answer"),
        archs=("bert",),
        metrics={"f1": HIGHER, "exact_match": HIGHER, "loss": LOWER},
        primary="f1",
        unit="rows",
        tokenizer=True,
        starts=("masked-lm", "extractive-qa"),
        reads=("question", "context"),
    ),
    "sentence-embedding": Task(
        title="Vectors of texts (search, likeness)",
        kinds=("csv", "jsonl", "parquet"),
        roles=("text", "pair"),
        archs=("bert",),
        metrics={"recall_at_1": HIGHER, "mrr": HIGHER, "loss": LOWER},
        primary="mrr",
        unit="rows",
        tokenizer=True,
        starts=("masked-lm", "sentence-embedding"),
        headless=True,
        contrasts=True,
    ),
    "image-classification": Task(
        title="Image classification",
        kinds=("images",),
        roles=(),
        archs=("resnet", "vit", "convnext"),
        metrics=_CLASSIFIER_METRICS,
        primary="accuracy",
        unit="images",
        tokenizer=False,
        starts=("masked-image", "image-classification"),
        classes=True,
    ),
    "audio-classification": Task(
        title="Audio classification (sounds, speakers, languages)",
        kinds=("audio",),
        roles=(),
        archs=("ast", "wav2vec2"),
        metrics=_CLASSIFIER_METRICS,
        primary="accuracy",
        unit="recordings",
        tokenizer=False,
        starts=("masked-audio", "audio-classification"),
        classes=True,
    ),
    "speech-to-text": Task(
        title="Speech to text",
        kinds=("audio",),
        roles=(),
        archs=("wav2vec2", "whisper"),
        metrics={"wer": LOWER, "cer": LOWER, "loss": LOWER},
        primary="wer",
        unit="recordings",
        tokenizer=False,
        starts=("masked-audio", "speech-to-text"),
        transcribed=True,
    ),
    "text-to-speech": Task(
        title="Text to speech (read a text aloud)",
        kinds=("audio",),
        roles=(),
        archs=("speecht5",),
        metrics={"spoken_l1": LOWER, "mel_l1": LOWER, "loss": LOWER},
        primary="spoken_l1",
        unit="recordings",
        tokenizer=False,
        starts=("text-to-speech",),
        transcribed=True,
    ),
    "masked-audio": Task(
        title="Masked audio (tell hidden stretches apart)",
        kinds=("audio",),
        roles=(),
        archs=("wav2vec2",),
        metrics={"accuracy": HIGHER, "code_perplexity": HIGHER, "loss": LOWER},
        primary="accuracy",
        unit="recordings",
        tokenizer=False,
        starts=("masked-audio",),
    ),
    "masked-image": Task(
        title="Masked images (tell hidden patches)",
        kinds=("images",),
        roles=(),
        archs=("vit",),
        metrics={"explained": HIGHER, "loss": LOWER},
        primary="explained",
        unit="images",
        tokenizer=False,
        starts=("masked-image",),
    ),
    "image-generation": Task(
        title="Image generation (draw images like these)",
        kinds=("images",),
        roles=(),
        archs=("unet", "dit"),
        metrics={"loss": LOWER, "explained": HIGHER},
        primary="loss",
        unit="images",
        tokenizer=False,
        starts=("image-generation",),
    ),
    "image-segmentation": Task(
        title="Image segmentation (a class for each pixel)",
        kinds=("images",),
        roles=(),
        archs=("segformer",),
        metrics={"miou": HIGHER, "pixel_accuracy": HIGHER, "loss": LOWER},
        primary="miou",
        unit="images",
        tokenizer=False,
        starts=("image-segmentation",),
        beside="masks",
    ),
    "object-detection": Task(
        title="Object detection (what is where)",
        kinds=("images",),
        roles=(),
        archs=("yolos",),
        metrics={"map": HIGHER, "ap50": HIGHER, "loss": LOWER},
        primary="map",
        unit="images",
        tokenizer=False,
        starts=("object-detection",),
        beside="boxes",
    ),
    "image-text": Task(
        title="Images and texts (which belong together)",
        kinds=("images",),
        roles=(),
        archs=("clip",),
        metrics={
            "mean_recall": HIGHER,
            "image_recall_1": HIGHER,
            "image_recall_5": HIGHER,
            "text_recall_1": HIGHER,
            "text_recall_5": HIGHER,
            "loss": LOWER,
        },
        primary="mean_recall",
        unit="images",
        tokenizer=True,
        starts=("image-text",),
        beside="captions",
        contrasts=True,
    ),
    "image-captioning": Task(
        title="Image captioning (say in words what is seen)",
        kinds=("images",),
        roles=(),
        archs=("vit-gpt2",),
        metrics={
            "perplexity": LOWER,
            "token_accuracy": HIGHER,
            "chrf": HIGHER,
            "bleu": HIGHER,
            "rouge_l": HIGHER,
            "exact_match": HIGHER,
            "loss": LOWER,
        },
        primary="perplexity",
        unit="images",
        tokenizer=True,
        starts=("image-captioning",),
        beside="captions",
    ),
    "forecasting": Task(
        title="Forecasting (the next numbers of a series)",
        kinds=("csv", "jsonl", "parquet"),
        roles=("value",),
        archs=("patchtst",),
        metrics={"mase": LOWER, "mae": LOWER, "rmse": LOWER, "loss": LOWER},
        primary="mase",
        unit="windows",
        tokenizer=False,
        starts=("forecasting",),
    ),
}

# Tasks whose packages can be written as ONNX: those that read tokens with a mask, those that read images, and others.
ONNX_MASKED = frozenset(
    (
        *("masked-lm", "text-classification", "multi-label-classification", "text-regression"),
        *("token-classification", "sentence-embedding"),
    )
)
ONNX_IMAGES = frozenset({"image-classification", "image-segmentation", "object-detection"})
ONNX_SOUNDS = frozenset({"audio-classification", "speech-to-text"})
EXPORTABLE = (
    *sorted(ONNX_MASKED | ONNX_IMAGES | ONNX_SOUNDS),
    *("causal-lm", "extractive-qa", "forecasting", "image-text", "masked-image"),
)
ONNX_NEVER = frozenset({"whisper"})  # writes letter by letter, which is no single graph


def exportable(task: str, arch: str) -> bool:
    """Whether such a model can be written as ONNX."""
    return task in EXPORTABLE and arch not in ONNX_NEVER


ROLES = tuple(sorted({role for task in TASKS.values() for role in (*task.roles, *task.optional)}))
SIZES = tuple(dict.fromkeys(size for arch in ARCHS.values() for size in arch.sizes))
SETTINGS = tuple(dict.fromkeys(setting for arch in ARCHS.values() for setting in arch.settings))
METRICS = tuple(dict.fromkeys(metric for task in TASKS.values() for metric in task.metrics))
