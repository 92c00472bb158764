"""python3 -m unittest discover benches/peers"""

import unittest

import web_record


def result(time, first, **rest):
    return {"p50_us": time, "first_us": first, "top1": True, "cosine": 1.0, "runtime_bytes": 1000, "model_bytes": 10} | rest


def row(model, dunlin, peers, goals=(1.5, 3)):
    names = {"model": model, "precision": "int8", "goal": goals[0], "first_goal": goals[1]}
    return names | {"dunlin": result(*dunlin), "peers": {name: result(*times) for name, times in peers.items()}}


def whole(rows):
    return {
        "machine": {"cpu": "a CPU", "system": "a system", "date": "2026-01-01", "chromium": "1.2"},
        "versions": {"Dunlin": "1"},
        "settings": {"core": 1, "rounds": 3, "seconds": 1, "starts": 2, "turns": 6, "repeated": 2, "disturbed": 0, "tolerated": 1.15},
        "rows": rows,
    }


class WebRecord(unittest.TestCase):
    def test_each_time_has_its_own_best_peer(self):
        line = row("kws", (10.0, 100.0), {"litert": (20.0, 900.0), "rten": (90.0, 400.0)})
        self.assertEqual(web_record.best_peer(line, "p50_us"), ("litert", 20.0))
        self.assertEqual(web_record.best_peer(line, "first_us"), ("rten", 400.0))
        self.assertEqual(web_record.ratio(line, "p50_us"), 2.0)
        self.assertEqual(web_record.ratio(line, "first_us"), 4.0)

    def test_a_peer_with_another_answer_or_none_does_not_count(self):
        line = row("kws", (10.0, 100.0), {"litert": (5.0, 50.0), "rten": (30.0, 400.0)})
        line["peers"]["litert"]["cosine"] = 0.5
        line["peers"]["tflite"] = {"error": "no such model"}
        self.assertEqual(web_record.best_peer(line, "p50_us"), ("rten", 30.0))

    def test_without_a_right_answer_there_is_no_ratio(self):
        self.assertIsNone(web_record.ratio(row("kws", (10.0, 100.0), {}), "p50_us"))
        wrong = row("kws", (10.0, 100.0), {"rten": (30.0, 400.0)})
        wrong["dunlin"]["cosine"] = 0.1
        self.assertIsNone(web_record.ratio(wrong, "p50_us"))

    def test_goals_are_met_or_not(self):
        rows = [row("kws", (10.0, 100.0), {"litert": (20.0, 290.0)}), row("vww", (10.0, 100.0), {"litert": (14.0, 310.0)})]
        rows.append(row("resnet8", (10.0, 100.0), {"litert": (1.0, 1.0)}, (None, None)))
        found = web_record.goals(whole(rows))
        self.assertEqual([line["reached"] for line in found], [True, False, False, True, True])
        rows[2]["dunlin"]["runtime_bytes"] = web_record.MOST_BYTES + 1
        self.assertFalse(web_record.goals(whole(rows))[-1]["reached"])

    def test_the_tables_have_all_rows_and_mark_wrong_peers(self):
        line = row("kws", (10.0, 100_000.0), {"rten": (12345.6, 2_000_000.0), "litert": (20.0, 900_000.0)})
        line["peers"]["litert"]["cosine"] = 0.0
        line["peers"]["tflite"] = {"error": "no such model"}
        text = web_record.markdown(whole([line]))
        self.assertIn("| model | Dunlin | LiteRT.js | tfjs-tflite | rten | best peer | × | goal |", text)
        self.assertIn("| kws | 10 | (20) | – | 12346 | rten | 1234.56 | 1.5 |", text)
        self.assertIn("| kws | 100 | (900) | – | 2000 | rten | 20.00 | 3 |", text)
        self.assertIn("| rten | 1,000 | 1.0 |", text)
        self.assertNotIn("| tfjs-tflite | ", text.split("## Bytes")[1])


if __name__ == "__main__":
    unittest.main()
