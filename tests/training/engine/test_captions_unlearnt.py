"""Images with captions without a run: what a batch holds, the loss by hand, ranks by plain loops, odd inputs."""

import math
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.training.engine.conftest import plain_task, png, prepared_task, scenes, zipped
from training.engine.overlap import counts_of, overlap_scores
from training.engine.tasks import image_captioning, image_text
from training.engine.tasks.base import Judged
from training.engine.tasks.image_text import END, PAD

SAID = [["light left", "on the left it is light"], ["dark"], ["dark below", "below", "there is nothing"]]


def blob() -> bytes:
    """Thirty scenes with one, two or three captions each."""
    members, lines = {}, ["file,text"]
    for n, (pixels, _) in enumerate(scenes(30)):
        members[f"{n:02}.png"] = png(pixels)
        lines += [f"{n:02}.png,{text}" for text in SAID[n % 3]]
    return zipped(members | {"captions.csv": "\n".join(lines).encode()})


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return prepared_task("image-text", tmp_path_factory.mktemp("pairs"), blob())


@pytest.fixture(scope="module")
def captions(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return prepared_task("image-captioning", tmp_path_factory.mktemp("captions"), blob())


def plain(task: Any, row: list[int]) -> str:
    assert row.count(END) == 1 and PAD not in row[: row.index(END)] and not any(row[row.index(END) + 1 :])
    return task.tokenizer.decode(row[: row.index(END)]).strip()


# -- what a batch holds


def test_a_caption_of_the_image_itself_is_drawn(pairs: Any) -> None:
    seen: dict[int, set[str]] = {}
    train = np.arange(pairs.count("train"))
    for seed in range(12):
        batch = pairs.train_batch(train, 0, seed)
        for row, ids in zip(train, batch["ids"].tolist(), strict=True):
            seen.setdefault(int(pairs.parts["train"][row]), set()).add(plain(pairs, ids))
        again = pairs.train_batch(train, 9, seed)
        assert all(torch.equal(batch[name], again[name]) for name in batch)
        assert torch.equal(batch["mask"], (batch["ids"] != PAD).long())
        assert batch["mask"].sum(1).max() == batch["ids"].shape[1]  # no wider than the longest
    assert all(found == set(SAID[item % 3]) for item, found in seen.items())
    assert len(seen) == len(train)


def test_a_caption_that_is_too_long_still_ends(tmp_path: Path) -> None:
    members = {f"{n}.png": png(pixels) for n, (pixels, _) in enumerate(scenes(12))}
    rows = "".join(f'{n}.png,"{"a long way home " * (1 + n)}"\n' for n in range(12))
    task = prepared_task(
        "image-text", tmp_path, zipped(members | {"captions.csv": b"file,text\n" + rows.encode()}), model__context=8
    )
    assert task.ids.shape == (12, 8) and (task.ids == END).sum(1).tolist() == [1] * 12
    assert (task.ids[4:, -1] == END).all()
    assert task.firsts[0].strip() == "a long way home" and max(map(len, task.firsts)) <= 200


def test_no_more_captions_of_an_image_are_kept_than_make_sense(tmp_path: Path) -> None:
    members = {f"{n}.png": png(pixels) for n, (pixels, _) in enumerate(scenes(4))}
    rows = [f"0.png,one {n}" for n in range(40)] + [f"{n}.png,other" for n in (1, 2, 3)]
    task = prepared_task(
        "image-text", tmp_path, zipped(members | {"captions.csv": "\n".join(["file,text", *rows]).encode()})
    )
    assert np.diff(task.edges).tolist() == [image_text.MAX_CAPTIONS, 1, 1, 1]


# -- likeness


class Points(nn.Module):
    """Points wherever it was told to, in turn."""

    def __init__(self, images: Any, texts: Any, scale: float = 0.0) -> None:
        super().__init__()
        told = (torch.as_tensor(np.array(each)).float() for each in (images, texts))
        self.images, self.texts = told
        self.logit_scale, self.at = torch.tensor(scale), 0

    def forward(self, input_ids: Tensor, attention_mask: Tensor, pixel_values: Tensor) -> SimpleNamespace:
        part = slice(self.at, self.at + len(input_ids))
        self.at += len(input_ids)
        return SimpleNamespace(image_embeds=self.images[part], text_embeds=self.texts[part])


def batch_of(count: int) -> dict[str, Tensor]:
    return {name: torch.zeros(count, 3) for name in ("ids", "mask", "pixels")}


def circle(*degrees: float) -> np.ndarray:
    turns = np.deg2rad(degrees)
    return np.column_stack([np.cos(turns), np.sin(turns)])


def test_the_loss_of_two_pairs_by_hand() -> None:
    """Likeness 1 and 0.5 of the first image to both texts, 0 and √¾ of the second; ten times as steep."""
    task, images, texts = plain_task("image-text"), circle(0, 90), circle(0, 60)
    scale = math.log(10)
    a, b, c, d = 10 * 1.0, 10 * 0.5, 10 * 0.0, 10 * math.sqrt(0.75)
    rows = math.log(math.exp(a) + math.exp(b)) - a + math.log(math.exp(c) + math.exp(d)) - d
    columns = math.log(math.exp(a) + math.exp(c)) - a + math.log(math.exp(b) + math.exp(d)) - d
    expected = (rows / 2 + columns / 2) / 2
    for first, second in ((images, texts), (texts, images)):  # neither side counts more
        assert float(task.loss(Points(first, second, scale), batch_of(2))) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("scale", "steep"), [(0.0, 1), (math.log(14), 14), (math.log(100), 100), (9.0, 100)])
