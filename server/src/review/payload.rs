//! What a reviewer is shown.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use dunlin_protocol::oip::Input;
use serde_json::{Value, json};

/// An input as it is kept.
pub(super) struct Payload {
    /// `text`, `image` or `logits`.
    pub kind: String,
    /// Of a picture its rows and columns, of logits how many.
    pub shape: String,
    /// UTF-8, three bytes a pixel, or little-endian floats.
    pub bytes: Vec<u8>,
}

impl Payload {
    pub(super) fn of(input: &Input) -> Self {
        let (kind, shape, bytes) = match input {
            Input::Text(text) => ("text", String::new(), text.clone().into_bytes()),
            Input::Image { height, width, pixels } => ("image", format!("{height}x{width}"), pixels.clone()),
            Input::Features(logits) => {
                ("logits", logits.len().to_string(), logits.iter().flat_map(|logit| logit.to_le_bytes()).collect())
            }
        };
        Self { kind: kind.to_owned(), shape, bytes }
    }

    /// The text, if it is one.
    pub(super) fn text(&self) -> Option<String> {
        (self.kind == "text").then(|| String::from_utf8_lossy(&self.bytes).into_owned())
    }

    /// As JSON: `text`, a `picture` as an address with the PNG in it, or `logits`.
    pub(super) fn json(&self) -> (&'static str, Value) {
        match self.kind.as_str() {
            "image" => ("picture", json!(self.picture())),
            "logits" => {
                let logits = self.bytes.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes));
                ("logits", json!(logits.collect::<Vec<_>>()))
            }
            _ => ("text", json!(String::from_utf8_lossy(&self.bytes))),
        }
    }

    fn picture(&self) -> Option<String> {
        let (height, width) = self.shape.split_once('x')?;
        let png = png(height.parse().ok()?, width.parse().ok()?, &self.bytes);
        Some(format!("data:image/png;base64,{}", BASE64_STANDARD.encode(png)))
    }
}

/// A PNG of three bytes a pixel, not compressed: it is shown once and thrown away.
fn png(height: u32, width: u32, pixels: &[u8]) -> Vec<u8> {
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
    chunk(&mut png, *b"IHDR", &header);
    let rows = pixels.chunks_exact((width as usize * 3).max(1));
    let raw: Vec<u8> = rows.flat_map(|row| std::iter::once(0).chain(row.iter().copied())).collect();
    let mut zlib = vec![0x78, 0x01];
    let blocks = raw.chunks(0xffff);
    let last = blocks.len().saturating_sub(1);
    for (index, block) in blocks.enumerate() {
        let length = block.len() as u16;
        zlib.push(u8::from(index == last));
        zlib.extend(length.to_le_bytes());
        zlib.extend((!length).to_le_bytes());
        zlib.extend(block);
    }
    zlib.extend(adler32(&raw).to_be_bytes());
    chunk(&mut png, *b"IDAT", &zlib);
    chunk(&mut png, *b"IEND", &[]);
    png
}

fn chunk(png: &mut Vec<u8>, kind: [u8; 4], data: &[u8]) {
    png.extend((data.len() as u32).to_be_bytes());
    let begun = png.len();
    png.extend(kind);
    png.extend(data);
    let sum = crc32(&png[begun..]);
    png.extend(sum.to_be_bytes());
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |sum: u32, &byte: &u8| (0..8).fold(sum ^ u32::from(byte), |sum, _| sum >> 1 ^ (0xedb8_8320 * (sum & 1)));
    !bytes.iter().fold(!0, step)
}

fn adler32(bytes: &[u8]) -> u32 {
    let (a, b) = bytes.iter().fold((1, 0), |(a, b), &byte| {
        let a = (a + u32::from(byte)) % 65521;
        (a, (b + a) % 65521)
    });
    b << 16 | a
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_the_standards() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(adler32(b"Wikipedia"), 0x11e6_0398);
        assert_eq!(crc32(b"IEND"), 0xae42_6082);
    }

    #[test]
    fn a_picture_of_many_blocks_has_them_all() {
        let png = png(200, 200, &[7; 200 * 200 * 3]);
        // Signature, three chunks' frames, header, zlib's frame, two blocks' frames, rows.
        assert_eq!(png.len(), 8 + 3 * 12 + 13 + 6 + 2 * 5 + 200 * 601);
    }
}
