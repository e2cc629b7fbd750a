//! How the process keeps memory that it has freed.
//!
//! Every operation on tensors allocates its result, megabytes that the next operation but one frees. The GNU allocator by default
//! gives such memory back to the kernel at once and then asks for it again, page by page, each page cleared: on half of the posteriors
//! with a thousand draws that takes as long as all the arithmetic. Other allocators do better unasked.

/// Memory at the top of the heap that is kept for the next operation, in bytes.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const KEPT: libc::c_int = 1 << 30;
/// What is larger is mapped by itself and given back at once, in bytes: the most that the allocator takes.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const MAPPED: libc::c_int = 1 << 25;

/// Has the process keep memory that it frees, up to a gigabyte, for what it allocates next; on systems with the GNU allocator, elsewhere it
/// does nothing. The program `firebrand` does so first of all. A Rust program that evaluates models at many points may gain as much.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code)]
pub fn keep_freed_memory() {
    // SAFETY: both calls take and give plain numbers and change nothing but the allocator's own settings; an allocator that does not
    // know them says so by its result, and nothing depends on that.
    unsafe {
        libc::mallopt(libc::M_TRIM_THRESHOLD, KEPT);
        libc::mallopt(libc::M_MMAP_THRESHOLD, MAPPED);
    }
}

/// Has the process keep memory that it frees, where the allocator has to be told: not here.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn keep_freed_memory() {}
