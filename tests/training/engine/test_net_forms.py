"""Nets of images and sounds in the forms that the catalogue has: equal to those of transformers, and as promised.

Importing transformers and diffusers costs seconds, so all that needs both of them stands here.
"""

import dataclasses
import json
import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.training.engine.conftest import plain_task
from training.engine.catalogue import (
    ARCHS,
    CODE_GROUPS,
    CODES,
    SPEECH_BANDS,
    SPEECH_TOGETHER,
    SPEECH_VOICE,
    Shape,
    Sizes,
    boxes_of,
    frames_of,
)
from training.engine.contract import SpecError
from training.engine.generating import Chooser, Sampling, tokens_from
from training.engine.nets import vit as own_vit
from training.engine.registry import net_module
from training.engine.tasks.waves import steps_of


def form(arch: str, size: str, **changes: Any) -> Shape:
    """The shape of a named size, thinner and with fewer layers, so that it is made in no time."""
    shape = ARCHS[arch].sizes[size]
    return dataclasses.replace(shape, layers=min(2, shape.layers), dropout=shape.dropout, **changes)


def random_net(arch: str, shape: Shape, sizes: Sizes, seed: int = 1) -> Any:
    torch.manual_seed(seed)
    net = net_module(arch).build(shape, sizes)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(torch.randn_like(parameter) / max(2, parameter[0].numel() if parameter.dim() else 2) ** 0.5)
        for buffer in net.buffers():
            if buffer.is_floating_point() and buffer.dim() == 1:
                buffer.copy_(torch.rand_like(buffer) + 0.5)  # running means and variances
    return net.eval()


def theirs_of(net: Any, arch: str, kind: Any, classes: int) -> Any:
    tensors, config = net_module(arch).export(net)
    fields = {name: value for name, value in config.items() if name not in ("architectures", "model_type")}
    other = kind(kind.config_class(**fields, id2label={n: str(n) for n in range(classes or 2)}))
    found = other.load_state_dict(tensors, strict=False)
    assert found.unexpected_keys == [] and found.missing_keys == []
    return other.eval()


def same(ours: Tensor, theirs: Tensor) -> None:
    assert ours.shape == theirs.shape and ours.std() > 1e-3
    torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4)


# -- images

IMAGES = [(size, channels) for size in ("nano", "mini", "small", "base") for channels in (1, 3)]


@torch.no_grad()
@pytest.mark.parametrize(("size", "channels"), IMAGES)
def test_a_vision_transformer_is_that_of_transformers(size: str, channels: int) -> None:
    from transformers.models.vit.modeling_vit import ViTForImageClassification

    shape = form("vit", size, width=12 * (ARCHS["vit"].sizes[size].heads or 1))
    net = random_net("vit", shape, Sizes(channels=channels, classes=5))
    pixels = torch.randn(1, channels, shape.image, shape.image)
    same(net(pixels), theirs_of(net, "vit", ViTForImageClassification, 5)(pixels).logits)


