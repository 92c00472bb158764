//! The shipped pictures' pixels in each format.

use std::fs::{self, File};
use std::io::BufReader;
use std::sync::Once;

use crate::vectors::root;

/// Writes `target/conformance/NAME.FORMAT` for each picture and format.
pub fn write() {
    static WRITTEN: Once = Once::new();
    WRITTEN.call_once(|| ["chelsea", "horse"].into_iter().for_each(write_picture));
}

fn write_picture(name: &str) {
    let rgba = decode(name);
    let rgb = rgba.iter().flat_map(|&[r, g, b, _]| [r, g, b]).collect();
    let grey = rgba.iter().map(luma).collect();
    let folder = root().join("target/conformance");
    fs::create_dir_all(&folder).expect("a folder can be made");
    for (format, bytes) in [("rgba8", rgba.concat()), ("rgb8", rgb), ("gray8", grey)] {
        // Renamed, for a reader in another process sees all of it or nothing.
        let part = folder.join(format!("{name}.{format}.{}", std::process::id()));
        fs::write(&part, bytes).expect("a file can be written");
        fs::rename(part, folder.join(format!("{name}.{format}"))).expect("a file can be renamed");
    }
}

/// Pixels with alpha, which is full where the file has none.
fn decode(name: &str) -> Vec<[u8; 4]> {
    let file = File::open(root().join("models/pictures").join(name).with_extension("png")).expect("a shipped picture");
    let mut reader = png::Decoder::new(BufReader::new(file)).read_info().expect("a PNG");
    let mut bytes = vec![0; reader.output_buffer_size().expect("a small picture")];
    let frame = reader.next_frame(&mut bytes).expect("a whole PNG");
    assert_eq!(frame.bit_depth, png::BitDepth::Eight, "{name}");
    match frame.color_type {
        png::ColorType::Rgb => bytes.as_chunks().0.iter().map(|&[r, g, b]| [r, g, b, 255]).collect(),
        png::ColorType::Rgba => bytes.as_chunks().0.to_vec(),
        other => panic!("{name} is of type {other:?}"),
    }
}

/// ITU-R 601 in 16-bit fixed point.
fn luma(&[r, g, b, _]: &[u8; 4]) -> u8 {
    ((19595 * u32::from(r) + 38470 * u32::from(g) + 7471 * u32::from(b) + 0x8000) >> 16) as u8
}
