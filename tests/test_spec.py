"""spec.json: a round trip keeps everything, and a wrong document says what is wrong."""

import json
from pathlib import Path

import pytest

from pocketmatte.core import PocketmatteError
from pocketmatte.spec import read_spec, sha256_of
from pocketmatte.zoo.find import default_model, find_model, list_models


def test_every_zoo_model_is_complete():
    specs = list_models()
    assert specs[0].name == default_model()
    for spec in specs:
        for entry in spec.files:
            assert sha256_of(spec.path_of(entry)) == entry.sha256
        assert spec.licences.code
        assert spec.licences.weights
        assert spec.licences.data
        assert all(d.licence and d.link.startswith("https://") and d.date for d in spec.licences.data) or any(
            d.link.startswith("http://") for d in spec.licences.data
        )
        assert spec.golden
        assert spec.parameters > 0
        assert spec.macs > 0


def test_shipped_weights_stay_small():
    total = sum(spec.path_of(entry).stat().st_size for spec in list_models() for entry in spec.files)
    assert total < 12e6


def test_round_trip(tmp_path):
    spec = list_models()[0]
    (tmp_path / "spec.json").write_text(spec.to_json())
    assert read_spec(tmp_path / "spec.json") == spec


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda d: d.pop("input"), "input"),
        (lambda d: d.update(schema=99), "schema"),
        (lambda d: d.update(colour="red"), "unknown fields.*colour"),
        (lambda d: d["input"].update(size=[256]), "valid model description"),
        (lambda d: d["files"][0].pop("sha256"), "sha256"),
    ],
)
def test_a_damaged_document_names_the_damage(tmp_path, damage, message):
    document = json.loads(list_models()[0].to_json())
    damage(document)
    path = tmp_path / "spec.json"
    path.write_text(json.dumps(document))
    with pytest.raises(PocketmatteError, match=message):
        read_spec(path)


def test_not_json(tmp_path):
    (tmp_path / "spec.json").write_text("{")
    with pytest.raises(PocketmatteError, match="cannot read the model description"):
        read_spec(tmp_path / "spec.json")


def test_finding_models_by_name_folder_spec_and_file(tmp_path):
    spec, form = find_model(default_model())
    assert form is None
    folder = spec.folder
    assert find_model(folder)[0] == spec
    assert find_model(folder / "spec.json")[0] == spec
    file = spec.path_of(spec.files[0])
    assert find_model(file) == (spec, spec.files[0].format)
    lonely = tmp_path / "x.tflite"
    lonely.write_bytes(b"")
    with pytest.raises(PocketmatteError, match=r"x\.spec\.json or a spec\.json beside it"):
        find_model(lonely)
    with pytest.raises(PocketmatteError, match=f"unknown model 'nothing'.*{default_model()}"):
        find_model("nothing")
    with pytest.raises(PocketmatteError, match="no model file"):
        find_model(Path("missing.tflite"))
    with pytest.raises(
        PocketmatteError, match="has no onnx file here, it has: litert; make one with `pocketmatte export .*--to onnx"
    ):
        spec.file_for("onnx")
    with pytest.raises(PocketmatteError, match="--to tensorrt -o DIR"):
        spec.file_for("tensorrt-engine")