def test_likeness_is_at_most_a_hundred_times_as_steep(scale: float, steep: float) -> None:
    task = plain_task("image-text")
    images = circle(0, 90, 180)
    found = float(task.loss(Points(images, images, scale), batch_of(3)))
    one, ends = math.exp(steep), 1 + math.exp(-steep)
    right = [math.log(one + ends) - steep, math.log(one + 2) - steep, math.log(one + ends) - steep]
    assert found == pytest.approx(sum(right) / 3, abs=1e-6)
    assert float(image_text._steepness(Points(images, images, scale))) == pytest.approx(steep)


@pytest.mark.parametrize("seed", range(3))
def test_ranks_and_nats_are_those_of_plain_loops(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_text, "AT_ONCE", 4)
    chance = np.random.default_rng(seed)
    images, texts = (circle(*chance.choice(12, size=9) * 30.0) for _ in range(2))  # some are the same
    found, nats = image_text._judge(np.column_stack([images, texts, np.full(9, 3.0)]))
    for n in range(9):
        own, ranks, surprise = float(images[n] @ texts[n]), [], 0.0
        for asked, among in ((texts[n], images), (images[n], texts)):
            likeness = [float(asked @ other) for other in among]
            ranks.append(sum(other > own + 1e-6 for other in likeness))
            surprise += math.log(sum(math.exp(3 * other) for other in likeness)) - 3 * own
        assert found[n].tolist() == [ranks[0] < 1, ranks[0] < 5, ranks[1] < 1, ranks[1] < 5]
        assert nats[n] == pytest.approx(surprise / 2)


def test_a_part_is_judged_among_itself(pairs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_text, "EVAL_ROWS", 2)
    items = np.arange(pairs.count("test"))
    points = np.zeros((len(items), pairs.shape.width))
    points[items, items] = 1
    rows = pairs.measure(Points(points, points, 5.0), "test", items)
    assert rows.shape == (len(items), 2 * pairs.shape.width + 1)
    report = pairs.report(Judged("test", items, rows), final=True)
    assert report.values["mean_recall"] == report.values["text_recall_1"] == 1
    assert report.values["loss"] == pytest.approx(math.log(1 + (len(items) - 1) * math.exp(-math.exp(5) + 0)), abs=1e-6)
    assert report.detail["among"] == len(items)
    shown = pairs.show(Points(points, points), Judged("test", items, rows), 1)
    assert shown["text"] == shown["label"] == SAID[int(pairs.parts["test"][1]) % 3][0]
    turned = rows.copy()
    turned[:, : pairs.shape.width] = np.roll(points, 1, 0)  # every image points where the text before it does
    shown = pairs.show(Points(points, points), Judged("test", items, turned), 1)
    assert shown["text"] == SAID[int(pairs.parts["test"][0]) % 3][0]
    assert pairs.report(Judged("test", items, turned)).values["image_recall_1"] == 0


