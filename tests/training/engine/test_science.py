"""Molecules and proteins: the tasks on text, with tokenizers of their own."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.training.engine.conftest import VERSION, MakeRun, Run, csv_blob, profile_of, tiny
from tests.training.engine.test_start import begin_with
from training.engine.contract import DONE
from training.engine.generating import Sampling
from training.engine.predict import Predictor

NET = {"arch": "lstm", "size": "nano", "width": 32, "context": 48}
LEARN = {"train__max_steps": 200, "train__lr": 4e-3, "train__batch": 16, "eval__every_steps": 100, "model": NET}
WEIGHTS = {"C": 12.0, "N": 14.0, "O": 16.0, "Cl": 35.5, "Br": 79.9, "[Na+]": 23.0}


def molecules() -> list[tuple[str, float]]:
    """Chains of atoms and their mean weight: Cl is not a C, nor [Na+] an N."""
    chance, atoms = np.random.default_rng(20), list(WEIGHTS)
    chains = [[atoms[i] for i in chance.integers(6, size=chance.integers(3, 9))] for _ in range(250)]
    return [("".join(chain), round(sum(WEIGHTS[atom] for atom in chain) / len(chain), 3)) for chain in chains]


def test_a_property_of_molecules_is_learnt(make_run: MakeRun) -> None:
    spec = tiny("text-regression", tokenizer={"kind": "smiles"}, **LEARN)
    run = make_run("run", spec, blob=csv_blob(["body", "score"], molecules()))
    assert run.go() == DONE, run.log
    last = run.of("done")[0]
    assert last["metrics"]["test/rmse"] < 0.4 * last["baseline"]["metrics"]["test/rmse"]
    assert last["metrics"]["test/spearman"] > 0.9
    vocab = json.loads((run.folder / "out" / "tokenizer.json").read_text())["model"]["vocab"]
    assert set(WEIGHTS) == set(vocab) - {"[PAD]", "[UNK]", "[CLS]", "[SEP]"}


@pytest.mark.parametrize("arch", ["lstm", "bert"])
def test_a_class_of_molecules_is_learnt(arch: str, make_run: MakeRun) -> None:
    """Whether there is a chlorine, which is no carbon."""
    rows = [(chain, "chlorinated" if "Cl" in chain else "other") for chain, _ in molecules()]
    counts = {kind: sum(own == kind for _, own in rows) for kind in ("chlorinated", "other")}
    model = NET | {"arch": arch} | ({"layers": 1, "dropout": 0.0} if arch == "bert" else {})
    spec = tiny("text-classification", tokenizer={"kind": "smiles"}, **LEARN | {"model": model})
    run = make_run("run", spec, blob=csv_blob(["body", "topic"], rows), classes={"topic": counts})
    assert run.go() == DONE, run.log
    last = run.of("done")[0]
    assert last["metrics"]["test/accuracy"] > 0.9 > 0.8 > last["baseline"]["metrics"]["test/accuracy"]


def test_a_class_of_proteins_is_learnt(make_run: MakeRun) -> None:
    """A motif of three residues anywhere in the chain."""
    chance, rows = np.random.default_rng(21), []
    for n in range(250):
        chain = [chance.choice(list("ADEGKLSV")) for _ in range(chance.integers(10, 24))]
        if n % 2:
            at = chance.integers(len(chain) - 3)
            chain[at : at + 3] = "HWH"
        rows.append(("".join(chain), "binds" if n % 2 else "free"))
    spec = tiny("text-classification", tokenizer={"kind": "protein"}, **LEARN)
    profile = {"classes": {"topic": {"binds": 125, "free": 125}}}
    run = make_run("run", spec, blob=csv_blob(["body", "topic"], rows), **profile)
    assert run.go() == DONE, run.log
    last = run.of("done")[0]
    assert last["metrics"]["test/accuracy"] > 0.9 > 0.6 > last["baseline"]["metrics"]["test/accuracy"]
    assert json.loads((run.folder / "out" / "config.json").read_text())["vocab_size"] == 4 + 25


def test_labels_of_residues_are_learnt_without_spaces_between_them(make_run: MakeRun) -> None:
    """A K is a site where the chain begins with a W, and nowhere else: no table of residues can tell."""
    chance, rows = np.random.default_rng(24), []
    for _ in range(200):
        chain = chance.choice(list("AKPV"), size=chance.integers(6, 14)).tolist()
        chain[0] = chance.choice(["W", "G"])
        tags = ["site" if residue == "K" and chain[0] == "W" else "O" for residue in chain]
        rows.append((" ".join(chain), " ".join(tags)))
    net = {"arch": "bert", "size": "nano", "layers": 1, "width": 32, "context": 32, "dropout": 0.0}
    spec = tiny("token-classification", tokenizer={"kind": "protein"}, **LEARN | {"model": net})
    run = make_run("run", spec, blob=csv_blob(["body", "tags"], rows))
    assert run.go() == DONE, run.log
    last = run.of("done")[0]
    assert last["metrics"]["test/entity_f1"] > 0.95 > 0.85 > last["baseline"]["metrics"]["test/entity_f1"]
    (prepared,) = (run.folder / "prepared").iterdir()
    edges = np.load(prepared / "edges.npy")
    assert edges[1] - edges[0] == len(rows[0][0].split()) + 2


@pytest.mark.parametrize("arch", ["bert", "esm"])
def test_mutations_within_a_family_are_likely_and_others_are_not(arch: str, tmp_path: Path) -> None:
    """Chains of A and D, of E and G, and of K alone. Scores come from the package alone."""
    chance = np.random.default_rng(26)
    rows = [("".join(chance.choice(list(("AD", "EG", "K")[n % 3]), size=60)),) for n in range(120)]
    net = {"arch": arch, "size": "nano", "layers": 1, "width": 32, "context": 24, "dropout": 0.0}
    learn = LEARN | {"model": net, "train__max_steps": 150, "train__lr": 5e-3, "eval__every_steps": 150}
    spec = tiny("masked-lm", tokenizer={"kind": "protein"}, **learn)
    spec["data"]["columns"] = {"text": "body"}
    blob = csv_blob(["body"], rows)
    run = Run(tmp_path / "run", spec, blob, "csv", profile_of("csv", blob))
    assert run.go() == DONE, run.log
    ask = Predictor(run.folder / "out")
    asked = ["A1D", "A1E", "A1E:D2G"]
    chain = "ADDADAADADDA"
    whole, some, long, same = ask(
        [{"scan": chain.lower()}, {"scan": chain, "mutations": asked}, {"scan": "EGGE" * 12}, {"scan": "K" * 15}]
    )
    assert whole["residues"] == "ACDEFGHIKLMNPQRSTVWY" and len(whole["scores"]) == len(chain)
    own = [whole["residues"].index(residue) for residue in chain]
    assert [row[n] for row, n in zip(whole["scores"], own, strict=True)] == [0.0] * len(chain)
    near, far, both = some["scores"].values()
    assert abs(near) < 0.7 and far < -2 and both < far - 2
    assert (near, far) == (whole["scores"][0][2], whole["scores"][0][3])
    names = [one["mutation"] for one in whole["best"]]
    assert {name[0] + name[-1] for name in names[: len(chain)]} == {"AD", "DA"}
    assert max(same["entropy"]) < 0.6 < min(whole["entropy"])  # a residue that is certain has none
    assert len(long["entropy"]) == 48 and long["scores"][25][5] - long["scores"][25][0] > 2  # longer than the context
    for bad in ({"scan": "AXB"}, {"scan": ""}, {"mutations": ["A1E"]}, {"scan": "ADHW", "mutations": ["K1E"]}):
        with pytest.raises(ValueError, match=r"residues|write|does not fit"):
            list(ask([bad]))


def test_molecules_are_written_by_their_rules(tmp_path: Path) -> None:
    """Behind every N stands a Cl, and nowhere else: a language model of SMILES writes new chains that keep to it."""
    chance, rows = np.random.default_rng(27), []
    for _ in range(300):
        rows.append(("".join(chance.choice(["C", "O", "NCl", "Br"], size=chance.integers(3, 8))),))
    learn = LEARN | {"model": NET | {"context": 16}}
    spec = tiny("causal-lm", tokenizer={"kind": "smiles"}, **learn)
    blob = csv_blob(["body"], rows)
    spec["data"]["columns"] = {"text": "body"}
    run = Run(tmp_path / "run", spec, blob, "csv", profile_of("csv", blob))
    assert run.go() == DONE, run.log
    written = [a["text"] for a in Predictor(run.folder / "out", Sampling(tokens=12, temperature=1.0))(["C"] * 40)]
    together = " ".join(written)
    assert together.count("N") > 15 and together.count("NCl") > 0.8 * max(together.count("N"), together.count("Cl"))
    assert len(set(written)) > 20


ESM = {"arch": "esm", "size": "nano", "layers": 1, "width": 32, "context": 32, "dropout": 0.0}


@pytest.fixture(scope="module")
def proteins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A protein language model of two families; the package it leaves."""
    chance = np.random.default_rng(28)
    rows = [("".join(chance.choice(list(("ADKW", "EGHV")[n % 2]), size=40)),) for n in range(150)]
    blob = csv_blob(["body"], rows)
    learn = LEARN | {"model": ESM, "train__max_steps": 150, "train__lr": 5e-3, "eval__every_steps": 150}
    spec = tiny("masked-lm", tokenizer={"kind": "protein"}, **learn)
    spec["data"]["columns"] = {"text": "body"}
    run = Run(tmp_path_factory.mktemp("proteins") / "run", spec, blob, "csv", profile_of("csv", blob))
    assert run.go() == DONE, run.log
    return run.folder / "out"


