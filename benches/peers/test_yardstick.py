"""`python3 -m unittest discover benches/peers`"""

import unittest
from time import perf_counter

import yardstick


def work(times):
    """What takes so many seconds each time, the last for ever."""
    left = list(times)

    def spin():
        end = perf_counter() + (left.pop(0) if len(left) > 1 else left[0])
        while perf_counter() < end:
            pass

    return spin


class Turns(unittest.TestCase):
    def test_a_quiet_turn_is_taken_once(self):
        taken, watch = [], yardstick.Yardstick(work([0.002]))
        watch.turn(lambda: taken.append(1), taken.pop)
        self.assertEqual((len(taken), watch.repeated, watch.disturbed), (1, 0, 0))

    def test_a_disturbed_turn_is_taken_again(self):
        looks = [0.002] * yardstick.PRODUCTS + [0.02] * yardstick.PRODUCTS + [0.002]
        taken, watch = [], yardstick.Yardstick(work(looks))
        watch.turn(lambda: taken.append(1), taken.pop)
        self.assertEqual((len(taken), watch.repeated, watch.disturbed), (1, 1, 0))


if __name__ == "__main__":
    unittest.main()
