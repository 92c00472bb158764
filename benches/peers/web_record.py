"""What the measurements in Chromium say: best peers, ratios, goals, and the record as Markdown. No package is needed.

A record is what `web.py` writes as JSON: `machine`, `versions`, `settings` and `rows`. A row is a model: `model`, `goal`, `first_goal`, `dunlin`
and `peers`, each with `p50_us`, `first_us`, `runtime_bytes`, `model_bytes`, `top1` and `cosine`, or an `error`.
"""

import record

#: Models with goals, and how many times as fast as the best peer Dunlin is to be on them: warm, and from navigation to the first answer.
GOALS = ("kws", "vww", "mnv1", "mnv2")
RATIO, FIRST_RATIO = 1.5, 3

#: Bytes that may be transferred before a picture can be classified, but for the model.
MOST_BYTES = 150_000

#: What the tables call the runtimes.
TITLES = {
    "onnxruntime": "ONNX Runtime Web",
    "litert": "LiteRT.js",
    "litert-patched": "LiteRT.js, patched",
    "tflite": "tfjs-tflite",
    "rten": "rten",
}


def best_peer(row, key):
    """Name and time of the fastest peer that computes the same; `None` when there is none."""
    times = {name: result[key] for name, result in row["peers"].items() if record.counts(result)}
    return min(times.items(), key=lambda item: item[1], default=None)


def ratio(row, key):
    """How many times as fast as the best peer Dunlin is; `None` without either."""
    best = best_peer(row, key)
    return best[1] / row["dunlin"][key] if best and record.counts(row["dunlin"]) else None


def goals(found):
    """What was to be reached, as in `record.goals`."""
    lines = []

    def goal(what, wanted, text, reached):
        lines.append({"what": what, "goal": wanted, "value": text, "reached": reached})

    for key, limit, what in (("p50_us", "goal", "beside the best peer"), ("first_us", "first_goal", "first answer beside the best peer's")):
        for row in found["rows"]:
            value, wanted = ratio(row, key), row[limit]
            if value and wanted:
                goal(f"{row['model']}, {what}", f"≥ {wanted} ×", f"{value:.2f} ×", value >= wanted)
    sizes = [row["dunlin"]["runtime_bytes"] for row in found["rows"] if "runtime_bytes" in row["dunlin"]]
    if sizes:
        goal("bytes transferred, model excluded", f"≤ {MOST_BYTES:,}", f"{max(sizes):,}", max(sizes) <= MOST_BYTES)
    return lines


def markdown(found):
    """The record for people."""
    machine, settings = found["machine"], found["settings"]
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    lines = [
        f"# In the browser, beside other runtimes: {machine['cpu']}, {machine['date']}",
        "",
        f"{machine['system']}; headless Chromium {machine['chromium']}; {versions}. WebAssembly, one thread, batch 1, pages that aren't cross-origin isolated.",
        f"Each runtime has a page and a process of its own. A runtime in brackets answers otherwise than ONNX Runtime (cosine below {record.COSINE}) and doesn't",
        "count; LiteRT.js as published refuses int8 inputs, and *patched* has the one line that it lacks. × is the best peer's time over Dunlin's: above 1, Dunlin is",
        "faster.",
        "",
        "## A warm inference",
        "",
        f"All take turns on core {settings['core']}. {record.turns(settings)}",
        "",
        *_table(found["rows"], "p50_us", "goal", 1),
        "",
        "## From navigation to the first answer",
        "",
        f"A fresh page without a cache, from a server on this machine that sends programs gzipped: the fastest of {settings['starts']} by turns, in ms, on all cores.",
        "",
        *_table(found["rows"], "first_us", "first_goal", 1000),
        "",
        "## Bytes transferred",
        "",
        *_bytes(found["rows"]),
        "",
        *record.goals_table(goals(found)),
    ]
    return "\n".join(lines) + "\n"


def _peers(rows):
    """All peers of the rows, in the order of the titles."""
    names = {name for row in rows for name in row["peers"]}
    return sorted(names, key=list(TITLES).index)


def _table(rows, key, goal, unit):
    peers = _peers(rows)
    yield "| model | Dunlin | " + " | ".join(TITLES[name] for name in peers) + " | best peer | × | goal |"
    yield "|---|---:|" + "---:|" * len(peers) + "---|---:|---:|"
    for row in rows:
        best, value = best_peer(row, key), ratio(row, key)
        cells = [_time(result, key, unit) for result in (row["dunlin"], *(row["peers"].get(name, {}) for name in peers))]
        ends = [TITLES[best[0]] if best else "", f"{value:.2f}" if value else "", str(row[goal] or "")]
        yield "| " + " | ".join([row["model"], *cells, *ends]) + " |"


def _time(result, key, unit):
    if key not in result:
        return "–"
    time = result[key] / unit
    text = f"{time:.4g}" if time < 1000 else f"{time:.0f}"
    return text if record.counts(result) else f"({text})"


def _bytes(rows):
    """What each runtime takes, at most, and the models of each kind."""
    yield "What a page loads before its first answer, at most, programs gzipped."
    yield ""
    yield "| runtime | bytes | × |"
    yield "|---|---:|---:|"
    dunlin = max((row["dunlin"].get("runtime_bytes", 0) for row in rows), default=0)
    yield f"| Dunlin | {dunlin:,} | |"
    for name in _peers(rows):
        size = max((row["peers"].get(name, {}).get("runtime_bytes", 0) for row in rows), default=0)
        if size:
            yield f"| {TITLES[name]} | {size:,} | {size / dunlin:.1f} |" if dunlin else f"| {TITLES[name]} | {size:,} | |"
