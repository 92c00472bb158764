//! What the standard library would bring: memory, and an end where the code panics.

use core::panic::PanicInfo;

use dunlin_engine::abort;

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
