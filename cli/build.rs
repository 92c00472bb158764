//! Says whether the model that the command ships is there: a checkout before its first compilation has none.

use std::path::Path;

fn main() {
    let model = Path::new("../models/cifar10/cifar10.dunlin");
    println!("cargo::rerun-if-changed={}", model.display());
    println!("cargo::rustc-check-cfg=cfg(shipped_model)");
    if model.exists() {
        println!("cargo::rustc-cfg=shipped_model");
    }
}
