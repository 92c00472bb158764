"""How fast a core is at a moment, by a computation that is always the same.

A virtual machine's core is often one of two threads of a real one. What another guest does on the other thread can double all times,
for a second or for a minute, and not those of all programs alike: the better a program keeps the core busy, the more it loses.
"""

from time import perf_counter, sleep

#: How much longer than in the best moments the computation may take.
TOLERATED = 1.15

#: Seconds that a turn may wait for a quiet moment, and how often it is taken again.
PATIENCE, ATTEMPTS = 5.0, 20

#: Seconds between two looks.
PAUSE = 0.02

#: Products of a look, of which the median counts.
PRODUCTS = 7


def product():
    """A function that multiplies two matrices."""
    import numpy as np

    matrices = np.random.default_rng(0).random((2, 192, 192), np.float32)
    return lambda: np.matmul(*matrices)


class Yardstick:
    """Watches the core that its process is pinned to, by how long `work` takes on `clock`."""

    def __init__(self, work, clock=perf_counter):
        self.work, self.clock = work, clock
        self.least = float("inf")
        self.turns, self.repeated, self.disturbed = 0, 0, 0

    def is_quiet(self):
        """Whether the core is about as fast as it ever was."""
        times = sorted(self.time() for _ in range(PRODUCTS))
        self.least = min(self.least, times[0])
        return times[PRODUCTS // 2] <= self.least * TOLERATED

    def time(self):
        start = self.clock()
        self.work()
        return self.clock() - start

    def turn(self, take, drop):
        """Calls `take` at a quiet moment; where that didn't last, calls `drop` and tries again."""
        self.turns += 1
        for attempt in range(ATTEMPTS):
            begun = self.wait()
            take()
            if begun and self.is_quiet():
                return
            if attempt + 1 < ATTEMPTS:
                self.repeated += 1
                drop()
        self.disturbed += 1

    def wait(self):
        """Waits for a quiet moment; whether it came."""
        until = self.clock() + PATIENCE
        while not self.is_quiet():
            if self.clock() > until:
                return False
            sleep(PAUSE)
        return True

    def summary(self):
        return {"turns": self.turns, "repeated": self.repeated, "disturbed": self.disturbed, "tolerated": TOLERATED}
