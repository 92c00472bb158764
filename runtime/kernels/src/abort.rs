//! The end of a program without the standard library: what its panic handler calls. Here because it can't be written without unsafe
//! code; only a build without `std` and with the feature `abort` has it.

/// Ends the process at once, without unwinding and without a message.
#[cfg(target_family = "wasm")]
pub fn abort() -> ! {
    core::arch::wasm32::unreachable()
}

// SAFETY: the declaration is that of the C library.
#[cfg(unix)]
#[link(name = "c")]
unsafe extern "C" {
    /// Ends the process at once, without unwinding and without a message.
    pub safe fn abort() -> !;
}

// Rust's own libraries come compiled with code that unwinding would run, and name what it would call. Nothing unwinds; and the names
// are for this library alone, lest another one's exceptions end here.
#[cfg(all(target_arch = "x86_64", unix))]
core::arch::global_asm!(
    ".hidden rust_eh_personality",
    ".hidden _Unwind_Resume",
    ".globl rust_eh_personality",
    ".globl _Unwind_Resume",
    "rust_eh_personality:",
    "_Unwind_Resume:",
    "ud2",
);
#[cfg(all(target_arch = "aarch64", unix))]
core::arch::global_asm!(
    ".hidden rust_eh_personality",
    ".hidden _Unwind_Resume",
    ".globl rust_eh_personality",
    ".globl _Unwind_Resume",
    "rust_eh_personality:",
    "_Unwind_Resume:",
    "brk #1",
);
