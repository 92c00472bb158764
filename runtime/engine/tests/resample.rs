//! Image preprocessing against Pillow: every byte of every case of `make_resample_fixtures.py`.

use std::collections::HashMap;
use std::error::Error;
use std::io::Cursor;

use dunlin_engine::task::{Color, Filter, Fit, ImagePreparer, ImageSpec, PixelFormat, Pixels, identity_table};

const CASES: &str = include_str!("fixtures/resample.txt");
const BYTES: &[u8] = include_bytes!("fixtures/resample.bin");
const CHELSEA: &[u8] = include_bytes!("../../../models/pictures/chelsea.png");
const COFFEE: &[u8] = include_bytes!("fixtures/coffee.png");
const HORSE: &[u8] = include_bytes!("../../../models/pictures/horse.png");
const ROCKET: &[u8] = include_bytes!("fixtures/rocket.jpg");

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

#[test]
fn synthetic_pictures_become_the_bytes_of_pillow() -> Outcome {
    let count = check(|case| !case.source.contains('.'), 0)?;
    assert!(count > 400, "only {count} cases");
    Ok(())
}

#[test]
fn png_photographs_become_the_bytes_of_pillow() -> Outcome {
    assert_eq!(check(|case| case.source.ends_with(".png"), 0)?, 24);
    Ok(())
}

#[test]
fn jpeg_photographs_become_the_bytes_of_pillow_but_for_the_decoder() -> Outcome {
    assert_eq!(check(|case| case.source.ends_with(".jpg"), 1)?, 4);
    Ok(())
}

#[test]
fn pixels_become_floats_channel_by_channel() -> Outcome {
    let [scale, offset] = [[0.5, 2.0, 4.0], [1.0, -3.0, 0.25]];
    let spec = |color| ImageSpec { scale, offset, ..squeeze(2, 1, color) };
    let rgb = Pixels::new(&[10, 20, 30, 40, 50, 60], 2, 1, PixelFormat::Rgb8)?;
    let gray = Pixels::new(&[10, 20], 2, 1, PixelFormat::Gray8)?;
    let cases: [(_, _, _, &[f32]); 5] = [
        ("rgb", Color::Rgb, rgb, &[6.0, 37.0, 120.25, 21.0, 97.0, 240.25]),
        ("bgr", Color::Bgr, rgb, &[16.0, 37.0, 40.25, 31.0, 97.0, 160.25]),
        ("luma of rgb", Color::Gray, rgb, &[10.0, 25.0]),
        ("gray as rgb", Color::Rgb, gray, &[6.0, 17.0, 40.25, 11.0, 37.0, 80.25]),
        ("gray", Color::Gray, gray, &[6.0, 11.0]),
    ];
    for (name, color, pixels, expected) in cases {
        let mut preparer = ImagePreparer::new(spec(color))?;
        let mut tensor = vec![0.0; expected.len()];
        preparer.prepare(&pixels).to_f32(&mut tensor)?;
        assert_eq!(tensor, expected, "{name}");
    }
    Ok(())
}

#[test]
fn tables_apply_to_the_channels_of_the_tensor() -> Outcome {
    let pixels = Pixels::new(&[10, 20, 30, 99], 1, 1, PixelFormat::Rgba8)?;
    let mut negated = identity_table();
    negated.reverse();
    let tables = [identity_table(), negated, [7; 256]];
    for (color, expected) in [(Color::Rgb, [10, 235, 7]), (Color::Bgr, [30, 235, 7])] {
        let mut tensor = [0; 3];
        let mut preparer = ImagePreparer::new(squeeze(1, 1, color))?;
        preparer.prepare(&pixels).to_u8(&tables, &mut tensor)?;
        assert_eq!(tensor, expected, "{color:?}");
    }
    Ok(())
}

