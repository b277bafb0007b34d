from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest

from digits_runtime.errors import InputError
from digits_train import checkpoint


def edit(folder: Path, **changes: object) -> None:
    path = folder / checkpoint.STATE
    document = json.loads(path.read_text())
    document.update(changes)
    path.write_text(json.dumps(document))


def test_a_folder_without_a_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"{tmp_path} holds no checkpoint.json"):
        checkpoint.load(tmp_path)


@pytest.mark.parametrize(
    "changes",
    [
        {"labels": 5},
        {"architecture": None},
        {"tensors": "elsewhere"},
        {"settings": {}},
        {"settings": []},
        {"ink": {"size": 0, "box": 20}},
        {"ink": {"size": 10**9, "box": 20}},
        {"ink": {"size": 28, "box": 10**6}},
        {"architecture": {"name": "fusion", "classes": -1, "size": 28, "channels": [4] * 5}},
        {"architecture": {"name": "fusion", "classes": 11, "size": 28, "channels": [4] * 4}},
        {
            "architecture": {
                "name": "fusion",
                "classes": 11,
                "size": 28,
                "channels": [10**7] * 5,
            }
        },
        {"architecture": {"name": "fusion", "classes": 11, "size": 28, "channels": ["a"] * 5}},
        {"architecture": {"name": "os.system", "classes": 11, "size": 28, "channels": []}},
        {"labels": list("01234")},
        {"rejects": "yes"},
        {"data": None},
        {"accuracy": {"x": 2}},
        {"history": [{"loss": "low"}]},
    ],
)
def test_a_state_of_the_wrong_shape_is_refused(short_run: Path, changes: dict[str, object]) -> None:
    edit(short_run, **changes)
    with pytest.raises(InputError, match="not a checkpoint") as refused:
        checkpoint.load(short_run)
    assert "\n" not in str(refused.value)


def test_another_schema_is_refused(short_run: Path) -> None:
    edit(short_run, schema=99)
    with pytest.raises(InputError, match="another schema"):
        checkpoint.load(short_run)


def test_the_one_teacher_of_an_older_run_is_read(short_run: Path) -> None:
    settings = json.loads((short_run / checkpoint.STATE).read_text())["settings"]
    del settings["teachers"]
    edit(short_run, settings={**settings, "teacher": "wide"})
    assert checkpoint.load(short_run).state.settings.teachers == ("wide",)
    edit(short_run, settings={**settings, "teacher": None})
    assert checkpoint.load(short_run).state.settings.teachers == ()


def test_damaged_tensors_are_found_by_their_hash(short_run: Path) -> None:
    (file,) = short_run.glob("*.safetensors")
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(InputError, match="damaged"):
        checkpoint.load(short_run)


def test_missing_tensors_are_named(short_run: Path) -> None:
    (file,) = short_run.glob("*.safetensors")
    file.unlink()
    with pytest.raises(InputError, match=file.name):
        checkpoint.load(short_run)


def test_a_tensor_file_outside_the_folder_is_never_opened(short_run: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.safetensors"
    secret.write_bytes(b"secret")
    edit(short_run, tensors={"file": "../secret.safetensors", "sha256": "0"})
    with pytest.raises(InputError, match="cannot read"):
        checkpoint.load(short_run)


def test_a_pickle_is_not_executed(short_run: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, ...]:
            return (pytest.fail, ("the pickle was executed",))

    content = pickle.dumps(Bomb())
    (file,) = short_run.glob("*.safetensors")
    file.write_bytes(content)
    import hashlib

    edit(short_run, tensors={"file": file.name, "sha256": hashlib.sha256(content).hexdigest()})
    with pytest.raises(InputError, match="not a safetensors file"):
        checkpoint.load(short_run)


def test_tensors_of_another_architecture_are_refused(short_run: Path) -> None:
    edit(short_run, architecture={"name": "lenet5", "classes": 11, "size": 28, "channels": []})
    with pytest.raises(InputError, match="do not fit"):
        checkpoint.load(short_run).network()


def test_saving_leaves_one_tensor_file(short_run: Path) -> None:
    loaded = checkpoint.load(short_run)
    changed = {name: tensor + 1 for name, tensor in loaded.tensors.items()}
    checkpoint.save(short_run, loaded.state, changed)
    assert len(list(short_run.glob("*.safetensors"))) == 1
    assert checkpoint.load(short_run).sha256 != loaded.sha256


def test_saving_takes_away_what_a_killed_run_left(short_run: Path) -> None:
    (short_run / ".checkpoint-0123456789ab-x.safetensors").write_bytes(b"half")
    loaded = checkpoint.load(short_run)
    checkpoint.save(short_run, loaded.state, loaded.tensors)
    assert not list(short_run.glob(".checkpoint-*"))


def test_a_write_that_fails_leaves_the_older_checkpoint(
    short_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = checkpoint.load(short_run)
    changed = {name: tensor + 1 for name, tensor in before.tensors.items()}
    write, written = checkpoint.write_whole, []

    def full(path: Path, content: bytes) -> None:
        if path.name == checkpoint.STATE:
            raise InputError("no space left on device")
        written.append(path)
        write(path, content)

    monkeypatch.setattr(checkpoint, "write_whole", full)
    with pytest.raises(InputError, match="no space"):
        checkpoint.save(short_run, before.state, changed)
    assert written
    assert checkpoint.load(short_run).sha256 == before.sha256
