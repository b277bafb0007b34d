from __future__ import annotations

from multiprocessing import Pipe

from digits_runtime.capture import child
from digits_runtime.capture.worker import Worker


def test_of_frames_that_wait_to_be_told_only_the_newest_is() -> None:
    worker = Worker(1.0)
    try:
        worker.ready()
        worker._connection, process = Pipe()
        worker.make_room((4, 4, 3))
        room = process.recv()
        last = child.Taken(2, 3, 0.2)
        for told in (child.Taken(0, 1, 0.0), child.Taken(1, 2, 0.1), last, child.Failed("gone")):
            process.send(told)
        assert worker.told(0) == last
        assert [process.recv() for _ in range(2)] == [child.Free(room.name, n) for n in (0, 1)]
        assert worker.told(0) == child.Failed("gone")
        assert worker.told(0) is None
    finally:
        worker.kill()