#[test]
fn refuses_a_tensor_of_another_size() -> Outcome {
    let pixels = Pixels::new(&[10, 20, 30], 1, 1, PixelFormat::Rgb8)?;
    let mut preparer = ImagePreparer::new(squeeze(2, 2, Color::Rgb))?;
    let prepared = preparer.prepare(&pixels);
    let tables = [identity_table(); 3];
    assert!(prepared.to_f32(&mut [0.0; 11]).is_err());
    assert!(prepared.to_u8(&tables, &mut [0; 13]).is_err());
    assert!(prepared.to_u8(&tables[..1], &mut [0; 12]).is_err());
    assert!(prepared.to_u8(&tables, &mut [0; 12]).is_ok());
    Ok(())
}

#[test]
fn a_preparer_has_no_memory_of_the_pictures_before() -> Outcome {
    let spec = ImageSpec { fit: Fit::CenterCrop { permille: 875 }, ..squeeze(16, 12, Color::Rgb) };
    let mut used = ImagePreparer::new(spec)?;
    let sizes = [(40, 30, 3), (30, 40, 4), (7, 5, 1), (300, 2, 3), (40, 30, 3), (40, 30, 1)];
    for (width, height, channels) in sizes {
        let data = noise(width, height, channels);
        let format = [PixelFormat::Gray8, PixelFormat::Rgb8, PixelFormat::Rgba8][[0, 0, 0, 1, 2][channels]];
        let pixels = Pixels::new(&data, width as u32, height as u32, format)?;
        let mut fresh = ImagePreparer::new(spec)?;
        assert_eq!(bytes(&mut used, &pixels)?, bytes(&mut fresh, &pixels)?, "{pixels:?}");
    }
    Ok(())
}

#[test]
fn the_longest_sides_stay_in_range() -> Outcome {
    let white = vec![255; 1 << 16];
    for filter in [Filter::Nearest, Filter::Bilinear, Filter::Bicubic] {
        for (width, height) in [(1, 1 << 16), (1 << 16, 1)] {
            let pixels = Pixels::new(&white, width, height, PixelFormat::Gray8)?;
            for fit in [Fit::Squeeze, Fit::CenterCrop { permille: 250 }] {
                let spec = ImageSpec { fit, filter, ..squeeze(3, 2, Color::Gray) };
                let made = bytes(&mut ImagePreparer::new(spec)?, &pixels)?;
                assert_eq!(made, [255; 6], "{filter:?} {fit:?} {pixels:?}");
            }
        }
    }
    Ok(())
}

/// One line of the fixture.
struct Case<'a> {
    line: &'a str,
    source: &'a str,
    format: PixelFormat,
    size: (usize, usize),
    spec: ImageSpec,
    hash: u64,
    /// Kept for some: the rest have the hash alone.
    bytes: Option<&'a [u8]>,
}

impl<'a> Case<'a> {
    /// Reads a line, and its bytes off the front of `kept`.
    fn parse(line: &'a str, kept: &mut &'a [u8]) -> Outcome<Self> {
        let words: Vec<&str> = line.split(' ').collect();
        let [source, format, width, height, color, filter, fit, columns, rows, hash, ref tail @ ..] = words[..] else {
            return Err(format!("too few words: {line}").into());
        };
        let spec = ImageSpec {
            fit: match fit {
                "squeeze" => Fit::Squeeze,
                permille => Fit::CenterCrop { permille: permille.parse()? },
            },
            filter: named(
                filter,
                [("nearest", Filter::Nearest), ("bilinear", Filter::Bilinear), ("bicubic", Filter::Bicubic)],
            )?,
            ..squeeze(columns.parse()?, rows.parse()?, named(color, [("gray", Color::Gray), ("rgb", Color::Rgb)])?)
        };
        let bytes = match tail {
            ["bytes"] => kept.split_off(..spec.len()),
            _ => None,
        };
        Ok(Self {
            line,
            source,
            format: named(
                format,
                [("gray8", PixelFormat::Gray8), ("rgb8", PixelFormat::Rgb8), ("rgba8", PixelFormat::Rgba8)],
            )?,
            size: (width.parse()?, height.parse()?),
            spec,
            hash: u64::from_str_radix(hash, 16)?,
            bytes,
        })
    }

