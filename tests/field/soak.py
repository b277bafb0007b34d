"""`digits-cam` for a long time with a camera that keeps failing: memory, threads and descriptors.

    make soak [MINUTES=20]

Every few seconds one fault, by a seed: silence, the camera killed and back, garbage, another size,
the reading process stopped or killed. After each the source must be read again; in the last third
of the time the process must take no more than in the second.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from camera_process import Camera
from end_to_end import resident

FAULTS = ("stall", "kill", "garbage", "size", "stop child", "kill child")
AGAIN_S = 30.0
MORE_MB, MORE_THREADS, MORE_DESCRIPTORS = 2.0, 0, 2


@dataclass(frozen=True)
class Sample:
    """What the process took at one moment, all being well."""

    at: float
    memory: int
    threads: int
    descriptors: int


class Counter:
    """Counts the JSON lines of the process."""

    def __init__(self, pipe: object) -> None:
        self.count, self.last, self.ages = 0, 0.0, []
        threading.Thread(target=self._read, args=(pipe,), daemon=True).start()

    def _read(self, pipe: object) -> None:
        for line in pipe:
            self.ages.append(json.loads(line)["age"])
            self.count += 1
            self.last = time.monotonic()


def sample(pid: int) -> Sample:
    folder = Path(f"/proc/{pid}")
    return Sample(
        time.monotonic(),
        resident(pid),
        len(list((folder / "task").iterdir())),
        len(list((folder / "fd").iterdir())),
    )


def child(pid: int) -> int | None:
    """The process that reads the camera."""
    for found in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        if b"spawn_main" in Path(f"/proc/{found}/cmdline").read_bytes():
            return int(found)
    for task in Path(f"/proc/{pid}/task").iterdir():
        for found in (task / "children").read_text().split():
            if b"spawn_main" in Path(f"/proc/{found}/cmdline").read_bytes():
                return int(found)
    return None


def fail(fault: str, camera: Camera, pid: int, rng: random.Random) -> None:
    """Cause a fault and mend it."""
    seconds = rng.choice((0.5, 4.0))
    reader = child(pid)
    match fault:
        case "stall" | "garbage":
            camera.tell(fault)
            time.sleep(seconds)
            camera.tell("resume")
        case "kill":
            camera.kill()
            time.sleep(seconds)
            camera.start()
        case "size":
            camera.tell(rng.choice(("size 320 240", "size 640 480", "size 800 600")))
        case "stop child" if reader is not None:
            os.kill(reader, signal.SIGSTOP)
        case "kill child" if reader is not None:
            os.kill(reader, signal.SIGKILL)


def main() -> None:
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 20.0
    rng = random.Random(0)  # noqa: S311 - faults, not secrets
    cameras = [Camera("http", 15.0), Camera("rtsp", 15.0)]
    processes = [
        subprocess.Popen(
            [
                *(sys.executable, "-m", "digits_runtime.commands.cam", "--source", camera.url),
                *("--json", "--timeout", "1"),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        for camera in cameras
    ]
    counters = [Counter(process.stdout) for process in processes]
    samples: list[list[Sample]] = [[] for _ in cameras]
    began, ends = time.monotonic(), time.monotonic() + 60 * minutes
    faults, slowest = 0, 0.0
    while time.monotonic() < ends:
        which = rng.randrange(len(cameras))
        fault = rng.choice(FAULTS)
        fail(fault, cameras[which], processes[which].pid, rng)
        mended, counted = time.monotonic(), counters[which].count
        while counters[which].count < counted + 3:
            time.sleep(0.05)
            if time.monotonic() > mended + AGAIN_S:
                raise SystemExit(f"FAILED: not read again {AGAIN_S:g} s after: {fault}")
        faults, slowest = faults + 1, max(slowest, time.monotonic() - mended)
        time.sleep(rng.uniform(1, 4))
        for process, taken in zip(processes, samples, strict=True):
            if process.poll() is not None:
                raise SystemExit(f"FAILED: ended with {process.returncode}")
            taken.append(sample(process.pid))
    for process, camera in zip(processes, cameras, strict=True):
        process.terminate()
        process.wait()
        camera.kill()
    print(
        f"{faults} faults in {minutes:g} minutes; three frames again after at most {slowest:.1f} s"
    )
    worse = []
    for kind, taken, counter in zip(("http", "rtsp"), samples, counters, strict=True):
        third = (time.monotonic() - began) / 3
        second = [s for s in taken if third <= s.at - began < 2 * third]
        last = [s for s in taken if s.at - began >= 2 * third]
        print(f"{kind}: {counter.count} frames read, age median {np.median(counter.ages):.3f} s")
        for name, most in (
            ("memory", MORE_MB),
            ("threads", MORE_THREADS),
            ("descriptors", MORE_DESCRIPTORS),
        ):
            before, after = (np.median([getattr(s, name) for s in part]) for part in (second, last))
            highest = max(getattr(s, name) for s in taken)
            print(f"  {name}: second third {before:g}, last {after:g}, highest {highest}")
            if after > before + most:
                worse.append(f"{kind} {name}")
    left = list(Path("/dev/shm").glob("digits-cam-*"))  # noqa: S108 - looked at only
    if left:
        worse.append(f"{len(left)} pieces of shared memory")
    if worse:
        raise SystemExit(f"FAILED: grew: {', '.join(worse)}")


if __name__ == "__main__":
    main()