def test_a_protein_model_tells_hidden_residues(proteins: Path) -> None:
    """Of a chain of one family four residues are as likely; by their frequency alone it would be eight."""
    found = json.loads((proteins / "metrics.json").read_text())
    assert found["baseline"]["metrics"]["perplexity"] > 7
    assert found["test"]["perplexity"] < 5.5


def test_a_protein_model_goes_on_to_a_property(proteins: Path, make_run: MakeRun) -> None:
    """The share of W in a chain: what a person would call how much of it is hydrophobic."""
    chance, rows = np.random.default_rng(29), []
    for _ in range(250):
        chain = chance.choice(list("ADKW"), size=20, p=chance.dirichlet([1.0] * 4)).tolist()
        rows.append(("".join(chain), round(chain.count("W") / 20, 3)))
    spec = tiny("text-regression", tokenizer={"kind": "protein"}, **LEARN | {"model": ESM | {"start": VERSION}})
    run = make_run("run", spec, blob=csv_blob(["body", "score"], rows))
    begin_with(run, proteins)
    assert run.go() == DONE, run.log
    last = run.of("done")[0]
    assert last["metrics"]["test/rmse"] < 0.4 * last["baseline"]["metrics"]["test/rmse"]
    found = json.loads((run.folder / "out" / "metrics.json").read_text())
    assert found["probe"]["metrics"]["rmse"] < 0.5 * last["baseline"]["metrics"]["test/rmse"]


def test_a_protein_model_goes_on_to_labels_of_residues(proteins: Path, make_run: MakeRun) -> None:
    """A K is a site where the chain begins with a W."""
    chance, rows = np.random.default_rng(30), []
    for _ in range(200):
        chain = chance.choice(list("ADK"), size=chance.integers(6, 14)).tolist()
        chain[0] = chance.choice(["W", "D"])
        tags = ["site" if residue == "K" and chain[0] == "W" else "O" for residue in chain]
        rows.append((" ".join(chain), " ".join(tags)))
    spec = tiny("token-classification", tokenizer={"kind": "protein"}, **LEARN | {"model": ESM | {"start": VERSION}})
    run = make_run("run", spec, blob=csv_blob(["body", "tags"], rows))
    begin_with(run, proteins)
    assert run.go() == DONE, run.log
    last = run.of("done")[0]
    assert last["metrics"]["test/entity_f1"] > 0.95 > 0.85 > last["baseline"]["metrics"]["test/entity_f1"]
