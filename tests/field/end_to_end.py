"""`digits-cam` from camera to answer on one core: frames dropped, latency, memory.

    make bench-camera [SECONDS=30]

The camera gives 30 pictures of 640x480 a second, each with 21 digits, over loopback from another
core. Capture to answer is what `age` says in each JSON line: from the arrival of the frame to its
reading.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
from camera_process import Camera

RATE = 30.0
WARM_UP_S = 5.0
P95_MS = 15.0 + 1e3 / RATE
RESIDENT_MB = 110


def resident(pid: int) -> int:
    """Resident MB of a process; 0 once it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next(int(row.split()[1]) for row in status.splitlines() if row[:6] == "VmRSS:") >> 10


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 30.0
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[-1:])
    camera = Camera("http", RATE)
    os.sched_setaffinity(0, cores[:1])
    process = subprocess.Popen(
        [sys.executable, "-m", "digits_runtime.commands.cam", "--source", camera.url, "--json"],
        stdout=subprocess.PIPE,
        text=True,
    )
    os.sched_setaffinity(0, cores[-1:])
    lines: list[tuple[float, str]] = []
    assert process.stdout is not None
    reading = threading.Thread(
        target=lambda: lines.extend((time.monotonic(), line) for line in process.stdout)
    )
    reading.start()
    time.sleep(WARM_UP_S)
    warm = time.monotonic()
    time.sleep(seconds)
    memory = resident(process.pid)
    process.terminate()
    process.wait()
    reading.join()
    camera.kill()
    said = [json.loads(line) for at, line in lines if at > warm]
    numbers = [reading["frame"] for reading in said]
    given = numbers[-1] - numbers[0] + 1
    ages = 1e3 * np.array([reading["age"] for reading in said])
    took = [sum(reading["durations_ms"].values()) for reading in said]
    median, p95 = np.percentile(ages, [50, 95])
    print(f"{given} frames in {seconds:g} s on one core, {given - len(numbers)} of them dropped")
    print(f"capture to answer: median {median:.1f} ms, p95 {p95:.1f}, at most {ages.max():.1f}")
    print(f"of that reading: median {np.median(took):.1f} ms, p95 {np.percentile(took, 95):.1f}")
    print(f"resident: {memory} MB")
    failures = [
        what
        for what, failed in (
            ("frames were dropped", given > len(numbers)),
            (
                f"the camera gave fewer than {0.95 * RATE:.1f} a second",
                given < 0.95 * RATE * seconds,
            ),
            (f"p95 is above {P95_MS:.0f} ms", p95 > P95_MS),
            (f"more than {RESIDENT_MB} MB", memory > RESIDENT_MB),
        )
        if failed
    ]
    if failures:
        raise SystemExit(f"FAILED: {', '.join(failures)}")


if __name__ == "__main__":
    main()
