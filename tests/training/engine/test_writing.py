"""Nets that read a source and write from it: what they keep gives the tokens that reading all anew would give."""

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.training.engine.conftest import Run, blob_of, profile_for, tiny
from training.engine.catalogue import Shape, Sizes
from training.engine.contract import DONE
from training.engine.generating import Chooser, Sampling, texts_from, tokens_from
from training.engine.nets import vit_gpt2
from training.engine.predict import Predictor
from training.engine.registry import net_module
from training.engine.tokenizing import SEQ2SEQ_SPECIALS, TokenizerSpec, train_tokenizer

START, ROOM, VOCAB = 0, 20, 23
SHAPES: dict[str, tuple[Shape, Sizes]] = {
    "t5": (Shape(layers=2, heads=2, width=16, context=ROOM, dropout=0.1), Sizes(vocab=VOCAB)),
    "bart": (Shape(layers=2, heads=2, width=16, context=ROOM, dropout=0.1), Sizes(vocab=VOCAB)),
    "whisper": (Shape(layers=2, heads=2, width=16, context=ROOM, seconds=1, dropout=0.1), Sizes(vocab=VOCAB)),
    "vit-gpt2": (
        Shape(layers=2, heads=2, width=16, context=ROOM, image=16, patch=8, dropout=0.1),
        Sizes(vocab=VOCAB, channels=3),
    ),
}
GREEDY = Sampling(tokens=ROOM - 1, temperature=0)
WAYS = {
    "greedy": GREEDY,
    "few": Sampling(tokens=5, temperature=0),
    "top-k": Sampling(tokens=ROOM - 1, temperature=1.3, top_k=5, seed=3),
    "top-p": Sampling(tokens=ROOM - 1, temperature=0.9, top_p=0.8, seed=7),
    "more than there is room": Sampling(tokens=99, temperature=1, seed=2),
}
Anew = Callable[[Tensor, list[int]], Tensor]  # logits after the last of (rows, tokens), of these rows of the source


@functools.cache
def net_of(arch: str) -> Any:
    torch.manual_seed(5)
    net = net_module(arch).build(*SHAPES[arch]).eval()
    with torch.no_grad():
        for parameter in net.parameters():
            # Strong matrices, or all rows would write one token again and again.
            parameter.add_(torch.randn_like(parameter) * (1.0 if parameter.dim() > 1 else 0.1))
    return net


@torch.no_grad()
def both_ways(arch: str) -> tuple[Any, Any, Anew]:
    """(how one more token is read, what is kept of four sources, how all is read anew)."""
    net, chance = net_of(arch), torch.Generator().manual_seed(6)
    if arch == "vit-gpt2":
        seen = net.encoder(pixel_values=torch.randn(4, 3, 16, 16, generator=chance)).last_hidden_state

        def looked(ids: Tensor, rows: list[int]) -> Tensor:
            return net(encoder_outputs=(seen[rows],), decoder_input_ids=ids, use_cache=False).logits[:, -1]

        return functools.partial(vit_gpt2.go_on, net), vit_gpt2.remember(net, seen, room=ROOM), looked
    if arch == "whisper":
        values = torch.randn(4, 80, 100, generator=chance)
        return net.go_on, net.remember(net.encode(values), room=ROOM), lambda ids, rows: net(values[rows], ids)[:, -1]
    ids = torch.randint(3, VOCAB, (4, 9), generator=chance)
    mask = torch.arange(9) < torch.tensor([[9], [1], [6], [3]])
    source = net.encode(ids, mask)
    return (
        net.go_on,
        net.remember(source, mask, room=ROOM),
        lambda before, rows: net.decode(source[rows], mask[rows], before)[:, -1],
    )


@torch.no_grad()
def anew(read: Anew, sampling: Sampling, end: int) -> list[list[int]]:
    """The tokens of four rows, each of them alone, with all of them read again for every token."""
    found: list[list[int]] = [[] for _ in range(4)]
    for row, written in enumerate(found):
        choose = Chooser(sampling, [row])
        for place in range(min(sampling.tokens, ROOM - 1)):
            token = int(choose(read(torch.tensor([[START, *written]]), [row]), [0], place))
            if token == end:
                break
            written.append(token)
    return found


def kept_tokens(steps: Iterator[dict[int, int]]) -> list[list[int]]:
    found: list[list[int]] = [[] for _ in range(4)]
    for told in steps:
        for row, token in told.items():
            found[row].append(token)
    return found


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("arch", SHAPES)
def test_kept_tokens_are_those_that_are_read_anew(arch: str, way: str) -> None:
    """Sources of different lengths, rows that end at different times, the whole of the room."""
    sampling = WAYS[way]
    go_on, kept, read = both_ways(arch)
    free = anew(read, sampling, -1)
    assert [len(row) for row in free] == [min(sampling.tokens, ROOM - 1)] * 4
    assert kept_tokens(tokens_from(go_on, kept, START, Chooser(sampling, range(4)), end=-1)) == free
    go_on, kept, _ = both_ways(arch)
    end = next(token for row in free for token in row[1:] if sum(token in other for other in free) in (1, 2, 3))
    expected = [row[: row.index(end)] if end in row else row for row in free]
    assert kept_tokens(tokens_from(go_on, kept, START, Chooser(sampling, range(4)), end=end)) == expected
    assert kept.rows < 4  # who has ended takes no part


@pytest.mark.parametrize("arch", SHAPES)
@torch.no_grad()
def test_logits_are_those_of_reading_all_at_once(arch: str) -> None:
    go_on, kept, read = both_ways(arch)
    ids = torch.randint(3, VOCAB, (4, ROOM), generator=torch.Generator().manual_seed(8))
    for place in range(ROOM):
        ours, theirs = go_on(ids[:, [place]], kept), read(ids[:, : place + 1], [0, 1, 2, 3])
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)
        if place == 11:
            kept.keep(torch.tensor([3, 1, 0, 2]))
            kept.keep(torch.tensor([2, 1, 3, 0]))  # and back


