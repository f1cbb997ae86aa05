//! Memory asked for before it is read.

/// Asks the processor to fetch the line that `value` starts in, so that it is there when it is read soon. Changes nothing
/// but time, and nothing at all on processors that are not asked.
#[inline(always)]
pub fn fetch<T>(value: &T) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: to fetch ahead is a hint, whatever the address; every processor of this architecture has SSE.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(value).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = value;
}
