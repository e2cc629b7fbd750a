//! How the process keeps memory that it has freed.
//!
//! Every operation on tensors allocates its result, megabytes that the next operation but one frees. The GNU allocator by default
//! gives such memory back to the kernel at once and then asks for it again, page by page, each page cleared: on large batches of draws,
//! and in millions of dimensions, that takes as long as all the arithmetic. Kept, it lies in pieces, of which not all serve again: up to
//! twice the memory. So it is kept while there is plenty. Other allocators keep theirs unasked.

use std::fs;

/// Bytes that a fit takes for each dimension, about, where freed memory is kept: 180 were measured in 32 bits on libtorch, 220 in 64.
const BYTES_A_DIMENSION: u64 = 256;

/// Has the process keep memory that it frees for what it allocates next; on systems with the GNU allocator, elsewhere it does nothing.
/// The program `firebrand` does so first of all. A Rust program that evaluates models at many points may gain as much.
pub fn keep_freed_memory() {
    set(&[(settings::MAPPINGS, 0), (settings::KEPT, 1 << 30)]);
}

/// Has the process give back what it frees if a fit in this dimension could take more than half of the memory that there is.
pub fn spare_memory(dimension: usize) {
    let most = available().map(|bytes| bytes / 2);
    if most.is_some_and(|most| BYTES_A_DIMENSION.saturating_mul(dimension as u64) > most) {
        // What is larger than the second is mapped by itself, and unmapped where it is freed: both are the allocator's own.
        set(&[(settings::MAPPINGS, 1 << 16), (settings::MAPPED, 1 << 17)]);
    }
}

/// Bytes that the system could give to programs now, where it says so.
fn available() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kilobytes << 10)
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod settings {
    /// How many allocations are mappings of their own, at most.
    pub const MAPPINGS: libc::c_int = libc::M_MMAP_MAX;
    /// From how many bytes on they are.
    pub const MAPPED: libc::c_int = libc::M_MMAP_THRESHOLD;
    /// Bytes at the top of the heap that are kept.
    pub const KEPT: libc::c_int = libc::M_TRIM_THRESHOLD;
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
mod settings {
    pub const MAPPINGS: i32 = 0;
    pub const MAPPED: i32 = 0;
    pub const KEPT: i32 = 0;
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code)]
fn set(settings: &[(libc::c_int, libc::c_int)]) {
    for &(name, value) in settings {
        // SAFETY: the call takes and gives plain numbers, under the allocator's own lock, and changes nothing but its settings. One that
        // it does not know it refuses by its result, and nothing depends on that.
        unsafe { libc::mallopt(name, value) };
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn set(_settings: &[(i32, i32)]) {}
