"""`digits-keys`: makes the keys of sealed models and crops, signs again, opens sealed crops.

digits-keys sign maker            # maker.key stays secret, maker.pub goes with the boards
digits-keys model board           # board.key, for digits-export --encrypt and digits-cam --key
digits-keys crops mine            # mine.key stays at home, mine.pub is for digits-cam collect
"""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Annotated

import typer

from digits_runtime.commands.reporting import one_line_errors, plain_app
from digits_runtime.errors import InputError
from digits_runtime.extras import require
from digits_runtime.files import write_whole

app = plain_app(
    "digits-keys",
    "Make the keys of signed and sealed models and of sealed crops, sign a model again under a "
    "new key, open sealed crops.",
)

Name = Annotated[
    Path, typer.Argument(help="Of the files to make: NAME.key, NAME.pub.", show_default=False)
]


@app.command("sign")
@one_line_errors
def for_signing(
    name: Name,
    p256: Annotated[
        bool, typer.Option("--p256", help="ECDSA P-256, as hardware keys have, not Ed25519.")
    ] = False,
) -> None:
    """Make a pair of keys: NAME.key signs models, NAME.pub lets a board trust them."""
    require("digits-keys", "seal", "cryptography")
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519

    _write_pair(
        name,
        ec.generate_private_key(ec.SECP256R1()) if p256 else ed25519.Ed25519PrivateKey.generate(),
    )


@app.command("model")
@one_line_errors
def for_models(name: Name) -> None:
    """Make the one key, NAME.key, that a model is encrypted and opened with."""
    from digits_runtime.trust import KEY_BYTES

    secret = base64.b64encode(os.urandom(KEY_BYTES)) + b"\n"
    _write_secret(name.with_name(name.name + ".key"), secret)


@app.command("crops")
@one_line_errors
def for_crops(name: Name) -> None:
    """Make a pair of keys: crops are sealed to NAME.pub and opened with NAME.key."""
    require("digits-keys", "seal", "cryptography")
    from cryptography.hazmat.primitives.asymmetric import x25519

    _write_pair(name, x25519.X25519PrivateKey.generate())


@app.command()
@one_line_errors
def resign(
    model: Annotated[Path, typer.Argument(help="An exported model.", show_default=False)],
    key: Annotated[Path, typer.Option(help="The new private key.", show_default=False)],
    model_key: Annotated[
        Path | None, typer.Option(help="Its key, if the model is encrypted.")
    ] = None,
) -> None:
    """Sign a model that is there already: under a new key, or as the newest release again."""
    require("digits-keys", "seal", "cryptography")
    from digits_export import seal
    from digits_runtime import trust
    from digits_runtime.files import read_bounded, write_whole
    from digits_runtime.session import LARGEST_FILE, Session

    signer = seal.private_key(key)
    stored = read_bounded(model, LARGEST_FILE, "model")
    plain = stored
    if stored.startswith(trust.SEALED):
        plain = trust.unseal(stored, str(model), model_key)
    stated = seal.statement(model.name, stored, Session(plain, provider="cpu").contract)
    write_whole(trust.signature_of(model), seal.signed(stated, signer))
    typer.echo(str(trust.signature_of(model)))


@app.command("open")
@one_line_errors
def open_crops(
    folder: Annotated[
        Path, typer.Argument(help="Of digits-cam collect --seal-to.", show_default=False)
    ],
    key: Annotated[Path, typer.Option(help="The private key, NAME.key.", show_default=False)],
) -> None:
    """Open sealed crops, each beside its sealed file, which is then removed."""
    require("digits-keys", "seal", "cryptography")
    from digits_runtime.crops import SEALED_SUFFIX, open_sealed

    sealed = sorted(folder.rglob(f"*{SEALED_SUFFIX}"))
    if not sealed:
        raise InputError(f"{folder} holds no sealed crop (*{SEALED_SUFFIX}); give another folder")
    for path in sealed:
        open_sealed(path, key)
    typer.echo(f"{len(sealed)} crops opened in {folder}")


def _write_pair(name: Path, private: object) -> None:
    from cryptography.hazmat.primitives import serialization

    secret = private.private_bytes(  # type: ignore[attr-defined]
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public = private.public_key().public_bytes(  # type: ignore[attr-defined]
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    target = name.with_name(name.name + ".pub")
    if target.exists():
        raise InputError(f"{target} is there already; choose another name")
    own = name.with_name(name.name + ".key")
    _write_secret(own, secret)
    try:
        write_whole(target, public)
    except InputError:
        own.unlink()
        raise
    typer.echo(str(target))


def _write_secret(path: Path, content: bytes) -> None:
    """A file for its owner alone; a key that is there already is never replaced."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise InputError(f"{path} is there already; choose another name") from None
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
    except OSError:
        path.unlink()  # half a key would stand in the way of the next try
        raise
    typer.echo(f"{path} (keep it secret)")


def main() -> None:
    """Entry point of `digits-keys`."""
    app()
