//! What the standard library would bring: memory, and an end where the code panics.

use core::panic::PanicInfo;

#[cfg(unix)]
#[global_allocator]
static MEMORY: libc_alloc::LibcAlloc = libc_alloc::LibcAlloc;

#[cfg(target_family = "wasm")]
#[global_allocator]
static MEMORY: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

#[panic_handler]
fn end(_: &PanicInfo<'_>) -> ! {
    abort()
}

#[cfg(target_family = "wasm")]
fn abort() -> ! {
    core::arch::wasm32::unreachable()
}

// SAFETY: the declaration is that of the C library.
#[cfg(unix)]
#[link(name = "c")]
unsafe extern "C" {
    safe fn abort() -> !;
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
