//! What becomes of freed memory.

/// Blocks up to this size, in bytes, come from memory that the process holds: the most that glibc takes.
const HELD_BLOCK: i32 = 32 << 20;

/// Keeps freed memory for what comes next, in a process that soon ends. Otherwise each column of each batch is
/// asked of the system anew, page by page: a tenth of a large query's CPU time. One that serves gives it back, so
/// as to hold little when idle.
pub fn keep_freed() {
    // Settings of the allocator, by its own function, before there are threads.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[allow(unsafe_code)]
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, HELD_BLOCK);
        libc::mallopt(libc::M_TRIM_THRESHOLD, i32::MAX);
    }
}
