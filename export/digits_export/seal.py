"""Seals a model: a manifest of what it is and where from, a signature over it, encryption.

The layout is OpenSSF model signing's, with a `release` and the model's provenance beside it in the
signed statement. `digits_runtime.trust` reads it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from digits_runtime.contract import Contract, PageContract
from digits_runtime.errors import InputError
from digits_runtime.files import read_bounded, write_whole
from digits_runtime.trust import (
    BUNDLE,
    NONCE_BYTES,
    PAYLOAD,
    PREDICATE,
    SEALED,
    STATEMENT,
    envelope,
    model_key,
    signature_of,
)

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_LARGEST_KEY = 1 << 20


def manifest_of(model: Path) -> Path:
    """Where the manifest of a model lies."""
    return model.with_suffix(".manifest.json")


def check_keys(sign: Path | None, encrypt: Path | None) -> None:
    """Make sure, before long work, that the keys are what they should be.

    Raises:
        InputError: One is not.
    """
    if sign is not None:
        private_key(sign)
    if encrypt is not None:
        model_key(encrypt)


def write(
    target: Path,
    content: bytes,
    contract: Contract | PageContract,
    *,
    sign: Path | None,
    encrypt: Path | None,
) -> None:
    """Write a model with its manifest, signed and encrypted as asked for.

    Args:
        target: The model's file.
        content: The ONNX file.
        contract: What it says of itself.
        sign: Private key, PEM; None: an older signature there is removed, for it no longer fits.
        encrypt: Key of 32 bytes in base64; None: the file is plain ONNX.

    Raises:
        InputError: A key cannot be read, or a file not written.
    """
    key = None if sign is None else private_key(sign)
    stored = content if encrypt is None else encrypted(content, model_key(encrypt))
    stated = statement(target.name, stored, contract)
    write_whole(target, stored)
    write_whole(manifest_of(target), json.dumps(stated, indent=1, ensure_ascii=False).encode())
    if key is None:
        signature_of(target).unlink(missing_ok=True)
    else:
        write_whole(signature_of(target), signed(stated, key))


def statement(name: str, stored: bytes, contract: Contract | PageContract) -> dict[str, object]:
    """The in-toto statement about a model's file.

    Args:
        name: Of the file.
        stored: Its bytes as they lie on disk.
        contract: What the model says of itself; its provenance is repeated here.
    """
    digest = hashlib.sha256(stored)
    described = asdict(contract)
    return {
        "_type": STATEMENT,
        # model_signing's digest of a model: of the digests of its files, here of one.
        "subject": [{"name": name, "digest": {"sha256": _sha256(digest.digest())}}],
        "predicateType": PREDICATE,
        "predicate": {
            "serialization": {
                "method": "files",
                "hash_type": "sha256",
                "allow_symlinks": False,
                "ignore_paths": [],
            },
            "resources": [{"name": name, "algorithm": "sha256", "digest": digest.hexdigest()}],
            "release": int(time.time()),
            "encrypted": stored.startswith(SEALED),
            "provenance": {
                key: described[key] for key in ("data", "seed", "accuracy", "recipe", "parent")
            },
        },
    }


def signed(stated: dict[str, object], key: Ed25519PrivateKey | EllipticCurvePrivateKey) -> bytes:
    """The bundle that goes beside a model: its statement in an envelope, signed."""
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    payload = json.dumps(stated, sort_keys=True, separators=(",", ":")).encode()
    message = envelope(payload)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        signature = key.sign(message, ec.ECDSA(hashes.SHA256()))
    else:
        signature = key.sign(message)
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    bundle = {
        "mediaType": BUNDLE,
        "verificationMaterial": {"publicKey": {"hint": _sha256(public)}, "tlogEntries": []},
        "dsseEnvelope": {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": PAYLOAD,
            "signatures": [{"sig": base64.b64encode(signature).decode(), "keyid": ""}],
        },
    }
    return json.dumps(bundle, indent=1).encode()


def encrypted(content: bytes, key: bytes) -> bytes:
    """Seal a model with AES-256-GCM under a fresh nonce."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = os.urandom(NONCE_BYTES)
    return SEALED + nonce + AESGCM(key).encrypt(nonce, content, SEALED)


def private_key(path: Path) -> Ed25519PrivateKey | EllipticCurvePrivateKey:
    """Read a private key, PEM without a password.

    Raises:
        InputError: It is none, asks for a password, or is neither Ed25519 nor ECDSA P-256.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    content = read_bounded(path, _LARGEST_KEY, "private key")
    try:
        key = load_pem_private_key(content, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise InputError(
            f"{path} is no PEM private key without a password; digits-keys makes them"
        ) from None
    if isinstance(key, ed25519.Ed25519PrivateKey) or (
        isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1)
    ):
        return key
    raise InputError(f"{path} is neither an Ed25519 nor an ECDSA P-256 key; digits-keys makes them")


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
