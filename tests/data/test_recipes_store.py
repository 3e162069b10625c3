"""Finding, splitting, trusting and decoding the training pictures."""

import csv
import shutil

import cv2
import numpy as np
import pytest

from pocketmatte.core import PocketmatteError
from pocketmatte.data.drawn import draw_data
from pocketmatte.data.recipes import PEOPLE, data_root, is_validation, list_pairs, people_sets, read_trust
from pocketmatte.data.store import SOFT, TRUST, load_store, shrink

pytestmark = pytest.mark.build


def test_data_folder_comes_from_the_argument_or_the_environment(drawn, monkeypatch, tmp_path):
    monkeypatch.delenv("POCKETMATTE_DATA", raising=False)
    with pytest.raises(PocketmatteError, match="set POCKETMATTE_DATA"):
        data_root()
    monkeypatch.setenv("POCKETMATTE_DATA", str(drawn))
    assert data_root() == drawn
    with pytest.raises(PocketmatteError, match=f"no training data at {tmp_path}"):
        data_root(tmp_path)


def test_every_recipe_states_its_terms():
    assert len({recipe.name for recipe in PEOPLE}) == len(PEOPLE)
    for recipe in PEOPLE:
        assert recipe.licence
        assert recipe.link.startswith("http")
        assert recipe.label in ("human", "teacher")


def test_validation_split_is_fixed_by_the_names():
    held = [stem for stem in (f"{k:04d}" for k in range(2000)) if is_validation("ccp", stem)]
    assert 80 < len(held) < 170
    assert held[:3] == [stem for stem in held[:3] if is_validation("ccp", stem)]
    assert is_validation("ccp", "0009") == is_validation("ccp", "0009")
    assert {s for s in held[:40] if is_validation("figaro", s)} != set(held[:40])


def test_split_halves_share_no_picture(drawn):
    train, held = load_store(drawn, 64), load_store(drawn, 64, validation=True)
    assert train.people
    assert held.people
    assert not {p.name for p in train.people} & {p.name for p in held.people}
    assert len(train.people) + len(held.people) == 48
    assert len(train.backgrounds) + len(held.backgrounds) == 40


def test_a_set_without_recipe_is_refused(tmp_path):
    draw_data(tmp_path / "d", people=4, backgrounds=2, side=32)
    (tmp_path / "d" / "train" / "mystery" / "images").mkdir(parents=True)
    with pytest.raises(PocketmatteError, match=r"mystery, of which nothing is known.*recipes\.py"):
        people_sets(tmp_path / "d")


def test_trust_follows_agreement_and_uncertainty(tmp_path):
    (tmp_path / "train").mkdir()
    with (tmp_path / "train" / "labels.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["set", "stem", "label", "uncertainty", "agreement"])
        rows.writerow(["ccp", "a", "human", "", ""])
        rows.writerow(["celebamask", "a", "human", "", ""])
        rows.writerow(["figaro", "sound", "teacher", "0.01", "0.97"])
        rows.writerow(["figaro", "unsure", "teacher", "0.08", "0.97"])
        rows.writerow(["figaro", "disputed", "teacher", "0.01", "0.72"])
    trust = read_trust(tmp_path)
    assert trust["ccp", "a"] == 1.0
    assert trust["celebamask", "a"] == 0.6
    assert trust["figaro", "sound"] == pytest.approx(0.95)
    assert trust["figaro", "unsure"] < trust["figaro", "sound"]
    assert 0.25 < trust["figaro", "disputed"] < 0.45
    assert read_trust(tmp_path / "train") == {}


def test_shrink_keeps_the_aspect_and_never_grows():
    image = np.zeros((300, 200, 3), np.uint8)
    assert shrink(image, 100).shape == (150, 100, 3)
    assert shrink(image, 400) is image


def test_improved_labels_are_for_training_only(drawn, tmp_path):
    root = tmp_path / "d"
    shutil.copytree(drawn, root)
    folder = root / "train" / "ccp"
    for part in (SOFT, TRUST):
        (folder / part).mkdir()
    for stem, _, alpha in list_pairs(folder):
        shape = cv2.imread(str(alpha), cv2.IMREAD_GRAYSCALE).shape
        for part, value in ((SOFT, 77), (TRUST, 99)):
            cv2.imwrite(str(folder / part / f"{stem}.webp"), np.full(shape, value, np.uint8), [64, 101])
    for validation, values in ((False, (77, 99)), (True, (None, 255))):
        for person in load_store(root, 64, validation=validation).people:
            if person.recipe.name == "ccp":
                assert person.trust[0, 0] == values[1]
                if values[0] is not None:
                    assert (person.alpha == values[0]).all()


def test_a_broken_picture_is_named(tmp_path):
    draw_data(tmp_path / "d", people=6, backgrounds=20, side=32)
    victim = next((tmp_path / "d" / "train" / "ccp" / "images").iterdir())
    victim.write_bytes(b"no picture")
    with pytest.raises(PocketmatteError, match=f"cannot decode .*{victim.name}"):
        load_store(tmp_path / "d", 32)


def test_nothing_to_learn_from_is_one_line(tmp_path):
    draw_data(tmp_path / "d", people=6, backgrounds=0, side=32)
    with pytest.raises(PocketmatteError, match="people and 0 backgrounds"):
        load_store(tmp_path / "d", 32)
