"""`python3 -m unittest discover benches/peers`"""

import unittest

import yardstick


class Clock:
    """Goes on only while work is done, which takes so many seconds each time, the last for ever."""

    def __init__(self, times):
        self.now, self.left = 0.0, list(times)

    def __call__(self):
        return self.now

    def work(self):
        self.now += self.left.pop(0) if len(self.left) > 1 else self.left[0]


def turn(times):
    """How often a turn counts, was taken again, and found no quiet moment, where looks take such times."""
    clock = Clock(times)
    taken, watch = [], yardstick.Yardstick(clock.work, clock)
    watch.turn(lambda: taken.append(1), taken.pop)
    return len(taken), watch.repeated, watch.disturbed


class Turns(unittest.TestCase):
    def test_a_quiet_turn_is_taken_once(self):
        self.assertEqual(turn([0.002]), (1, 0, 0))

    def test_a_disturbed_turn_is_taken_again(self):
        looks = [0.002] * yardstick.PRODUCTS + [0.02] * yardstick.PRODUCTS + [0.002]
        self.assertEqual(turn(looks), (1, 1, 0))

    def test_a_turn_that_is_always_disturbed_counts_in_the_end(self):
        looks = ([0.002] * yardstick.PRODUCTS + [0.02] * yardstick.PRODUCTS) * yardstick.ATTEMPTS
        self.assertEqual(turn(looks), (1, yardstick.ATTEMPTS - 1, 1))


if __name__ == "__main__":
    unittest.main()
