"""python3 -m unittest discover benches/peers"""

import unittest

import record


def row(model, dunlin, peers, goal=1.5, in_mean=True):
    right = lambda time: {"p50_us": time, "top1": True, "cosine": 1.0}
    return {
        "model": model,
        "precision": "int8",
        "goal": goal,
        "in_mean": in_mean,
        "macs": 1,
        "dunlin": right(dunlin),
        "peers": {name: right(time) for name, time in peers.items()},
    }


def whole(rows, cold=None):
    return {
        "machine": {"cpu": "a CPU", "system": "a system", "date": "2026-01-01"},
        "versions": {"dunlin": "1"},
        "settings": {"core": 1, "rounds": 3, "seconds": 1, "turns": 6, "repeated": 2, "disturbed": 0, "tolerated": 1.15},
        "rows": rows,
        "cold": cold,
    }


class Record(unittest.TestCase):
    def test_the_fastest_right_peer_is_the_best(self):
        line = row("kws", 10.0, {"a": 30.0, "b": 20.0, "c": 5.0})
        line["peers"]["c"]["cosine"] = 0.5
        line["peers"]["d"] = {"error": "no such model"}
        self.assertEqual(record.best_peer(line), ("b", 20.0))
        self.assertEqual(record.ratio(line), 2.0)

    def test_without_a_right_answer_there_is_no_ratio(self):
        self.assertIsNone(record.ratio(row("kws", 10.0, {})))
        wrong = row("kws", 10.0, {"a": 30.0})
        wrong["dunlin"]["cosine"] = 0.1
        self.assertIsNone(record.ratio(wrong))

    def test_the_mean_is_geometric_and_of_the_models_that_count(self):
        rows = [row("a", 1.0, {"p": 4.0}), row("b", 1.0, {"p": 1.0}), row("c", 1.0, {"p": 100.0}, in_mean=False)]
        self.assertAlmostEqual(record.mean_ratio(rows), 2.0)
        self.assertIsNone(record.mean_ratio([]))

    def test_goals_are_met_or_not(self):
        rows = [row("kws", 10.0, {"p": 20.0}), row("vww", 10.0, {"p": 14.0})]
        rows += [row("minilm-128", 100.0, {"p": 200.0}), row("minilm-16", 25.0, {"p": 50.0}, goal=None)]
        part = {"library_us": 0.0, "load_us": 100.0, "first_us": 1900.0, "growth_bytes": 10}
        dunlin = part | {"p50_us": 1000.0, "anonymous_bytes": 120, "planned_bytes": 100}
        found = record.goals(whole(rows, {"model": "m", "dunlin": dunlin, "litert": part | {"load_us": 9000.0}}))
        self.assertEqual([line["reached"] for line in found], [True, False, True, True, False, True, True, False])

    def test_the_table_has_all_rows_and_marks_wrong_peers(self):
        line = row("kws", 10.0, {"a": 20.0, "b": 12345.6})
        line["peers"]["a"]["cosine"] = 0.0
        text = record.markdown(whole([line]))
        self.assertIn("| kws int8 | 10 | (20) | 12346 | b | 1234.56 | 1.5 |", text)
        self.assertNotIn("Cold start", text)


if __name__ == "__main__":
    unittest.main()
