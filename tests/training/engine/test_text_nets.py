"""Every form of every net of texts: what it may see, what it may not, and that transformers says the same.

All that needs transformers' classes stands here, so that they are imported once.
"""

import functools
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from training.engine.catalogue import Shape, Sizes
from training.engine.nets.gpt import Memory
from training.engine.nets.t5 import _bucket
from training.engine.package import import_tensors
from training.engine.registry import net_module

VOCAB, CONTEXT = 19, 16
TAGS, CLASSES = Sizes(vocab=VOCAB, classes=3, each=True), Sizes(vocab=VOCAB, classes=3)
PLAIN = Sizes(vocab=VOCAB)
# Name → (what it answers, architecture).
CAUSAL = {
    "gpt": ("gpt", PLAIN),
    "biased gpt": ("gpt", Sizes(vocab=VOCAB, biased=True)),
    "llama": ("llama", PLAIN),
    "lstm": ("lstm", PLAIN),
}
READERS = {
    "hidden tokens of a bert": ("bert", PLAIN),
    "classes of a bert": ("bert", CLASSES),
    "tags of a bert": ("bert", TAGS),
    "spans of a bert": ("bert", Sizes(vocab=VOCAB, classes=2, each=True, head="span")),
    "vectors of a bert": ("bert", Sizes(vocab=VOCAB, head="vector")),
    "classes of an lstm": ("lstm", CLASSES),
    "hidden tokens of an esm": ("esm", PLAIN),
    "classes of an esm": ("esm", CLASSES),
    "tags of an esm": ("esm", TAGS),
    "hidden tokens of a modernbert": ("modernbert", PLAIN),
    "classes of a modernbert": ("modernbert", CLASSES),
    "tags of a modernbert": ("modernbert", TAGS),
}
WRITERS = {"t5": ("t5", PLAIN), "bart": ("bart", PLAIN)}
NETS = CAUSAL | READERS | WRITERS
GUESSERS = [name for name in READERS if name.startswith("hidden")]
ONE_ANSWER = [name for name in READERS if name.startswith(("classes", "vectors"))]


def shape(**changes: Any) -> Shape:
    return Shape(**{"layers": 2, "heads": 2, "width": 16, "context": CONTEXT, "dropout": 0.0} | changes)


def fresh(name: str, **changes: Any) -> Any:
    """A net as it begins to learn."""
    arch, sizes = NETS[name]
    torch.manual_seed(11)
    return net_module(arch).build(shape(**changes), sizes).eval()


@functools.cache
def net_of(name: str, **changes: Any) -> Any:
    """A net with strong weights, which says something else about everything."""
    net = fresh(name, **changes)
    chance = torch.Generator().manual_seed(12)
    with torch.no_grad():
        for weight in net.parameters():
            weight.add_(torch.randn(weight.shape, generator=chance) * (0.4 if weight.dim() > 1 else 0.2))
    return net


def ids_of(rows: int = 2, tokens: int = 9, least: int = 5) -> Tensor:
    return torch.randint(least, VOCAB, (rows, tokens), generator=torch.Generator().manual_seed(13))


def told(name: str, ids: Tensor, mask: Tensor | None = None) -> Tensor:
    """What a net says of texts; of one that writes, what follows each of a few tokens."""
    if name in WRITERS:
        return net_of(name)(ids, ids_of(len(ids), 5), mask)
    return net_of(name)(ids) if mask is None else net_of(name)(ids, mask)


def same(ours: Tensor, theirs: Tensor) -> None:
    assert ours.std() > 1e-3 and ours.isfinite().all()
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=2e-5)


def apart(ours: Tensor, theirs: Tensor) -> None:
    assert (ours - theirs).abs().max() > 1e-3


