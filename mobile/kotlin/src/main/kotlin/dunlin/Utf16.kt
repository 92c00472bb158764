package dunlin

/** The text with U+FFFD in the place of each surrogate without its other half, which no UTF-8 has: as every language does it. */
internal fun String.wellFormed(): String {
    val lone = indices.firstOrNull { isLone(it) } ?: return this
    return buildString(length) {
        append(this@wellFormed, 0, lone)
        for (place in lone until this@wellFormed.length) append(if (this@wellFormed.isLone(place)) '\uFFFD' else this@wellFormed[place])
    }
}

private fun String.isLone(place: Int): Boolean {
    val char = this[place]
    return when {
        char.isHighSurrogate() -> getOrNull(place + 1)?.isLowSurrogate() != true
        char.isLowSurrogate() -> getOrNull(place - 1)?.isHighSurrogate() != true
        else -> false
    }
}