    fn picture(&self) -> Outcome<Vec<u8>> {
        let (width, height) = self.size;
        let channels = self.format.bytes();
        match self.source {
            "noise" => Ok(noise(width, height, channels)),
            "gradient" => Ok(paint(self.size, channels, |x, y, c| 255 * x / width + 255 * y / height * (c + 1) / 4)),
            "checker" => Ok(paint(self.size, channels, |x, y, c| ((x / 3 + y / 2 + c) & 1) * 255)),
            "chelsea.png" => decode_png(CHELSEA),
            "coffee.png" => decode_png(COFFEE),
            "horse.png" => decode_png(HORSE),
            "rocket.jpg" => Ok(zune_jpeg::JpegDecoder::new(Cursor::new(ROCKET)).decode()?),
            other => Err(format!("unknown picture {other}").into()),
        }
    }
}

/// Prepares every case that is `wanted` and compares, within `tolerance` levels where bytes are kept. Returns how
/// many there were.
fn check(wanted: impl Fn(&Case<'_>) -> bool, tolerance: u8) -> Outcome<usize> {
    let mut kept = BYTES;
    let mut pictures = HashMap::new();
    let mut count = 0;
    for line in CASES.lines().skip(1) {
        let case = Case::parse(line, &mut kept)?;
        if !wanted(&case) {
            continue;
        }
        let data = match pictures.entry((case.source, case.size, case.format.bytes())) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => entry.insert(case.picture()?),
        };
        let pixels = Pixels::new(data, case.size.0 as u32, case.size.1 as u32, case.format)?;
        let made = bytes(&mut ImagePreparer::new(case.spec)?, &pixels)?;
        if let Some(expected) = case.bytes {
            let furthest = made.iter().zip(expected).map(|(a, b)| a.abs_diff(*b)).max();
            assert!(furthest <= Some(tolerance), "{furthest:?} levels off: {line}");
        }
        if tolerance == 0 {
            assert_eq!(fnv1a(&made), case.hash, "{}", case.line);
        }
        count += 1;
    }
    assert!(kept.is_empty(), "{} bytes belong to no case", kept.len());
    Ok(count)
}

fn bytes(preparer: &mut ImagePreparer, pixels: &Pixels<'_>) -> Outcome<Vec<u8>> {
    let spec = *preparer.spec();
    let mut tensor = vec![0; spec.len()];
    let tables = [identity_table(); 3];
    preparer.prepare(pixels).to_u8(&tables[..spec.color.channels()], &mut tensor)?;
    Ok(tensor)
}

fn squeeze(width: u32, height: u32, color: Color) -> ImageSpec {
    let [scale, offset] = [[1.0; 3], [0.0; 3]];
    ImageSpec { width, height, color, fit: Fit::Squeeze, filter: Filter::Bilinear, scale, offset }
}

fn named<T, const N: usize>(name: &str, values: [(&str, T); N]) -> Outcome<T> {
    let found = values.into_iter().find(|(known, _)| *known == name);
    found.map(|(_, value)| value).ok_or_else(|| format!("unknown word {name}").into())
}

fn paint((width, height): (usize, usize), channels: usize, byte: impl Fn(usize, usize, usize) -> usize) -> Vec<u8> {
    let of = |i: usize| byte(i / channels % width, i / channels / width, i % channels) as u8;
    (0..width * height * channels).map(of).collect()
}

/// Splitmix64 seeded with the picture's size, its outputs as little-endian bytes.
fn noise(width: usize, height: usize, channels: usize) -> Vec<u8> {
    let count = width * height * channels;
    let mut state = (width as u64) << 32 | (height << 8 | channels) as u64;
    let mut data = Vec::with_capacity(count + 8);
    while data.len() < count {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        data.extend((z ^ z >> 31).to_le_bytes());
    }
    data.truncate(count);
    data
}

fn decode_png(file: &[u8]) -> Outcome<Vec<u8>> {
    let mut reader = png::Decoder::new(Cursor::new(file)).read_info()?;
    let mut data = vec![0; reader.output_buffer_size().ok_or("too large")?];
    let frame = reader.next_frame(&mut data)?;
    data.truncate(frame.buffer_size());
    Ok(data)
}

fn fnv1a(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}