@torch.no_grad()
@pytest.mark.parametrize("place", [0, 4, 8])
@pytest.mark.parametrize("name", CAUSAL)
def test_what_comes_later_is_not_seen(name: str, place: int) -> None:
    ids, other = ids_of(), ids_of()
    other[:, place] = (other[:, place] - 5 + 1) % (VOCAB - 5) + 5
    ours, theirs = told(name, ids), told(name, other)
    torch.testing.assert_close(ours[:, :place], theirs[:, :place], rtol=1e-4, atol=1e-5)
    for later in range(place, 9):
        apart(ours[:, later], theirs[:, later])


@torch.no_grad()
@pytest.mark.parametrize("name", WRITERS)
def test_what_is_written_later_is_not_seen_but_the_whole_source_is(name: str) -> None:
    net, source, before = net_of(name), ids_of(), ids_of(2, 7)
    plain = net(source, before)
    for place in range(7):
        other = before.clone()
        other[:, place] = (other[:, place] - 5 + 1) % (VOCAB - 5) + 5
        found = net(source, other)
        torch.testing.assert_close(plain[:, :place], found[:, :place], rtol=1e-4, atol=1e-5)
        apart(plain[:, place], found[:, place])
    for place in (0, 8):
        other = source.clone()
        other[:, place] = (other[:, place] - 5 + 1) % (VOCAB - 5) + 5
        apart(plain[:, 0], net(other, before)[:, 0])


@torch.no_grad()
@pytest.mark.parametrize("name", READERS)
def test_a_reader_sees_both_sides(name: str) -> None:
    ids = ids_of()
    plain = told(name, ids)
    for place in (0, 8):
        other = ids.clone()
        other[:, place] = (other[:, place] - 5 + 1) % (VOCAB - 5) + 5
        found = told(name, other)
        if name in ONE_ANSWER:
            apart(plain, found)
        else:
            apart(plain[:, 0], found[:, 0])
            apart(plain[:, 8], found[:, 8])


