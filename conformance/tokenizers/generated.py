"""Texts that no one would write: every character up to U+1FFFF, a sample of those beyond, and random mixtures."""

MIXTURES = 20_000
MASK = (1 << 64) - 1
# Ranges that mixtures are drawn from beside all of Unicode.
RANGES = [
    (0x20, 0x7E),
    (0x20, 0x2F),
    (0x61, 0x7A),
    (0xC0, 0x17F),
    (0x300, 0x36F),
    (0x391, 0x44F),
    (0x5D0, 0x64A),
    (0x900, 0x97F),
    (0x1100, 0x11FF),
    (0x2000, 0x206F),
    (0x4E00, 0x4EFF),
    (0xAC00, 0xAC7F),
    (0xFB00, 0xFB06),
    (0xFF01, 0xFF9F),
    (0x1F1E6, 0x1F1FF),
    (0x1F600, 0x1F64F),
    (0x09, 0x0D),
    (0xA8, 0xA9),
]


def split_mix(seed):
    """SplitMix64."""
    while True:
        seed = (seed + 0x9E3779B97F4A7C15) & MASK
        z = seed
        z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ z >> 27) * 0x94D049BB133111EB) & MASK
        yield z ^ z >> 31


def characters():
    """Sixteen characters a text, each behind a letter and before a space."""
    codes = [*range(1, 0x20000), *range(0x20000, 0x110000, 61)]
    codes = [code for code in codes if not 0xD800 <= code < 0xE000]
    for start in range(0, len(codes), 16):
        yield "".join(f"x{chr(code)} " for code in codes[start : start + 16])


def mixtures():
    numbers = split_mix(1)
    for _ in range(MIXTURES):
        text = []
        for _ in range(next(numbers) % 24 + 1):
            which, where = next(numbers) % (len(RANGES) + 1), next(numbers)
            first, last = RANGES[which] if which < len(RANGES) else (1, 0x10FFFF)
            code = first + where % (last - first + 1)
            text.append("-" if 0xD800 <= code < 0xE000 else chr(code))
        yield "".join(text)


def generated():
    yield from characters()
    yield from mixtures()