@torch.no_grad()
@pytest.mark.parametrize(("size", "channels"), IMAGES[:6])
def test_a_masked_autoencoder_is_that_of_transformers(size: str, channels: int) -> None:
    from transformers.models.vit_mae.modeling_vit_mae import ViTMAEForPreTraining

    shape = form("vit", size, width=12 * (ARCHS["vit"].sizes[size].heads or 1))
    net = random_net("vit", shape, Sizes(channels=channels))
    places = (shape.image // shape.patch) ** 2
    pixels, order = torch.randn(2, channels, shape.image, shape.image), torch.stack([torch.randperm(places)] * 2)
    other = theirs_of(net, "vit", ViTMAEForPreTraining, 0)
    found = other(pixels, noise=order.argsort(1).float())
    same(net(pixels, order, int(places * 0.25)), found.logits)
    assert found.mask[0, order[0, : int(places * 0.25)]].sum() == 0  # as many are shown, and the same
    assert found.mask[0].sum() == places - int(places * 0.25)


@torch.no_grad()
@pytest.mark.parametrize(("size", "channels"), IMAGES[:6])
@pytest.mark.parametrize("layers", [1, 3])
def test_a_resnet_is_that_of_transformers(size: str, channels: int, layers: int) -> None:
    from transformers.models.resnet.modeling_resnet import ResNetForImageClassification

    shape = dataclasses.replace(form("resnet", size), layers=layers, width=8)
    net = random_net("resnet", shape, Sizes(channels=channels, classes=4))
    pixels = torch.randn(2, channels, shape.image, shape.image)
    same(net(pixels), theirs_of(net, "resnet", ResNetForImageClassification, 4)(pixels).logits)


@torch.no_grad()
@pytest.mark.parametrize(("seen", "patch", "horizon"), [(16, 8, 1), (24, 4, 8), (64, 8, 8), (336, 8, 48), (12, 1, 3)])
def test_a_patchtst_is_that_of_transformers(seen: int, patch: int, horizon: int) -> None:
    from transformers.models.patchtst.modeling_patchtst import PatchTSTForPrediction

    shape = Shape(layers=2, width=16, heads=4, context=seen, patch=patch, horizon=horizon, dropout=0.0)
    net = random_net("patchtst", shape, Sizes())
    series = torch.randn(2, seen) * 3 - 40
    other = theirs_of(net, "patchtst", PatchTSTForPrediction, 0)
    same(net(series), other(series[:, :, None]).prediction_outputs[:, :, 0])


def test_a_patchtst_of_one_patch_is_none_to_transformers_and_so_to_us() -> None:
    from transformers.models.patchtst.modeling_patchtst import PatchTSTConfig, PatchTSTForPrediction

    with pytest.raises(ValueError, match="has to be greater than the patch length"):
        PatchTSTForPrediction(PatchTSTConfig(context_length=8, patch_length=8, patch_stride=8))
    plain_task("forecasting", model__context=16, model__patch=8)
    with pytest.raises(SpecError) as caught:
        plain_task("forecasting", model__context=8, model__patch=8)
    assert [(issue.path, issue.text) for issue in caught.value.issues] == [
        ("model.patch", "The context (8) must be longer than a patch (8).")
    ]


def test_hidden_patches_never_reach_the_encoder() -> None:
    """Whatever they show, the answer is the same; and of what is shown each patch counts."""
    net = random_net("vit", Shape(layers=2, heads=2, width=16, image=16, patch=4, dropout=0.0), Sizes(channels=2))
    order = torch.stack([torch.randperm(16, generator=torch.Generator().manual_seed(n)) for n in range(2)])
    pixels = torch.randn(2, 2, 16, 16, requires_grad=True)
    told = net(pixels, order, 4)
    (gradient,) = torch.autograd.grad(told.square().sum(), pixels)
    each = gradient.abs().view(2, 2, 4, 4, 4, 4).amax((1, 3, 5)).flatten(1)  # the most of each patch
    for image in range(2):
        assert each[image, order[image, 4:]].max() == 0
        assert each[image, order[image, :4]].min() > 0
    assert told.shape == (2, 16, 4 * 4 * 2)


@torch.no_grad()
def test_the_order_of_what_is_shown_does_not_matter() -> None:
    """A patch is known by its place, not by its number among those that are shown."""
    net = random_net("vit", Shape(layers=2, heads=2, width=16, image=16, patch=4, dropout=0.0), Sizes(channels=1))
    pixels, order = torch.randn(1, 1, 16, 16), torch.randperm(16)[None]
    mixed = torch.cat([order[:, :6].flip(1), order[:, 6:].flip(1)], 1)
    torch.testing.assert_close(net(pixels, order, 6), net(pixels, mixed, 6), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("missing", ["heads", "image", "patch"])
def test_a_vision_transformer_says_what_it_needs(missing: str) -> None:
    shape = dataclasses.replace(ARCHS["vit"].sizes["nano"], **{missing: None})
    with pytest.raises(ValueError, match="needs heads, image and patch"):
        own_vit.build(shape, Sizes(channels=1, classes=2))


@torch.no_grad()
def test_yolos_tells_as_many_boxes_as_are_told_of_and_begins_with_places() -> None:
    for size in ("nano", "mini", "small"):
        shape = dataclasses.replace(form("yolos", size), layers=1)
        torch.manual_seed(2)
        net = net_module("yolos").build(shape, Sizes(channels=1, classes=4)).eval()
        found = net(pixel_values=torch.randn(1, 1, shape.image, shape.image))
        assert found.logits.shape == (1, boxes_of(shape), 5) and found.pred_boxes.shape == (1, boxes_of(shape), 4)
        assert found.pred_boxes.min() >= 0 and found.pred_boxes.max() <= 1
        side = shape.image // shape.patch
        grid = net.vit.embeddings.position_embeddings[0, 1 : 1 + side * side].view(side, side, -1)
        half = shape.width // 4 * 2
        # The first half says the row, the second the column, and no two places are the same.
        assert torch.equal(grid[:, :1, :half].expand(-1, side, -1), grid[..., :half])
        assert torch.equal(grid[:1, :, half : 2 * half].expand(side, -1, -1), grid[..., half : 2 * half])
        assert len({tuple(round(v, 4) for v in row) for row in grid[:, 0, :half].tolist()}) == side


@torch.no_grad()
@pytest.mark.parametrize("side", [32, 64, 96])
def test_a_segformer_tells_a_quarter_of_the_places(side: int) -> None:
    net = random_net("segformer", Shape(layers=1, width=8, image=side, dropout=0.0), Sizes(channels=3, classes=6))
    assert net(pixel_values=torch.randn(2, 3, side, side)).logits.shape == (2, 6, side // 4, side // 4)


@torch.no_grad()
@pytest.mark.parametrize("classes", [0, 3])
def test_a_diffusion_transformer_begins_by_telling_nothing(classes: int) -> None:
    shape = dataclasses.replace(form("dit", "nano"), layers=2)
    torch.manual_seed(1)
    net = net_module("dit").build(shape, Sizes(channels=1, classes=classes))
    images, times = torch.randn(2, 1, 32, 32), torch.tensor([3, 900])
    for training in (True, False):
        net.train(training)
        assert net(images, times, torch.zeros(2, dtype=torch.long)).sample.eq(0).all()
    tables = [block.norm1.emb.class_embedder.embedding_table for block in net.transformer_blocks]
    assert [len(table.weight) for table in tables] == [max(1, classes) + 1] * 2  # and one for none of them
    net = random_net("dit", shape, Sizes(channels=1, classes=classes)).train()
    labels = torch.full((2,), classes and classes - 1)
    first = net(images, times, labels).sample
    assert all(torch.equal(first, net(images, times, labels).sample) for _ in range(6))  # it leaves no label out
    assert (first - net(images, times, torch.full((2,), max(1, classes))).sample).abs().max() > 1e-4


@torch.no_grad()
@pytest.mark.parametrize(("classes", "channels"), [(0, 1), (3, 3)])
def test_a_u_net_knows_one_class_more_or_none(classes: int, channels: int) -> None:
    net = random_net("unet", Shape(layers=1, width=16, image=8), Sizes(channels=channels, classes=classes))
    images, times = torch.randn(2, channels, 8, 8), torch.tensor([3, 900])
    if not classes:
        assert net.class_embedding is None and net(images, times, None).sample.shape == images.shape
        return
    assert len(net.class_embedding.weight) == 4
    found = [net(images, times, torch.tensor([n, n])).sample for n in range(4)]
    assert all((found[0] - other).abs().max() > 1e-4 for other in found[1:])
    config = net_module("unet").export(net)[1]
    assert config["num_class_embeds"] == 4 and "_name_or_path" not in config and json.dumps(config)


# -- sounds


@torch.no_grad()
@pytest.mark.parametrize(("seconds", "patch"), [(1, 16), (2, 16), (1, 8), (3, 32)])
def test_an_ast_has_a_place_for_each_patch(seconds: int, patch: int) -> None:
    shape = Shape(layers=1, width=16, heads=2, seconds=seconds, patch=patch, dropout=0.0)
    net = random_net("ast", shape, Sizes(classes=3))
    places = net.model.audio_spectrogram_transformer.embeddings.position_embeddings.shape[1]
    assert places == (64 // patch) * (frames_of(seconds) // patch) + 2
    assert net(torch.randn(2, frames_of(seconds), 64)).shape == (2, 3)


W2V = Shape(layers=1, width=32, heads=2, seconds=1, dropout=0.0)


@torch.no_grad()
@pytest.mark.parametrize("head", ["letters", "classes"])
def test_padding_does_not_change_what_is_heard(head: str) -> None:
    net = random_net("wav2vec2", W2V, Sizes(classes=3) if head == "classes" else Sizes(vocab=9))
    sound = torch.randn(1, 5_000)
    wide = torch.cat([sound, torch.zeros(1, 4_000)], 1)
    mask = (torch.arange(9_000) < 5_000).long()[None]
    alone, beside = net(sound, torch.ones(1, 5_000, dtype=torch.long)), net(wide, mask)
    if head == "letters":
        assert alone.shape == (1, steps_of(5_000), 9) and beside.shape[1] == steps_of(9_000)
        beside = beside[:, : steps_of(5_000)]
    torch.testing.assert_close(alone, beside, rtol=1e-3, atol=1e-4)
    assert alone.std() > 1e-3


def guesser() -> Any:
    torch.manual_seed(3)
    return net_module("wav2vec2").build(W2V, Sizes(head="codes"))


def heard() -> tuple[Tensor, Tensor, Tensor]:
    hidden = torch.zeros(2, steps_of(6_000), dtype=torch.bool)
    hidden[:, 4:9] = True
    chance = torch.Generator().manual_seed(4)
    return torch.randn(2, 6_000, generator=chance), torch.ones(2, 6_000, dtype=torch.long), hidden


def test_codes_are_shares_while_learning_and_one_of_each_book_otherwise() -> None:
    net, given = guesser(), heard()
    told, there, shares = net.train()(*given)
    assert shares.shape == (2, steps_of(6_000), CODE_GROUPS, CODES) and told.shape == there.shape
    torch.testing.assert_close(shares.sum(-1), torch.ones(2, steps_of(6_000), CODE_GROUPS))
    assert ((shares > 0) & (shares < 1)).all()
    with torch.no_grad():
        _, one, chosen = net.eval()(*given)
        assert set(chosen.unique().tolist()) == {0.0, 1.0} and (chosen.sum(-1) == 1).all()
        books = net.model.quantizer.codevectors.view(CODE_GROUPS, CODES, -1)
        row = torch.cat([books[group, chosen[0, 5, group].argmax()] for group in range(CODE_GROUPS)])
        torch.testing.assert_close(one[0, 5], net.model.project_q(row))


@torch.no_grad()
def test_what_is_there_is_heard_though_it_is_hidden_from_who_guesses() -> None:
    net, (values, mask, hidden) = guesser().eval(), heard()
    open_ = net(values, mask, torch.zeros_like(hidden))
    told, there, _ = net(values, mask, hidden)
    torch.testing.assert_close(there, open_[1])  # what is there does not hang on what is hidden
    assert (told - open_[0]).abs().amax(-1)[hidden].min() > 1e-4


def test_convolutions_learn_a_tenth_of_what_the_rest_does() -> None:
    found = []
    for quiet in (True, False):
        net = guesser().eval()
        hears = net.model.wav2vec2.feature_extractor
        if not quiet:
            hears._forward_hooks.clear()
        net(*heard())[0].square().sum().backward()
        first = hears.conv_layers[0].conv.weight.grad
        body = net.model.wav2vec2.encoder.layers[0].attention.k_proj.weight.grad
        found.append((first, body))
    torch.testing.assert_close(found[0][0], 0.1 * found[1][0], rtol=1e-3, atol=1e-7)
    torch.testing.assert_close(found[0][1], found[1][1])
    assert found[0][0].abs().max() > 0


WHISPER = Shape(layers=1, width=32, heads=2, seconds=1, context=10, dropout=0.0)


@torch.no_grad()
@pytest.mark.parametrize("likes", [None, 3])
def test_a_whisper_stops_where_it_ends_or_has_no_more_room(likes: int | None) -> None:
    net = random_net("whisper", WHISPER, Sizes(vocab=7))
    sound = torch.randn(2, 80, 100)
    kept = net.remember(net.encode(sound), room=10)
    go_on = net.go_on
    if likes is not None:  # a net that writes three letters and then the end

        def go_on(ids: Tensor, kept: Any) -> Tensor:
            logits = net.go_on(ids, kept)
            logits[:, likes] = 99 if kept.length > 3 else -99
            return logits

    never = Sampling(tokens=9, temperature=0)
    steps = list(tokens_from(go_on, kept, 0, Chooser(never, range(2)), end=3 if likes else -1))
    if likes is None:
        assert len(steps) == 9 and all(set(told) == {0, 1} for told in steps)
    else:
        assert len(steps) == 4 and steps[-1] == {}  # the end itself is not told


@torch.no_grad()
def test_a_whisper_writes_as_it_reads_all_at_once() -> None:
    net = random_net("whisper", WHISPER, Sizes(vocab=7))
    sound, ids = torch.randn(2, 80, 100), torch.randint(1, 7, (2, 8))
    kept = net.remember(net.encode(sound), room=10)
    whole = net(sound, ids)
    for place in range(8):
        torch.testing.assert_close(net.go_on(ids[:, [place]], kept), whole[:, place], rtol=1e-3, atol=1e-4)


SPEAKS = Shape(layers=1, width=32, heads=2, seconds=1, dropout=0.0)


def speaker(ends: float | None = None) -> Any:
    """A SpeechT5 that never ends, or always at once."""
    net = random_net("speecht5", SPEAKS, Sizes(vocab=8))
    with torch.no_grad():
        post = net.model.speech_decoder_postnet.prob_out
        post.weight.mul_(0)
        post.bias.fill_(-9.0 if ends is None else ends)
    return net


IDS = torch.tensor([[4, 5, 6, 3], [4, 3, 0, 0]])
MASK = (IDS != 0).long()


@torch.no_grad()
def test_what_never_ends_is_said_as_long_as_there_is_time_and_what_ends_no_longer() -> None:
    for ends, frames in ((None, 5 * SPEECH_TOGETHER), (9.0, SPEECH_TOGETHER)):
        said = speaker(ends).say(IDS, MASK, 5)
        assert [each.shape for each in said] == [(frames, SPEECH_BANDS)] * 2
    # Of two frames that are said together each ends by half of what it takes: a quarter each is enough.
    for share, count in ((0.26, 1), (0.24, 5)):
        said = speaker(math.log(share / (1 - share))).say(IDS, MASK, 5)
        assert len(said[0]) == count * SPEECH_TOGETHER


@torch.no_grad()
def test_a_text_is_said_the_same_beside_a_longer_one() -> None:
    net = speaker()
    together = net.say(IDS, MASK, 4)
    for row, count in ((0, 4), (1, 2)):
        (alone,) = net.say(IDS[[row], :count], MASK[[row], :count], 4)
        torch.testing.assert_close(alone, together[row], rtol=1e-3, atol=1e-4)


@torch.no_grad()
def test_what_is_said_is_what_is_told_of_what_was_said_before() -> None:
    """Saying step by step is the same as telling every step from those before it."""
    net = speaker()
    (said,) = net.say(IDS[:1], MASK[:1], 4)
    raw = torch.zeros(1, 1, SPEECH_BANDS)
    for step in range(4):
        told, mended, _, attention = net(IDS[:1], MASK[:1], raw, torch.ones(1, step + 1, dtype=torch.long))
        raw = torch.cat([raw, told[:, -1:]], 1)
    assert attention is None
    torch.testing.assert_close(mended[0], said, rtol=1e-3, atol=1e-4)


@torch.no_grad()
def test_a_voice_is_heard_and_none_is_the_middle_of_all() -> None:
    net, found = speaker(), []
    for voice in (None, torch.zeros(2, SPEECH_VOICE), torch.ones(2, SPEECH_VOICE)):
        net.voice = voice
        found.append(net.say(IDS, MASK, 2)[0])
    torch.testing.assert_close(found[0], found[1])
    assert (found[1] - found[2]).abs().max() > 1e-3


def test_attention_is_told_while_learning_alone() -> None:
    net = speaker()
    given = IDS, MASK, torch.zeros(2, 3, SPEECH_BANDS), torch.ones(2, 3, dtype=torch.long)
    *_, none = net(*given)
    torch.manual_seed(1)
    raw, _, ends, attention = net.train()(*given)
    assert none is None and attention.shape == (2, 2, 3, 4)
    torch.testing.assert_close(attention.sum(-1), torch.ones(2, 2, 3))
    assert attention[1, :, :, 2:].max() == 0  # what is padding is not attended to
    assert raw.shape == (2, 3 * SPEECH_TOGETHER, SPEECH_BANDS) and ends.shape == (2, 3 * SPEECH_TOGETHER)


# -- all of them


@pytest.mark.parametrize("arch", ["vit", "resnet", "convnext", "segformer", "yolos", "unet", "dit", "ast", "wav2vec2"])
def test_nets_are_the_same_of_the_same_seed(arch: str) -> None:
    shape, sizes = dataclasses.replace(form(arch, "nano"), layers=1), Sizes(channels=1, classes=3)
    nets = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        nets.append(net_module(arch).build(shape, sizes).state_dict())
    one, again, other = nets
    assert all(torch.equal(one[name], again[name]) for name in one)
    drawn = [name for name in one if one[name].is_floating_point() and len(one[name].unique()) > 1]
    assert any(not torch.equal(one[name], other[name]) for name in drawn)
    assert np.isfinite([float(one[name].abs().sum()) for name in drawn]).all()