@torch.no_grad()
@pytest.mark.parametrize("name", [*READERS, *WRITERS])
def test_padding_has_no_say(name: str) -> None:
    """Rows of every length beside a longer one, whatever stands in the padding, are told as they are alone."""
    ids, lengths = ids_of(5, 9), [9, 1, 2, 5, 8]
    mask = torch.arange(9) < torch.tensor(lengths)[:, None]
    pads = torch.zeros_like(ids)
    together, filled = (told(name, torch.where(mask, ids, filling), mask) for filling in (pads, ids.flip(0)))
    for row, length in enumerate(lengths):
        if name in WRITERS:
            alone = net_of(name)(ids[row : row + 1, :length], ids_of(5, 5)[row : row + 1])[0]
        else:
            alone = told(name, ids[row : row + 1, :length])[0]
        for found in (together, filled):
            kept = found[row] if name in ONE_ANSWER or name in WRITERS else found[row, :length]
            torch.testing.assert_close(kept, alone, rtol=1e-4, atol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("name", NETS)
def test_rows_do_not_see_each_other(name: str) -> None:
    ids = ids_of(4)
    order = torch.tensor([2, 0, 3, 1])
    plain = told(name, ids)
    if name in WRITERS:
        same(net_of(name)(ids[order], ids_of(4, 5)[order]), plain[order])
    else:
        same(told(name, ids[order]), plain[order])
    other = ids.clone()
    other[1:] = ids_of(7)[4:]
    torch.testing.assert_close(told(name, other)[0], plain[0], rtol=1e-4, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("name", GUESSERS)
def test_asked_for_some_places_it_says_what_it_says_of_all(name: str) -> None:
    ids, places = ids_of(3), torch.tensor([0, 26, 9, 9, 13])
    mask = torch.arange(9) < torch.tensor([9, 7, 9])[:, None]
    for words in ((None,), (mask,)):
        whole = net_of(name)(ids, *words).flatten(0, 1)
        same(net_of(name)(ids, words[0], places), whole[places])


@torch.no_grad()
def test_a_bert_knows_which_of_two_texts_a_token_is_of() -> None:
    net, ids = net_of("spans of a bert"), ids_of()
    first = torch.zeros_like(ids)
    same(net(ids, None, None, first), net(ids))
    second = first.clone()
    second[:, 5:] = 1
    apart(net(ids, None, None, second), net(ids))


@torch.no_grad()
@pytest.mark.parametrize("name", [name for name in NETS if name != "llama"])  # which drops nothing
def test_what_is_dropped_is_dropped_while_learning_alone(name: str) -> None:
    ids = ids_of()
    before = (ids_of(2, 5),) if name in WRITERS else ()
    net = fresh(name, dropout=0.5)
    same(net(ids, *before), net(ids, *before))
    net.train()
    apart(net(ids, *before) * 10, net(ids, *before) * 10)
    calm = fresh(name).train()
    same(calm(ids, *before), calm(ids, *before))


@torch.no_grad()
@pytest.mark.parametrize("name", [*CAUSAL, *GUESSERS, "bart"])
def test_a_fresh_net_holds_all_tokens_for_about_as_likely(name: str) -> None:
    """Else the first steps go into unlearning: the loss begins near the logarithm of the vocabulary."""
    ids = ids_of(8, CONTEXT)
    logits = fresh(name)(ids, ids) if name in WRITERS else fresh(name)(ids)
    wanted = torch.randint(VOCAB, ids.shape, generator=torch.Generator().manual_seed(1))
    loss = F.cross_entropy(logits.flatten(0, 1), wanted.flatten())
    assert float(loss) == pytest.approx(math.log(VOCAB), rel=0.03)


def test_a_gpt_of_many_layers_begins_as_calm_as_one_of_few() -> None:
    """What the residual paths bring in is made smaller with their number (Radford et al. 2019, section 2.3)."""
    torch.manual_seed(1)
    ends = {}
    for layers in (2, 32):
        net = net_module("gpt").build(shape(layers=layers, width=64), PLAIN)
        ends[layers] = {
            part: float(torch.stack([getattr(block, part).weight.std() for block in net.blocks]).mean())
            for part in ("qkv", "up", "out", "down")
        }
    for layers, stds in ends.items():
        assert stds["qkv"] == pytest.approx(0.02, rel=0.05) and stds["up"] == pytest.approx(0.02, rel=0.05)
        small = 0.02 / math.sqrt(2 * layers)
        assert stds["out"] == pytest.approx(small, rel=0.05) and stds["down"] == pytest.approx(small, rel=0.05)


@pytest.mark.parametrize(
    ("arch", "changes"), [("gpt", {"heads": None}), ("gpt", {"context": None}), ("bert", {"heads": None}),
                          ("bert", {"context": None}), ("t5", {"heads": None})],
)  # fmt: skip
def test_a_shape_without_what_a_net_needs_is_refused(arch: str, changes: dict[str, None]) -> None:
    with pytest.raises(ValueError, match="needs heads"):
        net_module(arch).build(shape(**changes), PLAIN)


SHAPES: list[dict[str, Any]] = [{}, {"layers": 1, "heads": 1}, {"layers": 3, "heads": 4, "width": 32, "context": 11}]
IN_TRANSFORMERS = [name for name in NETS if "lstm" not in name]


def their(name: str, **changes: Any) -> Any:
    """The class of transformers that the config of a package names, with the weights of the package."""
    import transformers
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    tensors, config = net_module(NETS[name][0]).export(net_of(name, **changes))
    (kind,) = config["architectures"]
    fields = {key: value for key, value in config.items() if key not in ("architectures", "model_type")}
    if classes := NETS[name][1].classes:
        fields["num_labels"] = classes
    words = {"add_pooling_layer": False} if kind == "BertModel" else {}
    net = getattr(transformers, kind)(CONFIG_MAPPING[config["model_type"]](**fields), **words)
    found = net.load_state_dict(tensors, strict=False)
    assert found.unexpected_keys == []
    tied = set(net.all_tied_weights_keys) | {"final_logits_bias", "cls.predictions.decoder.bias"}
    assert {name for name in found.missing_keys if "embed_tokens" not in name and "decoder" not in name} <= tied
    return net.eval()


@torch.no_grad()
@pytest.mark.parametrize("changes", SHAPES, ids=str)
@pytest.mark.parametrize("name", IN_TRANSFORMERS)
def test_transformers_says_the_same_of_every_size(name: str, changes: dict[str, Any]) -> None:
    """From the weights and the config of the package, rows of different lengths included."""
    ours, theirs = net_of(name, **changes), their(name, **changes)
    ids, mask = ids_of(3), torch.arange(9) < torch.tensor([9, 4, 7])[:, None]
    if name in CAUSAL:
        same(ours(ids), theirs(ids).logits)
        return
    if name in WRITERS:
        before = ids_of(3, 6)
        for seen in (None, mask):
            words = {} if seen is None else {"attention_mask": seen.long()}
            same(ours(ids, before, seen), theirs(ids, decoder_input_ids=before, **words).logits)
        return
    for seen in (None, mask):
        found = theirs(ids) if seen is None else theirs(ids, attention_mask=seen.long())
        if NETS[name][1].head == "vector":
            kept = torch.ones_like(ids, dtype=torch.bool) if seen is None else seen
            means = (found.last_hidden_state * kept[..., None]).sum(1) / kept.sum(1, keepdim=True)
            logits = means / means.norm(dim=-1, keepdim=True)
        else:
            logits = torch.stack([found.start_logits, found.end_logits], -1) if "spans" in name else found.logits
        rows = mask if seen is not None and name not in ONE_ANSWER else torch.ones(logits.shape[:1], dtype=torch.bool)
        same(ours(ids, seen)[rows], logits[rows])


@pytest.mark.parametrize("name", NETS)
def test_a_package_comes_back_weight_by_weight(name: str) -> None:
    module = net_module(NETS[name][0])
    tensors, config = module.export(net_of(name))
    again = fresh(name)
    import_tensors(again, module.export, tensors)
    for key, tensor in net_of(name).state_dict().items():
        assert torch.equal(again.state_dict()[key], tensor), key
    assert config["vocab_size"] == VOCAB
    assert len({tensor.data_ptr() for tensor in tensors.values()}) == len(tensors)  # no weight is written twice


@pytest.mark.parametrize("name", ["llama", "bart", "hidden tokens of an esm", "hidden tokens of a modernbert"])
def test_a_wrapped_net_keeps_its_tied_weights_tied(name: str) -> None:
    net, other = fresh(name), net_of(name)
    state = other.state_dict()
    assert len({tensor.data_ptr() for tensor in state.values()}) == len(state)
    net.load_state_dict(state)
    ids = ids_of()
    with torch.no_grad():
        words = (ids,) if name in WRITERS else ()
        same(net(ids, *words), other(ids, *words))
    head = net.model.get_output_embeddings().weight
    assert head is net.model.get_input_embeddings().weight


def test_a_wrapped_net_refuses_what_is_not_its_state() -> None:
    net = fresh("llama")
    state = net.state_dict()
    first = next(iter(state))
    for bad, said in (
        ({name: tensor for name, tensor in state.items() if name != first}, f"missing \\['{first}'\\]"),
        (state | {"model.more": torch.zeros(1)}, "unexpected \\['model.more'\\]"),
    ):
        with pytest.raises(RuntimeError, match=said):
            net.load_state_dict(bad)
        net.load_state_dict(bad, strict=False)


def test_an_esm_is_packaged_with_what_it_did_not_learn() -> None:
    """Which residues touch: transformers looks for these weights, and finds zeros."""
    tensors, config = net_module("esm").export(net_of("classes of an esm"))
    assert tensors["esm.contact_head.regression.weight"].shape == (1, 4)
    assert not tensors["esm.contact_head.regression.weight"].any()
    assert not tensors["esm.contact_head.regression.bias"].any()
    assert config["architectures"] == ["EsmForSequenceClassification"] and "id2label" not in config


def test_distances_fall_into_the_buckets_of_transformers() -> None:
    from transformers.models.t5.modeling_t5 import T5Attention

    far = torch.arange(-400, 401)
    for both in (True, False):
        theirs = T5Attention._relative_position_bucket(far, bidirectional=both, num_buckets=32, max_distance=128)
        assert torch.equal(_bucket(far, both=both), theirs)


# What is kept of what was read.

Reread = Callable[[list[int]], Tensor]


def reread(name: str) -> Reread:
    """Logits after the last of some tokens, all of them read anew."""
    return lambda tokens: net_of(name)(torch.tensor([tokens]))[0, -1]


@torch.no_grad()
@pytest.mark.parametrize(
    "lengths", [[5], [1, 1, 1], [3, 1, 6, 2], [7, 7, 2, 7], [1, 9, 1, 9]], ids=lambda rows: "-".join(map(str, rows))
)
@pytest.mark.parametrize("name", CAUSAL)
def test_kept_is_read_for_every_mix_of_lengths(name: str, lengths: list[int]) -> None:
    """Read at once, then token by token, while rows leave and change places."""
    net, again = net_of(name), reread(name)
    rows = [ids_of(1, length, least=5)[0].tolist() for length in lengths]
    for n, row in enumerate(rows):
        row[0] = 5 + n  # no two rows alike
    memory = net.memory(len(rows))
    ids = torch.full((len(rows), max(lengths)), 7)
    for n, row in enumerate(rows):
        ids[n, : len(row)] = torch.tensor(row)
    found = net.begin(ids, lengths, memory, list(range(len(rows))))
    same(found, torch.stack([again(row) for row in rows]))
    for step in range(6):
        if step in (2, 4) and len(rows) > 1:
            order = list(range(len(rows)))[::-1][: len(rows) - 1]
            memory.keep(torch.tensor(order))
            rows = [rows[n] for n in order]
        new = [5 + (3 * step + n) % (VOCAB - 5) for n in range(len(rows))]
        for row, token in zip(rows, new, strict=True):
            row.append(token)
        same(net.go_on(torch.tensor(new)[:, None], memory), torch.stack([again(row) for row in rows]))


@torch.no_grad()
@pytest.mark.parametrize("name", CAUSAL)
def test_a_row_begins_anew_among_others(name: str) -> None:
    net, again = net_of(name), reread(name)
    rows = [[5, 6, 7], [8, 9, 10], [11, 12, 13]]
    memory = net.memory(3)
    net.begin(torch.tensor(rows), [3, 3, 3], memory, [0, 1, 2])
    rows[2], rows[0] = [14, 15], [16, 17, 18, 5]
    found = net.begin(torch.tensor([[14, 15, 0, 0], [16, 17, 18, 5]]), [2, 4], memory, [2, 0])
    same(found, torch.stack([again(rows[2]), again(rows[0])]))
    found = net.go_on(torch.tensor([[6], [7], [8]]), memory)
    same(found, torch.stack([again([*row, token]) for row, token in zip(rows, (6, 7, 8), strict=True)]))


def test_rows_go_on_in_the_room_they_have() -> None:
    """Only what was read moves: nothing is claimed anew, and places that no token came to are not touched."""
    memory = Memory(2, 4, heads=2, width=8, room=10, device=torch.device("cpu"))
    chance = torch.Generator().manual_seed(1)
    for layer in memory.layers:
        layer.copy_(torch.randn(layer.shape, generator=chance))
    memory.lengths = [3, 1, 2, 6]
    places, before = [layer.data_ptr() for layer in memory.layers], [layer.clone() for layer in memory.layers]
    memory.keep(torch.tensor([2, 0]))
    assert memory.lengths == [2, 3] and [layer.data_ptr() for layer in memory.layers] == places
    for layer, old in zip(memory.layers, before, strict=True):
        assert layer.shape == (2, 2, 2, 10, 4)
        assert torch.equal(layer[:, :, :, :3], old[:, [2, 0], :, :3])
        assert torch.equal(layer[:, :, :, 3:], old[:, :2, :, 3:])  # as it was
    memory.keep(torch.tensor([1]))
    assert memory.lengths == [3] and torch.equal(memory.layers[1][:, 0, :, :3], before[1][:, 0, :, :3])
