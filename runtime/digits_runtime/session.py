"""Opens a model file and runs it: checks what it is, sets threads, insists on the provider."""

from __future__ import annotations

import contextlib
import io
import math
import threading
from pathlib import Path
from typing import Literal

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from digits_runtime import vetting
from digits_runtime.contract import INPUT, METADATA_KEY, OUTPUT, Contract
from digits_runtime.errors import InputError
from digits_runtime.files import read_bounded

Provider = Literal["auto", "cpu", "cuda"]

BUNDLED = Path(__file__).parent / "models" / "digits-int8.onnx"
BUNDLED_FLOAT = BUNDLED.with_name("digits-float.onnx")
# What `--model` takes besides files.
NAMED = {"digits": BUNDLED, "alnum": BUNDLED.with_name("alnum-int8.onnx")}

LARGEST_FILE = 64 << 20
# Beyond this a batch only costs memory: the kernels are long saturated.
_BATCH = 512
_TOLD = 160  # characters of what onnxruntime says of a failure
_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


class Session:
    """One model, ready to classify.

    Args:
        model: An ONNX file that keeps the contract, its bytes, or one of NAMED; a file called
            like one of those needs its folder, `./alnum`.
        provider: Where it must run; `auto` takes CUDA where that really runs, else the CPU.
        threads: Of one run of the graph; one is fastest for glyphs a few at a time.

    Raises:
        InputError: The file is missing, too large or not one of ours, or the provider is absent.
    """

    def __init__(
        self, model: Path | str | bytes = BUNDLED, *, provider: Provider = "auto", threads: int = 1
    ) -> None:
        name, content = content_of(model)
        self._batch = vetting.vet(content, name, _BATCH)
        self._session, self.provider = started(content, name, provider, threads)
        self.contract = self._checked(name)
        self._one = _OneGlyph(self._session, self.contract) if self.provider == "cpu" else None

    def logits(self, glyphs: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Classify: uint8 `[n, 1, size, size]`, bright on dark, to float32 `[n, classes]`.

        Raises:
            InputError: The glyphs are of another size, or the model fails or gives no such logits.
        """
        if len(glyphs) <= self._batch:
            return self._run(glyphs)
        starts = range(0, len(glyphs), self._batch)
        parts = [self._run(glyphs[start : start + self._batch]) for start in starts]
        return np.concatenate(parts)

    def probabilities(self, glyphs: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Like `logits`, calibrated: rows sum to 1, "not a glyph" last if there is such a class."""
        scaled = self.logits(glyphs) / np.float32(self.contract.temperature)
        scaled -= scaled.max(axis=1, keepdims=True)
        np.exp(scaled, out=scaled)
        scaled /= scaled.sum(axis=1, keepdims=True)
        return scaled

    def _run(self, glyphs: NDArray[np.uint8]) -> NDArray[np.float32]:
        logits: NDArray[np.float32]
        one = self._one
        try:
            # Any but one glyph of the model's size onnxruntime is to judge.
            if one is not None and glyphs.shape == one.shape and glyphs.dtype == np.uint8:
                logits, total = one.run(glyphs)
            elif len(glyphs) == 0:
                return np.zeros((0, self.contract.classes), np.float32)
            else:
                logits = self._session.run([OUTPUT], {INPUT: glyphs})[0]
                # One number tells of all, in less than half of the time of `isfinite`.
                total = float(np.vdot(logits, logits))
        except Exception as error:  # onnxruntime raises a family of its own
            kind, size = getattr(glyphs, "dtype", type(glyphs).__name__), self.contract.ink.size
            raise InputError(
                f"the model fails on glyphs {kind} {list(getattr(glyphs, 'shape', ()))}; it takes "
                f"uint8 [n, 1, {size}, {size}]. If these are, export it again: "
                f"{' '.join(str(error).split())[:_TOLD]}"
            ) from None
        if logits.shape != (len(glyphs), self.contract.classes) or not math.isfinite(total):
            raise InputError(
                "the model's logits are no numbers, or not as many as it has classes; "
                "export it again"
            )
        return logits

    def _checked(self, name: str) -> Contract:
        """Read the contract and hold the graph to it."""
        text = self._session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
        if text is None:
            raise InputError(
                f"{name} was not made by digits-export: it does not describe itself; "
                "export your checkpoint with digits-export"
            )
        try:
            contract = Contract.from_json(text)
        except InputError as error:
            raise InputError(f"{name}: {error}") from None
        size = contract.ink.size
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        given = (
            [(i.name, i.type, i.shape[1:]) for i in inputs],
            [(o.name, o.type, o.shape[1:]) for o in outputs],
        )
        wanted = (
            [(INPUT, "tensor(uint8)", [1, size, size])],
            [(OUTPUT, "tensor(float)", [contract.classes])],
        )
        if given != wanted or isinstance(inputs[0].shape[0], int):
            raise InputError(
                f"{name} has inputs and outputs that differ from its own description; "
                "export it again with digits-export"
            )
        return contract


class _OneGlyph:
    """Runs one glyph with tensors bound beforehand, which saves an eighth of its time."""

    def __init__(self, session: ort.InferenceSession, contract: Contract) -> None:
        self._session = session
        self.shape = (1, 1, contract.ink.size, contract.ink.size)
        self._glyph = np.zeros(self.shape, np.uint8)
        self._logits = np.zeros((1, contract.classes), np.float32)
        # Their memory itself: to write and sum it so takes half of NumPy's time for so little.
        self._pixels, self._numbers = self._glyph.data.cast("B"), self._logits[0].data
        self._binding = session.io_binding()
        for bind, name, tensor in (
            (self._binding.bind_input, INPUT, self._glyph),
            (self._binding.bind_output, OUTPUT, self._logits),
        ):
            bind(name, "cpu", 0, tensor.dtype.type, tensor.shape, tensor.ctypes.data)
        # Its tensors are everyone's: a reader may be asked from several threads.
        self._lock = threading.Lock()

    def run(self, glyph: NDArray[np.uint8]) -> tuple[NDArray[np.float32], float]:
        """Of uint8 of its shape the logits and their sum, which is a number if they are."""
        with self._lock:
            self._pixels[:] = glyph.tobytes()
            self._session.run_with_iobinding(self._binding)
            return self._logits.copy(), sum(self._numbers)


def content_of(model: Path | str | bytes) -> tuple[str, bytes]:
    """What to call a model, and its bytes.

    Raises:
        InputError: The file is missing or too large.
    """
    if isinstance(model, bytes):
        return "the model", model
    path = NAMED.get(str(model), Path(model))
    return str(path), read_bounded(path, LARGEST_FILE, "model")


def started(
    content: bytes, name: str, provider: Provider, threads: int
) -> tuple[ort.InferenceSession, Literal["cpu", "cuda"]]:
    """Start onnxruntime on a vetted model: the session, and where it runs.

    Raises:
        InputError: It does not load, or the provider is absent.
    """
    chosen = _choose(provider)
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # An arena only costs: a µs in 27 where one glyph is run; batches and pages gain nothing by it.
    options.enable_cpu_mem_arena = False
    # A spinning pool burns a small board's core between frames.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4
    if chosen == _PROVIDERS["cuda"]:
        _load_cuda()
    try:
        session = ort.InferenceSession(content, options, providers=[chosen])
    except Exception:  # onnxruntime raises a family of its own, one per cause
        raise InputError(
            f"{name} is not a model that onnxruntime {ort.__version__} loads: damaged, "
            "no ONNX file, or made for a newer onnxruntime"
        ) from None
    # Where CUDA's libraries or driver are missing, onnxruntime takes the CPU without a word.
    running = session.get_providers()[0]
    if running != chosen and provider != "auto":
        raise InputError(
            f"asked for {provider}, but onnxruntime runs on {running}; "
            "digits-doctor says what is missing"
        )
    return session, "cuda" if running == _PROVIDERS["cuda"] else "cpu"


def _choose(provider: Provider) -> str:
    available = ort.get_available_providers()
    if provider == "auto":
        return _PROVIDERS["cuda" if _PROVIDERS["cuda"] in available else "cpu"]
    if _PROVIDERS[provider] not in available:
        raise InputError(
            f"this onnxruntime has no {provider} provider (it has: {', '.join(available)}); "
            "for a CUDA GPU: pip uninstall -y onnxruntime && pip install "
            "'onnxruntime-gpu[cuda,cudnn]'"
        )
    return _PROVIDERS[provider]


def _load_cuda() -> None:
    """Load CUDA's libraries out of the packages that `onnxruntime-gpu[cuda,cudnn]` brings.

    What is missing is printed by onnxruntime, in many lines; ours is one, once it is known.
    """
    ort.set_default_logger_severity(4)
    with contextlib.redirect_stdout(io.StringIO()):
        ort.preload_dlls()
