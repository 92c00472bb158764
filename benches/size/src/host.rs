//! What the standard library would bring: memory, and an end where the code panics.

use core::panic::PanicInfo;

use dunlin_engine::abort;
#[cfg(target_family = "wasm")]
use lol_alloc::{FreeListAllocator, LockedAllocator};

#[cfg(unix)]
#[global_allocator]
static MEMORY: libc_alloc::LibcAlloc = libc_alloc::LibcAlloc;

/// A list of what is free, because memory is asked for when a model is loaded and not while it runs.
#[cfg(target_family = "wasm")]
#[global_allocator]
static MEMORY: LockedAllocator<FreeListAllocator> = LockedAllocator::new(FreeListAllocator::new());

#[panic_handler]
fn end(_: &PanicInfo<'_>) -> ! {
    abort()
}
