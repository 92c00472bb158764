//! SentencePiece's precompiled character map: the length of a double array, the array, and strings.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The units of the array, which is laid out as `dunlin-text` reads one, and the strings.
pub(super) fn read(encoded: &str) -> Result<(Vec<u32>, String), String> {
    let bytes = STANDARD.decode(encoded).map_err(|error| error.to_string())?;
    let (len, rest) = bytes.split_first_chunk::<4>().ok_or("is cut off")?;
    let (units, strings) = rest.split_at_checked(u32::from_le_bytes(*len) as usize).ok_or("is cut off")?;
    let (units, over) = units.as_chunks::<4>();
    if !over.is_empty() {
        return Err("has an array of parts of words".to_owned());
    }
    let strings = String::from_utf8(strings.to_vec()).map_err(|_| "has strings that aren't UTF-8")?;
    Ok((units.iter().map(|&unit| u32::from_le_bytes(unit)).collect(), strings))
}
