"""One engine of `make bench-engines`, in a process and an environment of its own.

    python tests/field/engine_worker.py ENGINE < requests > answers

Each line of input is a JSON request, each line of output its answer: `load` a model for a batch and
answer with its logits, or `time` so many runs and answer with microseconds a glyph. Imports nothing
of the project, so that an engine's environment needs nothing but the engine.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable

import numpy as np

Run = Callable[[], np.ndarray]


def onnxruntime(path: str, glyphs: np.ndarray) -> Run:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    given = session.get_inputs()[0]
    if "float" in given.type:
        glyphs = (glyphs / 255).astype(np.float32)
    return lambda: session.run(None, {given.name: glyphs})[0]


def openvino(path: str, glyphs: np.ndarray) -> Run:
    import openvino as ov

    core = ov.Core()
    settings = {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": "1", "PERFORMANCE_HINT": "LATENCY",
                "INFERENCE_PRECISION_HINT": "f32"}  # fmt: skip
    model = core.read_model(path)
    model.reshape(list(glyphs.shape))
    if model.input(0).element_type == ov.Type.f32:
        glyphs = (glyphs / 255).astype(np.float32)
    request = core.compile_model(model, "CPU", settings).create_infer_request()
    request.set_input_tensor(ov.Tensor(glyphs, shared_memory=True))

    def run() -> np.ndarray:
        request.infer()
        return np.array(request.get_output_tensor().data)

    return run


def opencv(path: str, glyphs: np.ndarray) -> Run:
    import cv2

    cv2.setNumThreads(1)
    network = cv2.dnn.readNetFromONNX(path)

    def run() -> np.ndarray:
        network.setInput(glyphs)
        return np.array(network.forward())

    return run


def ncnn(path: str, glyphs: np.ndarray) -> Run:
    import ncnn as engine

    network = engine.Net()
    network.opt.num_threads = 1
    network.load_param(path + ".param")
    network.load_model(path + ".bin")
    # ncnn knows no batches: one glyph after the other.
    # Its matrices do not keep the arrays alive that they look at.
    floats = glyphs.astype(np.float32)
    inputs = [engine.Mat(glyph).clone() for glyph in floats]

    def one(given: object) -> np.ndarray:
        extractor = network.create_extractor()
        extractor.input("in0", given)
        # A copy while the extractor, whose memory it is, lives.
        return np.array(extractor.extract("out0")[1]).copy()

    return lambda: np.stack([one(given) for given in inputs])


def litert(path: str, glyphs: np.ndarray) -> Run:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(path, num_threads=1)
    interpreter.allocate_tensors()
    given, answer = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    # Converted for one glyph: its reshapes have the batch in them.
    inputs = [glyph.reshape(given["shape"]).astype(given["dtype"]) for glyph in glyphs]

    def one(glyph: np.ndarray) -> np.ndarray:
        interpreter.set_tensor(given["index"], glyph)
        interpreter.invoke()
        return np.array(interpreter.get_tensor(answer["index"])[0])

    return lambda: np.stack([one(glyph) for glyph in inputs])


ENGINES = {f.__name__: f for f in (onnxruntime, openvino, opencv, ncnn, litert)}


def main() -> None:
    prepare, runs = ENGINES[sys.argv[1]], {}
    for line in sys.stdin:
        request = json.loads(line)
        key, count = (request["path"], request["batch"]), request["runs"]
        try:
            if key not in runs:
                rng = np.random.default_rng(0)
                glyphs = rng.integers(0, 256, (key[1], 1, 28, 28), dtype=np.uint8)
                runs[key] = prepare(key[0], glyphs)
            if not count:
                answer: object = runs[key]().astype(float).reshape(key[1], -1).tolist()
            else:
                started = time.perf_counter()
                for _ in range(count):
                    runs[key]()
                answer = 1e6 * (time.perf_counter() - started) / count / key[1]
        except Exception as error:  # whatever an engine raises is its answer
            answer = {"error": str(error).strip().splitlines()[-1][:200]}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