def test_chance_finds_one_of_many(pairs: Any) -> None:
    name, values = pairs.baseline()
    count = pairs.count("test")
    assert (name, count) == ("chance", 4)
    assert values["image_recall_1"] == values["text_recall_1"] == 1 / 4
    assert values["image_recall_5"] == 1 and values["mean_recall"] == pytest.approx((1 / 4 + 1) / 2)
    assert values["loss"] == pytest.approx(math.log(4))


class Words(nn.Module):
    """Points at the first token of a text, and at the first value of an image."""

    logit_scale = torch.tensor(0.0)

    def __init__(self, width: int) -> None:
        super().__init__()
        self.visual_projection = self.text_projection = nn.Identity()
        self.vision_model = lambda pixel_values: SimpleNamespace(pooler_output=torch.arange(1.0, 1 + width)[None])
        self.text_model = lambda input_ids, attention_mask: SimpleNamespace(
            pooler_output=torch.nn.functional.one_hot(input_ids[:, 0] % width, width).float() + 0.1
        )


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    (tmp_path / "x.png").write_bytes(png(np.full((8, 8), 90)))
    return tmp_path / "x.png"


def test_a_text_that_is_there_twice_counts_once(pairs: Any, photo: Path) -> None:
    net = Words(pairs.shape.width)
    asked = {"image": photo, "texts": ["dark", "light", "dark", "dark"]}
    once = {"image": str(photo), "texts": ["dark", "light"]}
    twice, plain_answer = (answer["probabilities"] for answer in pairs.predict(net, [asked, once]))
    assert twice == plain_answer and sum(twice.values()) == pytest.approx(1, abs=1e-5)
    points = [np.array(answer["embedding"]) for answer in pairs.predict(net, [photo, "dark", "light"])]
    likeness = [math.exp(float(points[0] @ point)) for point in points[1:]]
    assert twice == pytest.approx(
        dict(zip(["dark", "light"], np.array(likeness) / sum(likeness), strict=True)), abs=1e-4
    )
    assert abs(twice["dark"] - 0.5) > 1e-3 and all(point @ point == pytest.approx(1, abs=1e-4) for point in points)


