//! The allocator, and what becomes of freed memory.

use std::ptr::null_mut;

use tikv_jemallocator::Jemalloc;

#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

/// A thread of the allocator's own gives back what has been free for some seconds, so that a server holds little when
/// idle. A command that soon ends keeps it for what comes next, and needs no such thread.
pub fn give_back_freed() {
    let mut on = true;
    // A setting of the allocator, by its own function. On a system that has no such threads it says so, and memory is
    // given back when more is asked for.
    #[allow(unsafe_code)]
    unsafe {
        tikv_jemalloc_sys::mallctl(
            c"background_thread".as_ptr(),
            null_mut(),
            null_mut(),
            (&raw mut on).cast(),
            size_of::<bool>(),
        );
    }
}
