"""`digits-cam` on emulated boards with a network camera that freezes and is killed.

    make test-arm-camera
    python tests/field/arm_camera.py FOLDER

FOLDER has what `arm_python.sh` made. The reading process is started on the emulated board as well.
Times say nothing of a board, which is ten to thirty times as fast: what counts is that every board
reads the page, says that the camera is gone, and reads again without help.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from queue import Empty, SimpleQueue

from arm import BOARDS, ROOT
from camera_process import Camera

PAGE = "3141592\n6535897\n9323846"
RATE, LIMIT_S = 2.0, 180.0
# Spawned processes too must run on the board: its Python is a command here, not sys.executable.
PROGRAM = """
import multiprocessing, os
from digits_runtime.commands.cam import main
if __name__ == "__main__":
    multiprocessing.set_executable(os.environ["ARM_PYTHON"])
    main()
"""


class Board:
    """`digits-cam --json` on an emulated board.

    Args:
        python: The emulated Python.
        program: A file with PROGRAM.
        name: Of the processor.
        url: Of the camera.
    """

    def __init__(self, python: Path, program: Path, name: str, url: str) -> None:
        self.name = name
        paths = {"PYTHONPATH": str(ROOT / "runtime"), "PYTHONDONTWRITEBYTECODE": "1"}
        threads = {"OMP_NUM_THREADS": "1", "ARM_CPU": name, "ARM_PYTHON": str(python)}
        # Patience as for a machine thirty times as slow.
        options = ["--source", url, "--json", "--wait", "--timeout", "20"]
        self._process = subprocess.Popen(
            [str(python), str(program), *options],
            env=os.environ | paths | threads,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._lines: SimpleQueue[str] = SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)

    def reads(self, what: str) -> None:
        """Wait for the page's numbers, and say how long that took."""
        while not self._lines.empty():
            self._lines.get()
        began = time.monotonic()
        while (left := began + LIMIT_S - time.monotonic()) > 0:
            try:
                reading = json.loads(self._lines.get(timeout=left))
            except Empty:
                break
            if reading["text"] == PAGE:
                print(f"  {what}: read after {time.monotonic() - began:.1f} s", flush=True)
                return
        self.stop()
        sys.exit(f"error: {self.name}: {what}: the page was not read in {LIMIT_S:g} s")

    def stop(self) -> None:
        """End as Ctrl-C does."""
        self._process.terminate()
        self._process.wait()


def main() -> None:
    python = (Path(sys.argv[1]) / "python").resolve()
    program = Path(sys.argv[1]).resolve() / "digits_cam.py"
    program.write_text(PROGRAM)
    for name, title in BOARDS.items():
        print(f"{name} ({title})", flush=True)
        camera = Camera("http", RATE)
        board = Board(python, program, name, camera.url)
        board.reads("started")
        camera.tell("stall")
        time.sleep(5)
        camera.tell("resume")
        board.reads("silent for 5 s")
        camera.kill()
        time.sleep(5)
        camera.start()
        board.reads("killed, 5 s away")
        board.stop()
        camera.kill()
    print(f"{len(BOARDS)} boards read on")


if __name__ == "__main__":
    main()
