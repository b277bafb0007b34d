"""Crops of single glyphs, kept for labelling: which to keep, how they are written, sealed, opened.

A crop's name is a hash of its pixels, so nothing in it says who wrote when; it is encoded from
pixels alone, so nothing of a photograph's EXIF comes along.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from digits_runtime import ink, one_glyph
from digits_runtime.contract import InkSpec
from digits_runtime.errors import InputError
from digits_runtime.extras import require
from digits_runtime.files import read_bounded, write_whole
from digits_runtime.reading import Box, Glyph

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
    from cryptography.hazmat.primitives.hpke import Suite

SEALED_SUFFIX = ".sealed"

# Of the glyph's longer side: paper around it, by which a loader tells ink from paper.
_MARGIN = 0.2
# Mean difference in grey levels of two normalised glyphs that are one seen twice.
_SAME = 10.0
_LARGEST = 16 << 20
_EXTRA = ("--seal-to", "seal", "cryptography.hazmat.primitives.hpke")
_INFO = b"digits-edge crop 1"


class Album:
    """Writes crops into a folder, each glyph once however many frames show it.

    Args:
        folder: Where they go; a label's crops go into the sub-folder of that name.
        seal_to: Public key, PEM, that crops are sealed to; None: they are plain PNG.

    Raises:
        InputError: The key is none of digits-keys' for crops.
    """

    def __init__(self, folder: Path, seal_to: Path | None = None) -> None:
        self.folder = folder
        self.saved = 0
        self._key = None if seal_to is None else _public_key(seal_to)
        self._seen: list[NDArray[np.float32]] = []

    def keep(self, frame: NDArray[np.uint8], glyph: Glyph, label: str | None) -> Path | None:
        """Write one glyph's crop.

        Args:
            frame: uint8 BGR `[h, w, 3]`, or grey `[h, w]`.
            glyph: What was read there.
            label: What it is, if that is known.

        Returns:
            Its path; None for a glyph that was kept before.

        Raises:
            InputError: The folder cannot be written to.
        """
        crop = cut(frame, glyph.box)
        small = one_glyph.single(
            ink.to_grey(crop, one_glyph.guess_polarity(crop)), InkSpec(), "auto"
        )
        shape = small.astype(np.float32)
        if any(float(np.abs(shape - other).mean()) < _SAME for other in self._seen):
            return None
        self._seen.append(shape)
        encoded, content = cv2.imencode(".png", crop)
        if not encoded:
            raise InputError("a crop does not encode as PNG")
        name = hashlib.sha256(crop.tobytes()).hexdigest()[:16]
        place = self.folder if label is None else self.folder / label
        path = place / (f"{name}.png" if label else f"looks-like-{glyph.label}-{name}.png")
        try:
            place.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"cannot make {place}: {error.strerror}; choose another") from None
        if self._key is None:
            write_whole(path, content.tobytes())
        else:
            path = path.with_name(path.name + SEALED_SUFFIX)
            write_whole(path, _suite().encrypt(content.tobytes(), self._key, _INFO))
        self.saved += 1
        return path


def cut(frame: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
    """The part of a frame around a glyph, with paper on every side where there is some."""
    x, y, width, height = box
    margin = round(_MARGIN * max(width, height)) + 2
    top, left = max(0, y - margin), max(0, x - margin)
    return frame[top : y + height + margin, left : x + width + margin].copy()


def open_sealed(path: Path, key: Path) -> Path:
    """Decrypt a sealed crop beside itself and remove the sealed file.

    Raises:
        InputError: The key is not the one, or a file is damaged.
    """
    require(*_EXTRA)
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import x25519

    try:
        private = serialization.load_pem_private_key(read_bounded(key, _LARGEST, "key"), None)
    except (ValueError, TypeError):
        private = None
    if not isinstance(private, x25519.X25519PrivateKey):
        raise InputError(f"{key} is no private key for crops; digits-keys crops makes them")
    sealed = read_bounded(path, _LARGEST, "sealed crop")
    try:
        content = _suite().decrypt(sealed, private, _INFO)
    except Exception:  # InvalidTag, and ValueError for what is cut short
        raise InputError(f"{path} is not sealed to this key, or is damaged") from None
    target = path.with_name(path.name.removesuffix(SEALED_SUFFIX))
    write_whole(target, content)
    path.unlink()
    return target


def _public_key(path: Path) -> X25519PublicKey:
    require(*_EXTRA)
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import x25519

    try:
        key = serialization.load_pem_public_key(read_bounded(path, _LARGEST, "key"))
    except Exception:  # ValueError or UnsupportedAlgorithm
        key = None
    if not isinstance(key, x25519.X25519PublicKey):
        raise InputError(f"{path} is no public key for crops; digits-keys crops makes them")
    return key


def _suite() -> Suite:
    """Hybrid public key encryption (RFC 9180): X25519, HKDF-SHA256, AES-256-GCM."""
    from cryptography.hazmat.primitives import hpke

    return hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