WRONG: dict[str, tuple[Any, str]] = {
    "no text": ("", "this model reads images and texts"),
    "blank": ("  \n", "this model reads images and texts"),
    "nothing": (None, "this model reads images and texts"),
    "a list": (["dark"], "this model reads images and texts"),
    "no texts": ({"image": "x.png", "texts": []}, "an object with image and texts"),
    "texts as one": ({"image": "x.png", "texts": "dark"}, "an object with image and texts"),
    "no image": ({"texts": ["dark"]}, "an object with image and texts"),
    "an image that is none": ({"image": 7, "texts": ["dark"]}, "reads PNG, JPEG or WebP files"),
    "a text that is none": ({"image": "x.png", "texts": ["dark", 3]}, "this model reads images and texts"),
    "a text of texts": ({"image": "x.png", "texts": [["dark"]]}, "this model reads images and texts"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_image_with_texts_is_told(name: str, pairs: Any, photo: Path) -> None:
    given, said = WRONG[name]
    if isinstance(given, dict) and given.get("image") == "x.png":
        given = given | {"image": photo}
    with pytest.raises(ValueError, match=said):
        pairs.predict(Words(pairs.shape.width), [given])


# -- captions


class Tells(nn.Module):
    """Tells a token for each place, or all alike, and remembers what it read."""

    def __init__(self, vocab: int, token: int | None = None) -> None:
        super().__init__()
        self.vocab, self.token, self.read = vocab, token, torch.zeros(0)

    def forward(self, pixel_values: Tensor, decoder_input_ids: Tensor) -> SimpleNamespace:
        self.read = decoder_input_ids
        logits = torch.zeros(*decoder_input_ids.shape, self.vocab)
        if self.token is not None:
            logits[..., self.token] = 5
        return SimpleNamespace(logits=logits)


def test_a_token_is_told_from_those_before_it(captions: Any) -> None:
    batch = captions.train_batch(np.arange(6), 0, 2)
    net = Tells(captions.tokenizer.size)
    _, target = captions._logits(net, batch)
    assert (net.read[:, 0] == image_captioning.START).all()
    assert torch.equal(net.read[:, 1:], batch["ids"][:, :-1])
    assert torch.equal(target == image_captioning.NONE, batch["ids"] == PAD)
    assert ((target == END).sum(1) == 1).all()  # the end is to be told too


def test_all_tokens_weigh_alike_whoever_shares_the_batch(captions: Any) -> None:
    """Told all alike, every token costs log of the vocabulary; a caption costs as its length says."""
    net, nats = Tells(captions.tokenizer.size), math.log(captions.tokenizer.size)
    lengths = [
        np.mean([(captions.ids[row] != PAD).sum() for row in range(captions.edges[item], captions.edges[item + 1])])
        for item in captions.parts["train"]
    ]
    assert captions.tokens == pytest.approx(np.mean(lengths))
    for rows in (np.arange(4), np.array([3]), np.arange(captions.count("train"))):
        batch = captions.train_batch(rows, 0, 5)
        count = int((batch["ids"] != PAD).sum())
        assert float(captions.loss(net, batch)) == pytest.approx(nats * count / (len(rows) * captions.tokens), rel=1e-5)


def test_figures_are_those_of_the_first_caption(captions: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_captioning, "EVAL_ROWS", 3)
    items = np.arange(captions.count("valid"))
    firsts = [captions.ids[captions.edges[item]] for item in captions.parts["valid"]]
    rows = captions.measure(Tells(captions.tokenizer.size, END), "valid", items)  # nothing is written for it
    vocab = captions.tokenizer.size
    right, wrong = math.log(math.exp(5) + vocab - 1) - 5, math.log(math.exp(5) + vocab - 1)
    for row, ids in zip(rows, firsts, strict=True):
        count = int((ids != PAD).sum())
        assert row[:3].tolist() == pytest.approx([right + (count - 1) * wrong, count, 1], rel=1e-5)
    assert not rows[:, 3:].any()
    values = captions.report(Judged("valid", items, rows)).values
    assert set(values) == {"loss", "perplexity", "token_accuracy"}
    assert values["token_accuracy"] == pytest.approx(len(items) / rows[:, 1].sum())
    assert values["perplexity"] == pytest.approx(math.exp(values["loss"]))


def test_what_is_written_is_held_to_the_nearest_caption(captions: Any) -> None:
    near: Any = lambda written, item: overlap_scores(np.array(captions._near(written, item)))  # noqa: E731
    three = next(item for item in range(30) if item % 3 == 2)
    for text in SAID[2]:
        assert near(text, three)["exact_match"] == 1
    for text in ("there was nothing", "below it", "zebra"):
        best = max(overlap_scores(np.array(counts_of(text, other)))["chrf"] for other in SAID[2])
        assert near(text, three)["chrf"] == pytest.approx(best)


def test_the_commonest_caption_and_the_shares_of_tokens(captions: Any) -> None:
    name, values = captions.baseline()
    said = Counter(text for item in captions.parts["train"] for text in SAID[item % 3])
    most = {text for text, times in said.items() if times == max(said.values())}
    assert name == "commonest caption"
    rows = [captions.ids[row] for item in captions.parts["train"] for row in range(*captions.edges[item : item + 2])]
    counts = Counter(int(token) for row in rows for token in row if token != PAD)
    total = counts.total() + captions.tokenizer.size
    test = [captions.ids[captions.edges[item]] for item in captions.parts["test"]]
    tokens = [int(token) for row in test for token in row if token != PAD]
    nats = -sum(math.log((counts[token] + 1) / total) for token in tokens)
    assert values["loss"] == pytest.approx(nats / len(tokens))
    (common, _) = counts.most_common(1)[0]
    assert values["token_accuracy"] == pytest.approx(tokens.count(common) / len(tokens))
    exact = [np.mean([text in SAID[item % 3] for item in captions.parts["test"]]) for text in most]
    assert any(values["exact_match"] == pytest.approx(share) for share in exact)


def test_the_worst_is_what_costs_most_a_token(captions: Any) -> None:
    rows = np.zeros((3, 3 + image_captioning.COLUMNS))
    rows[:, 0], rows[:, 1] = [30, 10, 20], [30, 2, 10]
    assert np.argsort(-captions.badness(Judged("test", np.arange(3), rows))).tolist() == [1, 2, 0]
    assert captions.badness(Judged("test", np.arange(3), rows)).tolist() == [1, 5, 2]
