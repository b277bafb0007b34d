from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from digits_runtime.errors import InputError
from digits_train import weights
from digits_train.architectures import Scaled, build, design


def lenet() -> Scaled:
    return build(design("lenet5", 10, 10, 28))


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_weights_from_elsewhere_are_taken_where_they_fit(tmp_path: Path, suffix: str) -> None:
    torch.manual_seed(0)
    theirs, ours = lenet().inner.state_dict(), lenet()
    # Three colours before, and a thousand classes after.
    theirs["features.0.weight"] = theirs["features.0.weight"].repeat(1, 3, 1, 1)
    theirs["classifier.4.weight"] = torch.zeros(1000, 84)
    theirs["classifier.4.bias"] = torch.zeros(1000)
    theirs["extra"] = torch.zeros(1)
    path, said = tmp_path / f"weights{suffix}", []
    save_file(theirs, path) if suffix == ".safetensors" else torch.save(theirs, path)
    kept = ours.inner.state_dict()["classifier.4.weight"].clone()
    weights.load_pretrained(ours, path, said.append)
    loaded = ours.inner.state_dict()
    torch.testing.assert_close(loaded["features.3.weight"], theirs["features.3.weight"])
    torch.testing.assert_close(
        loaded["features.0.weight"], theirs["features.0.weight"].sum(1, keepdim=True)
    )
    torch.testing.assert_close(loaded["classifier.4.weight"], kept)
    assert "8 of 10 tensors" in said[0]
    assert "1 in it not used" not in said[1]
    assert "classifier.4.weight" in said[1]


def test_resnet_and_vgg_take_names_of_torchvision(tmp_path: Path) -> None:
    names = set(build(design("resnet18", 10, 10, 28)).inner.state_dict())
    assert {"conv1.weight", "layer2.0.downsample.0.weight", "layer4.1.bn2.weight"} <= names
    names = set(build(design("vgg11", 10, 10, 28)).inner.state_dict())
    # The numbers of torchvision's vgg11_bn.
    assert {"features.0.weight", "features.4.weight", "features.8.weight"} <= names


def test_weights_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_file({"a": torch.zeros(2)}, path)
    with pytest.raises(InputError, match="nothing that fits"):
        weights.load_pretrained(lenet(), path, print)


def test_a_pickle_that_would_execute_code_is_refused(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, ...]:
            return (pytest.fail, ("the pickle was executed",))

    path = tmp_path / "w.pth"
    path.write_bytes(pickle.dumps({"conv1.weight": Bomb()}))
    with pytest.raises(InputError, match="neither safetensors nor a plain state dict") as refused:
        weights.load_pretrained(lenet(), path, print)
    assert "\n" not in str(refused.value)
    torch.save({"conv1.weight": Bomb()}, path)
    with pytest.raises(InputError, match="neither"):
        weights.load_pretrained(lenet(), path, print)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"{}", b"\x80\x02N."])
@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_what_is_no_weights_is_refused_in_one_line(
    tmp_path: Path, content: bytes, suffix: str
) -> None:
    path = tmp_path / f"w{suffix}"
    path.write_bytes(content)
    with pytest.raises(InputError) as refused:
        weights.load_pretrained(lenet(), path, print)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        weights.load_pretrained(lenet(), tmp_path / "none.pth", print)


def test_the_average_of_equal_weights_is_those_weights() -> None:
    network = build(design("fusion", 11, 10, 28))
    average = weights.Average(build(design("fusion", 11, 10, 28)), 10)
    for step in range(400):
        average.follow(network, step)
    for ours, theirs in zip(average.network.parameters(), network.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs)
