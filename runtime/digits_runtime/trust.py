"""Whether a model file is one that its user trusts, judged before anything in it is parsed.

Beside `model.onnx` lies `model.onnx.sig`: a Sigstore bundle with a DSSE envelope around an in-toto
statement, as OpenSSF model signing lays it out. It names the file and the SHA-256 of its bytes, and
its release, by which an older file that is put back is told from the newest one seen.
`digits_export.seal` writes what is read here.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from digits_runtime.errors import InputError
from digits_runtime.extras import require
from digits_runtime.fields import Fields
from digits_runtime.files import read_bounded, write_whole
from digits_runtime.session import LARGEST_FILE, NAMED

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://model_signing/signature/v1.0"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
PAYLOAD = "application/vnd.in-toto+json"

# A model sealed with AES-256-GCM: these bytes, which are authenticated too, a nonce, the rest.
SEALED = b"digits-edge sealed model 1\n"
NONCE_BYTES = 12
KEY_BYTES = 32
# Holds the key itself, for a service whose secrets come by its environment.
KEY_VARIABLE = "DIGITS_MODEL_KEY"

_EXTRA = ("a signed or sealed file", "seal", "cryptography")
_LARGEST_SMALL = 1 << 20
_MOST_KEYS = 16


def load(model: Path, trusted: Path | None, key: Path | None) -> Path | bytes:
    """Read a model that may be signed and may be sealed.

    Args:
        model: Its file, or one of the bundled models' names.
        trusted: Public keys, PEM; None: no signature is asked for.
        key: The key of a sealed model; None: what the environment's DIGITS_MODEL_KEY holds.

    Returns:
        The bytes to open: the very ones that were verified. Where nothing was to be verified or
        unsealed, the path as it came.

    Raises:
        InputError: The signature is missing, wrong, older than one seen or another file's, or the
            model cannot be unsealed.
    """
    path = NAMED.get(str(model), model)
    if trusted is None and not _is_sealed(path):
        return model
    content = read_bounded(path, LARGEST_FILE, "model")
    if trusted is not None:
        verify(content, path, trusted)
    return unseal(content, str(path), key) if content.startswith(SEALED) else content


def signature_of(model: Path) -> Path:
    """Where the signature of a model lies."""
    return model.with_name(model.name + ".sig")


def verify(content: bytes, path: Path, trusted: Path) -> None:
    """Hold a model's bytes to the signature beside its file.

    Raises:
        InputError: It has none, or one that is not by a trusted key, not for these bytes, not for
            a file of this name, or older than one that was trusted before.
    """
    beside = signature_of(path)
    if not beside.is_file():
        raise InputError(
            f"{path} has no signature {beside.name}; get one from who made the model, or leave "
            "out --trust"
        )
    statement = _signed(read_bounded(beside, _LARGEST_SMALL, "signature"), beside, trusted)
    resources = Fields(statement.value("predicate", dict), f"{beside}: its predicate")
    (entry,) = resources.value("resources", list) or [None]
    resource = Fields(entry, f"{beside}: its resource")
    digest = hashlib.sha256(content).hexdigest()
    if (resource.value("algorithm", str), resource.value("digest", str)) != ("sha256", digest):
        raise InputError(f"{beside} is not the signature of {path}: the file is another or changed")
    if resource.value("name", str) != path.name:
        raise InputError(
            f"{beside} was made for a file called {resource.value('name', str)!r}, not "
            f"{path.name!r}; a signed model keeps its name"
        )
    release = resources.number("release", int, 0, 2**53)
    _remember(trusted, path, release)


def unseal(content: bytes, name: str, key: Path | None) -> bytes:
    """Decrypt a sealed model.

    Raises:
        InputError: There is no key, it is no key or another one, or the file is damaged.
    """
    require(*_EXTRA)
    from cryptography.hazmat.primitives.ciphers import aead

    start = len(SEALED)
    nonce, rest = content[start : start + NONCE_BYTES], content[start + NONCE_BYTES :]
    secret = model_key(key)
    try:
        return aead.AESGCM(secret).decrypt(nonce, rest, SEALED)
    except Exception:  # InvalidTag, and ValueError for what is cut short
        raise InputError(f"{name} is not sealed with this key, or is damaged") from None


def model_key(key: Path | None) -> bytes:
    """Read the 32 bytes of an AES-256 key, kept as base64 in a file or the environment.

    Raises:
        InputError: There is none, or it is of another length.
    """
    if key is not None:
        text = read_bounded(key, _LARGEST_SMALL, "key")
    else:
        text = os.environ.get(KEY_VARIABLE, "").encode()
        if not text:
            raise InputError(f"the model is sealed: give its key with --key or in {KEY_VARIABLE}")
    try:
        secret = base64.b64decode(text.strip(), validate=True)
    except ValueError:
        secret = b""
    if len(secret) != KEY_BYTES:
        raise InputError(
            f"{key or KEY_VARIABLE} holds no model key: {KEY_BYTES} bytes in base64, as "
            "digits-keys makes them"
        )
    return secret


def public_keys(path: Path) -> list[PublicKeyTypes]:
    """Read PEM public keys, one after the other in a file: two while a key is being changed.

    Raises:
        InputError: There is none, or one that is neither Ed25519 nor ECDSA P-256.
    """
    require(*_EXTRA)
    from cryptography.hazmat.primitives import serialization

    end = b"-----END PUBLIC KEY-----"
    text = read_bounded(path, _LARGEST_SMALL, "public key")
    parts = [part + end for part in text.split(end)[:-1]]
    if not 1 <= len(parts) <= _MOST_KEYS:
        raise InputError(f"{path} holds {len(parts)} PEM public keys; give 1 to {_MOST_KEYS}")
    try:
        return [serialization.load_pem_public_key(part) for part in parts]
    except Exception:  # ValueError or UnsupportedAlgorithm
        raise InputError(f"{path} holds no PEM public key; digits-keys makes them") from None


def envelope(payload: bytes) -> bytes:
    """What is signed for a payload: DSSE's pre-authentication encoding."""
    return b"DSSEv1 %d %s %d %s" % (len(PAYLOAD), PAYLOAD.encode(), len(payload), payload)