@torch.no_grad()
def test_rows_go_on_in_the_room_that_was_claimed() -> None:
    """Only what is written moves, so that nothing is claimed anew, nor pages that no token has come to."""
    go_on, kept, _ = both_ways("t5")
    for token in (5, 7):
        go_on(torch.full((4, 1), token), kept)
    before, places = [own.clone() for own in kept.own], [own.data_ptr() for own in kept.own]
    for own in kept.own:
        own[:, :, :, 2:] = torch.arange(4.0)[:, None, None, None]
    kept.keep(torch.tensor([3, 1]))
    assert [own.data_ptr() for own in kept.own] == places and kept.rows == 2
    for own, old in zip(kept.own, before, strict=True):
        assert torch.equal(own[:, :, :, :2], old[:, [3, 1], :, :2])
        assert own[:, 0, :, 2:].eq(0).all() and own[:, 1, :, 2:].eq(1).all()


@pytest.mark.parametrize("arch", ["t5", "bart"])
def test_what_is_padding_is_not_read(arch: str) -> None:
    net, found = net_of(arch), []
    for width in (4, 9):
        ids = torch.full((1, width), 7)
        mask = torch.arange(width)[None] < 4
        with torch.no_grad():
            kept = net.remember(net.encode(ids, mask), mask, room=ROOM)
        steps = tokens_from(net.go_on, kept, START, Chooser(GREEDY, [0]), end=-1)
        found.append([told[0] for told in steps])
    assert found[0] == found[1]


@pytest.mark.parametrize("kind", ["char", "wordpiece", "unigram", "bpe"])
def test_a_text_ends_before_its_first_stop_word(kind: str) -> None:
    """As cut out of the whole text, though a token may go beyond the word, or be told otherwise beside others."""
    tokenizer = train_tokenizer(
        TokenizerSpec(kind, vocab=None if kind == "char" else 300),
        ["one two three, and four"] * 3,
        SEQ2SEQ_SPECIALS,
    )

    lengths: list[int] = []

    def texts(*stop: str) -> list[str]:
        _, kept, _ = both_ways("t5")
        told = [tokenizer.encode(text).tolist() for text in ("one two three", "two", "and four", "three, one")]
        for row in told:
            row.append(2)

        def spell(ids: Tensor, kept: Any) -> Tensor:
            """Writes those texts, as a net would; which row it is, is kept as its source."""
            kept.length += 1
            rows = kept.source[0][0, :, 0, 0, 0].tolist()
            logits = torch.zeros(len(rows), tokenizer.size)
            for n, row in enumerate(rows):
                logits[n, told[int(row)][kept.length - 1]] = 1
            return logits

        kept.source[0][0, :, 0, 0, 0] = torch.arange(4.0)
        sampling = Sampling(tokens=ROOM - 1, temperature=0, stop=stop)
        found = texts_from(spell, kept, START, tokenizer, sampling, end=2)
        lengths.append(kept.length)
        return found

    whole = texts()
    assert ["".join(text.split()) for text in whole] == ["onetwothree", "two", "andfour", "three,one"]
    for stop in (("two",), ("re", "w"), ("d f", "one"), ("ee", "thr"), ("zzz",), ("o",)):
        expected = [min((text.partition(word)[0] for word in stop), key=len) for text in whole]
        assert texts(*stop) == expected, stop
    assert lengths[-1] < lengths[0] == lengths[-2]  # nothing is read behind the last of the stop words


def test_a_stop_order_is_heard_between_tokens() -> None:
    go_on, kept, _ = both_ways("t5")
    heard: list[int] = []

    def check() -> None:
        heard.append(kept.length)
        if len(heard) == 3:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        list(tokens_from(go_on, kept, START, Chooser(GREEDY, range(4)), end=-1, check=check))
    assert heard == [0, 1, 2]


@pytest.mark.parametrize(("task", "kind"), [("text-to-text", "csv"), ("image-captioning", "images")])
def test_a_package_writes_from_a_source_as_asked(task: str, kind: str, tmp_path: Path) -> None:
    run = Run(tmp_path / "run", tiny(task, train__max_steps=2), blob_of(task), kind, profile_for(task))
    assert run.go() == DONE, run.log
    if task == "text-to-text":
        inputs: list[Any] = ["we like a ball which is red", "a", "look at a tree"] * 2
    else:
        chance = np.random.default_rng(1)
        inputs = []
        for n in range(3):
            from PIL import Image

            inputs.append(tmp_path / f"{n}.png")
            Image.fromarray(chance.integers(255, size=(32, 32)).astype(np.uint8)).save(inputs[-1])
        inputs *= 2

    def texts(given: list[Any], **words: Any) -> list[str]:
        return [answer["text"] for answer in Predictor(run.folder / "out", Sampling(**words))(given)]

    plain = [answer["text"] for answer in Predictor(run.folder / "out")(inputs)]
    assert texts(inputs, temperature=0, tokens=1_000) == plain  # the likeliest, as far as there is room
    drawn = texts(inputs, temperature=1, seed=3)
    assert drawn == texts(inputs, temperature=1, seed=3) != texts(inputs, temperature=1, seed=4)
    assert drawn[:3] != drawn[3:]  # the same sources by other numbers
    assert texts(inputs[:2], temperature=1, seed=3) == drawn[:2]  # whoever shares the batch
    with pytest.raises(ValueError, match="only a language model"):
        next(Predictor(run.folder / "out").stream(["a"]))
