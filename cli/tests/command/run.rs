use std::path::{Path, PathBuf};

use dunlin_compiler::npz::{Array, Npz, NpzWriter};

use crate::{dunlin, folder, shipped};

/// Pixels of the shipped model's input.
const COUNT: usize = 32 * 32 * 3;

fn write(path: &Path, arrays: &[(&str, Array)]) {
    let mut writer = NpzWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, array) in arrays {
        writer.add(name, array).expect("memory takes it");
    }
    std::fs::write(path, writer.finish().expect("memory takes it").into_inner()).expect("writable");
}

fn read(path: &Path) -> Array {
    let mut npz = Npz::open(path).expect("written by the command");
    let names = npz.names();
    assert_eq!(names.len(), 1);
    npz.array(&names[0]).expect("readable").expect("there")
}

fn value(row: usize, pixel: usize, channel: usize) -> f32 {
    ((row * 7919 + pixel * 31 + channel * 101) % 256) as f32 / 64.0 - 2.0
}

/// The same two pictures, channels last and channels first.
fn pictures() -> (Array, Array) {
    let last: Vec<f32> = (0..2 * COUNT).map(|i| value(i / COUNT, i % COUNT / 3, i % 3)).collect();
    let first: Vec<f32> = (0..2 * COUNT).map(|i| value(i / COUNT, i % 1024, i % COUNT / 1024)).collect();
    (Array::f32s(&[2, 32, 32, 3], &last), Array::f32s(&[2, 3, 32, 32], &first))
}

fn run(dir: &Path, array: Array) -> Array {
    run_on("1", dir, array)
}

fn run_on(threads: &str, dir: &Path, array: Array) -> Array {
    let (input, output): (PathBuf, PathBuf) = (dir.join("x.npz"), dir.join("y.npz"));
    write(&input, &[("input", array)]);
    dunlin!("run", shipped(), "--input", input, "--output", output, "--threads", threads).success();
    read(&output)
}

#[test]
fn batches_run_one_by_one_in_either_layout() {
    let dir = folder();
    let (last, first) = pictures();
    let both = run(dir.path(), last.clone());
    assert_eq!(both.dims, [2, 10]);
    assert_eq!(run(dir.path(), first), both);
    assert_eq!(run_on("2", dir.path(), last.clone()), both);
    let second = Array::new(last.dtype, &[1, 32, 32, 3], last.bytes[last.bytes.len() / 2..].to_vec());
    assert_eq!(run(dir.path(), second).bytes, both.bytes[both.bytes.len() / 2..]);
    let none = Array::f32s(&[0, 3, 32, 32], &[]);
    assert_eq!(run(dir.path(), none).dims, [0, 10]);
}

#[test]
fn arrays_that_do_not_fit_are_one_sentence() {
    let dir = folder();
    let (input, output) = (dir.path().join("x.npz"), dir.path().join("y.npz"));
    let run = || dunlin!("run", shipped(), "--input", input, "--output", output);
    run().sentence(1, &["x.npz", "no such file"]);
    write(&input, &[("input", Array::f32s(&[1, 3, 16, 16], &[0.0; 768]))]);
    run().sentence(1, &["x.npz", "1x32x32x3", "1x3x16x16"]);
    write(&input, &[("picture", Array::f32s(&[1], &[0.0]))]);
    run().sentence(1, &["no array", "picture"]);
    std::fs::write(&input, "PK").expect("writable");
    run().sentence(1, &["x.npz", ".npz", "numpy.savez"]);
    assert!(!output.exists());
}