def _signed(content: bytes, beside: Path, trusted: Path) -> Fields:
    """The statement of a signature, once one of the trusted keys is found to have signed it."""
    # Parsed before it is verified is only the envelope, a few bounded strings.
    try:
        outer = Fields(json.loads(content), str(beside))
        dsse = Fields(outer.value("dsseEnvelope", dict), f"{beside}: its envelope")
        (entry,) = dsse.value("signatures", list) or [None]
        signature = base64.b64decode(Fields(entry, f"{beside}: its entry").value("sig", str))
        payload = base64.b64decode(dsse.value("payload", str))
    except (ValueError, RecursionError):
        raise InputError(f"{beside} is no signature of digits-export; get it again") from None
    if dsse.value("payloadType", str) != PAYLOAD:
        raise InputError(f"{beside} signs something else than a model")
    keys = public_keys(trusted)
    if not any(_fits(key, signature, envelope(payload)) for key in keys):
        raise InputError(
            f"{beside} is not signed by a key in {trusted}: do not use this model unless you know "
            "why; if its maker has a new key, get the public half from them"
        )
    statement = Fields(json.loads(payload), f"{beside}: its statement")
    if statement.value("predicateType", str) != PREDICATE:
        raise InputError(f"{beside} signs something else than a model")
    return statement


def _fits(key: PublicKeyTypes, signature: bytes, message: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519

    with contextlib.suppress(InvalidSignature):
        if isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, message)
            return True
        if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
            key.verify(signature, message, ec.ECDSA(hashes.SHA256()))
            return True
    return False


def _remember(trusted: Path, model: Path, release: int) -> None:
    """Refuse a release older than one that these keys vouched for, and keep the newest."""
    path = trusted.with_name(trusted.name + ".seen")
    seen: dict[str, int] = {}
    if path.exists():
        try:
            read = Fields(json.loads(read_bounded(path, _LARGEST_SMALL, "record")), str(path))
            seen = read.whole_numbers(0, 2**53)
        except (ValueError, RecursionError):
            raise InputError(f"{path} is damaged; delete it if the model is the newest") from None
    if release < seen.get(model.name, 0):
        raise InputError(
            f"{model} is older than one seen before (release {release}, not "
            f"{seen[model.name]}); get the newest, or take its line out of {path} to go back"
        )
    if release > seen.get(model.name, 0):
        # Where it cannot be written, on a read-only system, what it holds still counts.
        with contextlib.suppress(InputError):
            write_whole(path, json.dumps({**seen, model.name: release}, indent=1).encode())


def _is_sealed(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return path.is_file() and file.read(len(SEALED)) == SEALED
    except (OSError, ValueError):
        return False  # who opens it says what is wrong
