"""Texts as someone writes them who wants to get past a filter: what a person still reads, with other characters.

Each attack changes a share of a text's words, drawn with a seed, so that the same texts give the same attacked ones.
"""

import random

INVISIBLE = "\u200b\u200c\u200d\u2060\u00ad"  # zero-width space and joiners, word joiner, soft hyphen
CYRILLIC = dict(zip("aceopxyijsABCEHIKMOPTXSJ", "асеорхуіјѕАВСЕНІКМОРТХЅЈ"))
GREEK = dict(zip("ovABEZHIKMNOPTYX", "ονΑΒΕΖΗΙΚΜΝΟΡΤΥΧ"))
DIGITS = dict(zip("aeiostAEIOST", "431057431057"))
SIGNS = {**DIGITS, **dict(zip("aisAIS", "@!$@!$"))}
BETWEEN = " .-_*"


def zero_width(word, rng):
    """Invisible characters between all letters."""
    return rng.choice(INVISIBLE).join(word)


def homoglyph(word, rng):
    """Half of the letters that have a look-alike in another script, Cyrillic or Greek."""
    table = rng.choice([CYRILLIC, CYRILLIC, GREEK])
    return "".join(table.get(c, c) if rng.random() < 0.5 else c for c in word)


def fullwidth(word, rng):
    """All characters of ASCII as wide ones."""
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in word)


def leet(word, rng):
    """Most letters that have one as a digit or a sign that looks like them."""
    if not word.isalpha():
        return word
    table = rng.choice([DIGITS, SIGNS])
    return "".join(table.get(c, c) if rng.random() < 0.7 else c for c in word)


def spacing(word, rng):
    """Words of four letters and more, with a space or a sign between all letters."""
    return rng.choice(BETWEEN).join(word) if len(word) > 3 and word.isalpha() else word


ATTACKS = {"zero-width": zero_width, "homoglyph": homoglyph, "fullwidth": fullwidth, "leet": leet, "spacing": spacing}


def attacked(texts, name, share, seed):
    """The texts, with about `share` of their words changed by the attack of that name."""
    rng, attack = random.Random(f"{name} {share} {seed}"), ATTACKS[name]
    return [" ".join(attack(word, rng) if rng.random() < share else word for word in text.split(" ")) for text in texts]
