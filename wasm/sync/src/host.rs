//! What the standard library would bring: memory, and an end where the code panics.

use core::panic::PanicInfo;

use lol_alloc::{FreeListAllocator, LockedAllocator};

/// A list of what is free, because memory is asked for when a model is loaded and hardly while it runs.
#[global_allocator]
static MEMORY: LockedAllocator<FreeListAllocator> = LockedAllocator::new(FreeListAllocator::new());

/// A trap, which the host sees as `WebAssembly.RuntimeError` and takes as the end of the instance.
#[panic_handler]
fn end(_: &PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
