from __future__ import annotations

from pathlib import Path

import pytest
import torch

from digits_runtime.errors import InputError
from digits_train import checkpoint, prune, run
from digits_train.architectures import build, design, parameters


@pytest.mark.parametrize("to", [0.9, 0.5, 0.2, 0.05])
def test_a_shrunk_network_keeps_at_most_the_share_asked_for(to: float) -> None:
    whole = design("fusion", 11, 10, 28)
    smaller = prune.shrunk(whole, to)
    assert parameters(build(smaller)) <= to * parameters(build(whole))
    assert all(a <= b for a, b in zip(smaller.channels, whole.channels, strict=True))


def test_a_share_too_small_is_refused() -> None:
    with pytest.raises(InputError, match="ask for a larger share"):
        prune.shrunk(design("fusion", 11, 10, 28), 0.0001)


@pytest.mark.parametrize("name", ["fusion", "fusion-compact", "fusion-large"])
def test_dropping_channels_that_are_silent_changes_no_answer(name: str) -> None:
    torch.manual_seed(0)
    old = design(name, 11, 10, 28)
    network = build(old).eval()
    new = prune.shrunk(old, 0.5)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.weight.uniform_(0.5, 2)
                module.running_mean.normal_(0, 0.1)
        inner = network.inner
        dropped = []
        for block, before, after in zip(
            (inner.stem, *inner.blocks), old.channels, new.channels, strict=True
        ):
            dropped.append(torch.randperm(before)[after:])
            block[1].weight[dropped[-1]] = 0
            block[1].bias[dropped[-1]] = 0
        for pool, depths in zip(inner.pools, inner.pooled, strict=True):
            offset = 0
            for depth in depths:
                # What a pooling makes of silence must be silence too.
                pool[1].running_mean[dropped[depth] + offset] = 0
                pool[1].bias[dropped[depth] + offset] = 0
                offset += old.channels[depth]
    smaller = prune.without_channels(network, old, new)
    glyphs = torch.rand(5, 1, 28, 28)
    torch.testing.assert_close(smaller(glyphs), network(glyphs))


def test_a_pruned_run_is_smaller_tuned_and_says_so(short_run: Path, tmp_path: Path) -> None:
    said: list[str] = []
    stages = prune.prune(
        short_run, tmp_path / "half", to=0.5, epochs=1, device="cpu", data_dir=None, say=said.append
    )
    assert [stage.name for stage in stages] == ["before", "pruned", "tuned"]
    assert stages[1].parameters == stages[2].parameters <= stages[0].parameters / 2
    assert len(said) == 3
    state = checkpoint.load(tmp_path / "half").state
    assert state.parent == checkpoint.load(short_run).sha256
    assert state.labels == checkpoint.load(short_run).state.labels


def test_only_the_projects_own_network_is_pruned(tmp_path: Path, few_glyphs: None) -> None:
    run.start(
        tmp_path / "lenet", run.Request(data=("synth",), arch="lenet5", epochs=1, device="cpu")
    )
    with pytest.raises(InputError, match="only fusion"):
        prune.prune(
            tmp_path / "lenet",
            tmp_path / "half",
            to=0.5,
            epochs=1,
            device="cpu",
            data_dir=None,
            say=print,
        )
    assert not (tmp_path / "half").exists()
