//! Writes the Swift and Kotlin sources that belong to a built library; UniFFI's own command line.

fn main() {
    uniffi::uniffi_bindgen_main();
}
