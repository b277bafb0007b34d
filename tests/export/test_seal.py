from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from digits_export import keys, seal
from digits_runtime import trust
from digits_runtime.commands import read
from digits_runtime.errors import InputError
from digits_runtime.session import BUNDLED, BUNDLED_FLOAT, Session

CONTENT = BUNDLED.read_bytes()
CONTRACT = Session(CONTENT, provider="cpu").contract


def _run(*arguments: object) -> None:
    done = CliRunner().invoke(keys.app, [str(argument) for argument in arguments])
    assert done.exit_code == 0, done.output


@pytest.fixture(params=[(), ("--p256",)], ids=["Ed25519", "P-256"])
def maker(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    _run("sign", tmp_path / "maker", *request.param)
    return tmp_path / "maker"


@pytest.fixture
def model(maker: Path, tmp_path: Path) -> Path:
    path = tmp_path / "digits.onnx"
    seal.write(path, CONTENT, CONTRACT, sign=maker.with_suffix(".key"), encrypt=None)
    return path


def _loaded(model: Path, maker: Path, key: Path | None = None) -> Path | bytes:
    return trust.load(model, maker.with_suffix(".pub"), key)


def _refused(model: Path, maker: Path, key: Path | None = None) -> str:
    with pytest.raises(InputError) as refused:
        _loaded(model, maker, key)
    (line,) = str(refused.value).splitlines()
    return line


def test_a_signed_model_is_opened_from_the_very_bytes_that_were_verified(
    model: Path, maker: Path
) -> None:
    assert _loaded(model, maker) == CONTENT
    assert _loaded(model, maker) == CONTENT  # its release is the newest seen, and still good


def test_the_manifest_says_what_the_file_is_and_where_it_comes_from(model: Path) -> None:
    manifest = json.loads(seal.manifest_of(model).read_text())
    predicate = manifest["predicate"]
    assert predicate["resources"][0]["name"] == "digits.onnx"
    assert predicate["provenance"]["parent"] == CONTRACT.parent
    assert predicate["provenance"]["data"] == dict(CONTRACT.data)


def test_an_unsigned_model_is_refused(model: Path, maker: Path) -> None:
    trust.signature_of(model).unlink()
    assert "has no signature" in _refused(model, maker)


def test_any_changed_byte_is_refused(model: Path, maker: Path) -> None:
    model.write_bytes(CONTENT[:-1] + bytes([CONTENT[-1] ^ 1]))
    assert "another or changed" in _refused(model, maker)


def test_the_signature_of_another_model_is_refused(model: Path, maker: Path) -> None:
    other = model.with_name("other.onnx")
    key = maker.with_suffix(".key")
    seal.write(other, BUNDLED_FLOAT.read_bytes(), CONTRACT, sign=key, encrypt=None)
    trust.signature_of(other).replace(trust.signature_of(model))
    assert "another or changed" in _refused(model, maker)


def test_a_signed_model_in_the_place_of_another_is_refused(model: Path, maker: Path) -> None:
    there = model.with_name("alnum.onnx")
    trust.signature_of(model).rename(trust.signature_of(there))
    assert "called 'digits.onnx'" in _refused(model.rename(there), maker)


def test_the_signature_of_a_stranger_is_refused(model: Path, tmp_path: Path) -> None:
    _run("sign", tmp_path / "stranger")
    assert "not signed by a key in" in _refused(model, tmp_path / "stranger")


def test_a_signed_statement_that_was_changed_is_refused(model: Path, maker: Path) -> None:
    beside = trust.signature_of(model)
    bundle = json.loads(beside.read_text())
    bundle["dsseEnvelope"]["payload"] = bundle["dsseEnvelope"]["payload"][::-1]
    beside.write_text(json.dumps(bundle))
    assert "not signed by" in _refused(model, maker) or "no signature" in _refused(model, maker)


def test_a_release_older_than_one_seen_is_refused(
    model: Path, maker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = model.read_bytes(), trust.signature_of(model).read_bytes()
    monkeypatch.setattr("time.time", lambda: 9e9)
    key = maker.with_suffix(".key")
    seal.write(model, BUNDLED_FLOAT.read_bytes(), CONTRACT, sign=key, encrypt=None)
    assert _loaded(model, maker) == BUNDLED_FLOAT.read_bytes()
    model.write_bytes(old[0])
    trust.signature_of(model).write_bytes(old[1])
    assert "older than one seen before" in _refused(model, maker)


def test_while_a_key_is_changed_both_are_trusted(model: Path, maker: Path, tmp_path: Path) -> None:
    _run("sign", tmp_path / "next")
    both = tmp_path / "both.pub"
    both.write_bytes((tmp_path / "next.pub").read_bytes() + maker.with_suffix(".pub").read_bytes())
    assert trust.load(model, both, None) == CONTENT
    _run("resign", model, "--key", tmp_path / "next.key")
    assert trust.load(model, both, None) == CONTENT
    assert _loaded(model, tmp_path / "next") == CONTENT
    assert "not signed by" in _refused(model, maker)


def test_an_encrypted_model_opens_with_its_key_alone(
    maker: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("board", "other"):
        _run("model", tmp_path / name)
    path, key = tmp_path / "digits.onnx", tmp_path / "board.key"
    seal.write(path, CONTENT, CONTRACT, sign=maker.with_suffix(".key"), encrypt=key)
    assert CONTENT[100:200] not in path.read_bytes()
    assert _loaded(path, maker, key) == CONTENT
    monkeypatch.setenv(trust.KEY_VARIABLE, key.read_text())
    assert trust.load(path, None, None) == CONTENT
    assert "not sealed with this key" in _refused(path, maker, tmp_path / "other.key")
    monkeypatch.delenv(trust.KEY_VARIABLE)
    assert "give its key" in _refused(path, maker)
    with pytest.raises(InputError, match="digits-export"):
        Session(path)


def test_an_encrypted_model_without_a_signature_cannot_be_changed(tmp_path: Path) -> None:
    _run("model", tmp_path / "board")
    path, key = tmp_path / "digits.onnx", tmp_path / "board.key"
    seal.write(path, CONTENT, CONTRACT, sign=None, encrypt=key)
    stored = bytearray(path.read_bytes())
    for place in (30, len(stored) // 2, -1):
        changed = stored.copy()
        changed[place] ^= 1
        path.write_bytes(changed)
        with pytest.raises(InputError, match="damaged"):
            trust.load(path, None, key)
    path.write_bytes(stored[:40])
    with pytest.raises(InputError, match="damaged"):
        trust.load(path, None, key)


def test_writing_without_a_signature_takes_the_old_one_away(model: Path) -> None:
    seal.write(model, CONTENT, CONTRACT, sign=None, encrypt=None)
    assert not trust.signature_of(model).exists()


@pytest.mark.parametrize("content", [b"", b"x", b"[]", b"{}", b'{"dsseEnvelope": {}}', b"[" * 9999])
def test_any_signature_file_is_judged_in_one_line(model: Path, maker: Path, content: bytes) -> None:
    trust.signature_of(model).write_bytes(content)
    _refused(model, maker)


@pytest.mark.parametrize("content", [b"", b"x", b"-----BEGIN PUBLIC KEY-----\n"])
def test_a_file_without_a_public_key_is_refused(model: Path, maker: Path, content: bytes) -> None:
    maker.with_suffix(".pub").write_bytes(content)
    assert "PEM public key" in _refused(model, maker)


def test_a_key_is_never_written_over(maker: Path) -> None:
    before = maker.with_suffix(".key").read_bytes()
    done = CliRunner().invoke(keys.app, ["sign", str(maker)])
    assert done.exit_code == 2
    assert maker.with_suffix(".key").read_bytes() == before
    assert maker.with_suffix(".key").stat().st_mode & 0o777 == 0o600


def test_the_commands_take_keys(model: Path, maker: Path, tmp_path: Path) -> None:
    picture = Path(__file__).parents[2] / "docs" / "page.jpg"
    options = ["--model", str(model), "--trust", str(maker.with_suffix(".pub"))]
    done = CliRunner().invoke(read.app, [str(picture), *options])
    assert done.exit_code == 0, done.output
    model.write_bytes(CONTENT + b"\0")
    done = CliRunner().invoke(read.app, [str(picture), *options])
    assert done.exit_code == 2
    assert "another or changed" in done.output


def test_a_full_disk_leaves_no_half_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise InputError("no room")

    monkeypatch.setattr(keys, "write_whole", full)
    done = CliRunner().invoke(keys.app, ["sign", str(tmp_path / "maker")])
    assert done.exit_code == 2
    assert not list(tmp_path.iterdir())
