"""From measurements to what they say: the best peer, ratios, goals, and the record as Markdown. No package is needed.

A record is what `compare.py` writes as JSON: `machine`, `versions`, `settings`, `rows` and `cold`. A row is a model in one
precision: `model`, `precision`, `goal`, `in_mean`, `macs`, `dunlin` and `peers`, each with `p50_us`, `top1` and `cosine`, or an `error`.
"""

from math import exp, log

#: A runtime whose outputs are less like ONNX Runtime's than this computed something else: its time doesn't count.
COSINE = 0.97

#: What the cold start of the model for it may take beyond an answer of a warm session, in µs.
COLD_BEYOND_US = 3000

#: How many times as fast as LiteRT's the cold start is to be.
COLD_RATIO = 5

#: What a process may grow beyond the planned arena and the mapped file.
MEMORY_RATIO = 1.1

#: The geometric mean over the int8 models.
MEAN_RATIO = 1.5

#: What a short text may take of the time of a long one.
SHORT_TEXT = 0.2


def counts(result):
    """Whether a time is one of the right answer."""
    return "p50_us" in result and result.get("cosine", 0) >= COSINE


def best_peer(row):
    """Name and time of the fastest peer that computes the same; `None` when there is none."""
    times = {name: result["p50_us"] for name, result in row["peers"].items() if counts(result)}
    return min(times.items(), key=lambda item: item[1], default=None)


def ratio(row):
    """How many times as fast as the best peer Dunlin is; `None` without either."""
    best = best_peer(row)
    return best[1] / row["dunlin"]["p50_us"] if best and counts(row["dunlin"]) else None


def mean_ratio(rows):
    """The geometric mean of the ratios of those rows that count in it; `None` without any."""
    ratios = [ratio(row) for row in rows if row["in_mean"]]
    ratios = [value for value in ratios if value]
    return exp(sum(map(log, ratios)) / len(ratios)) if ratios else None


def goals(record):
    """What was to be reached: (what, goal, value, whether), where something was measured."""
    found = []

    def goal(what, wanted, value, text, reached):
        found.append({"what": what, "goal": wanted, "value": text.format(value), "reached": reached})

    for row in record["rows"]:
        value = ratio(row)
        if value and row["goal"]:
            what = f"{row['model']} {row['precision']} beside the best peer"
            goal(what, f"≥ {row['goal']:.1f} ×", value, "{:.2f} ×", value >= row["goal"])
    mean = mean_ratio(record["rows"])
    if mean:
        goal("geometric mean of int8 models", f"≥ {MEAN_RATIO} ×", mean, "{:.2f} ×", mean >= MEAN_RATIO)
    times = {row["model"]: row["dunlin"].get("p50_us") for row in record["rows"]}
    if times.get("minilm-16") and times.get("minilm-128"):
        share = times["minilm-16"] / times["minilm-128"]
        goal("16 tokens of 128", f"≤ {SHORT_TEXT} of the time", share, "{:.3f}", share <= SHORT_TEXT)
    _cold_goals(record.get("cold") or {}, goal)
    return found


def _cold_goals(cold, goal):
    """Of the cold start: `cold` has a result for each runtime, and Dunlin's own figures."""
    dunlin = cold.get("dunlin")
    if not dunlin:
        return
    beyond = total(dunlin) - dunlin["p50_us"]
    goal("cold start beyond a warm answer", f"≤ {COLD_BEYOND_US} µs", beyond, "{:.0f} µs", beyond <= COLD_BEYOND_US)
    if cold.get("litert"):
        times = total(cold["litert"]) / total(dunlin)
        goal("cold start beside LiteRT", f"≥ {COLD_RATIO} ×", times, "{:.1f} ×", times >= COLD_RATIO)
    if dunlin.get("anonymous_bytes"):
        share = dunlin["anonymous_bytes"] / dunlin["planned_bytes"]
        wanted = f"≤ {MEMORY_RATIO} of the planned {dunlin['planned_bytes']:,} bytes"
        goal("memory beyond the mapped file", wanted, share, "{:.3f}", share <= MEMORY_RATIO)


def total(cold):
    """Library, model and first answer, in µs."""
    return cold["library_us"] + cold["load_us"] + cold["first_us"]


def markdown(record):
    """The record for people."""
    machine, settings = record["machine"], record["settings"]
    versions = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
    lines = [
        f"# Beside other runtimes: {machine['cpu']}, {machine['date']}",
        "",
        f"{machine['system']}; {versions}. One thread pinned to core {settings['core']}, batch 1, single stream. Every",
        f"runtime stays loaded while all take turns. {turns(settings)}",
        f"A peer in brackets answers otherwise than ONNX Runtime (cosine below {COSINE}) and doesn't count. × is the best peer's time over Dunlin's: above",
        "1, Dunlin is faster.",
        "",
        *_times(record["rows"]),
        "",
        *_cold(record.get("cold") or {}),
        *goals_table(goals(record)),
    ]
    return "\n".join(lines) + "\n"


def turns(settings):
    """How the time of a warm inference was found, in a paragraph's sentences."""
    return (
        f"There are {settings['rounds']} rounds of {settings['seconds']} s; the time is the p50 of the best round, in µs. A turn counts where the core was as fast\n"
        f"before and after it as in its best moments, within {settings['tolerated'] - 1:.0%}, and is taken again otherwise: {settings['repeated']} times for "
        f"{settings['turns']} turns, of which\n{settings['disturbed']} found no quiet moment."
    )


def goals_table(goals):
    """The section of goals and what was reached."""
    yield from ["## Goals", "", "| what | goal | reached | |", "|---|---|---:|---|"]
    for line in goals:
        yield f"| {line['what']} | {line['goal']} | {line['value']} | {'yes' if line['reached'] else '**no**'} |"


def _times(rows):
    peers = sorted({name for row in rows for name in row["peers"]})
    yield "| model | Dunlin | " + " | ".join(peers) + " | best peer | × | goal |"
    yield "|---|---:|" + "---:|" * len(peers) + "---|---:|---:|"
    for row in rows:
        best, value = best_peer(row), ratio(row)
        cells = [_time(row["peers"].get(name, {})) for name in peers]
        ends = [best[0] if best else "", f"{value:.2f}" if value else "", f"{row['goal']:.1f}" if row["goal"] else ""]
        yield "| " + " | ".join([f"{row['model']} {row['precision']}", _time(row["dunlin"]), *cells, *ends]) + " |"


def _time(result):
    if "p50_us" not in result:
        return "–"
    text = f"{result['p50_us']:.4g}" if result["p50_us"] < 1000 else f"{result['p50_us']:.0f}"
    return text if counts(result) else f"({text})"


def _cold(cold):
    if not cold:
        return
    yield f"## Cold start of {cold['model']}"
    yield ""
    yield "A fresh process, the file in the system's cache: library, model, first answer, in ms; by how much the process grew"
    yield "meanwhile. Dunlin is part of its program, so that its library takes no time; its growth counts the touched part of the file."
    yield ""
    yield "| runtime | library | model | first answer | together | memory in MB |"
    yield "|---|---:|---:|---:|---:|---:|"
    results = {name: result for name, result in cold.items() if isinstance(result, dict)}
    for name, result in sorted(results.items(), key=lambda item: total(item[1])):
        times = [result[part] for part in ("library_us", "load_us", "first_us")] + [total(result)]
        cells = [f"{time / 1000:.2f}" for time in times] + [f"{result['growth_bytes'] / 1e6:.1f}"]
        yield f"| {name} | " + " | ".join(cells) + " |"
    yield ""
