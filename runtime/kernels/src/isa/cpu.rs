//! What the CPU has, asked without the standard library.

/// Whether the CPU has a feature, by the name that Rust gives it, and the system keeps the registers that it needs.
#[cfg(target_arch = "x86_64")]
pub(super) fn has(feature: &str) -> bool {
    x86_64::FEATURES.iter().position(|&(name, ..)| name == feature).is_some_and(|at| x86_64::detected() >> at & 1 != 0)
}

#[cfg(target_arch = "aarch64")]
pub(super) use aarch64::has;

#[cfg(target_arch = "x86_64")]
mod x86_64 {
    use core::arch::x86_64::{__cpuid_count, _xgetbv};
    use core::sync::atomic::{AtomicU32, Ordering};

    /// A feature, the word of [`words`] and the bit in it that say whether there is one, and the registers that it needs.
    pub(super) const FEATURES: [(&str, usize, u32, u64); 10] = [
        ("fma", 0, 12, YMM),
        ("f16c", 0, 29, YMM),
        ("avx2", 1, 5, YMM),
        ("avx512f", 1, 16, ZMM),
        ("avx512dq", 1, 17, ZMM),
        ("avx512bw", 1, 30, ZMM),
        ("avx512vl", 1, 31, ZMM),
        ("avx512vbmi", 2, 1, ZMM),
        ("avx512vnni", 2, 11, ZMM),
        ("avxvnni", 3, 4, YMM),
    ];

    /// In XCR0: the system keeps the lower halves of vectors, and the upper ones.
    const YMM: u64 = 0b110;
    /// In XCR0: masks, the upper halves of registers of 512 bits, and the upper 16 of these, besides.
    const ZMM: u64 = 0b1110_0110;
    /// In word 0: there is XCR0, and the system has set it.
    const OSXSAVE: u32 = 1 << 27;

    /// Set in `CACHE` once the CPU has been asked: under a hypervisor that takes as long as a small kernel.
    const ASKED: u32 = 1 << 31;
    static CACHE: AtomicU32 = AtomicU32::new(0);

    /// Bit `i` says whether there is feature `i`.
    pub(super) fn detected() -> u32 {
        match CACHE.load(Ordering::Relaxed) {
            0 => {
                let found = ask() | ASKED;
                CACHE.store(found, Ordering::Relaxed);
                found
            }
            found => found,
        }
    }

    fn ask() -> u32 {
        let words = words();
        // SAFETY: the bit says that the instruction may be executed.
        let kept = if words[0] & OSXSAVE == 0 { 0 } else { unsafe { state() } };
        let has =
            |&(_, word, bit, needed): &(&str, usize, u32, u64)| words[word] >> bit & 1 != 0 && kept & needed == needed;
        FEATURES.iter().enumerate().map(|(at, feature)| u32::from(has(feature)) << at).sum()
    }

    /// Which registers the system keeps.
    #[target_feature(enable = "xsave")]
    fn state() -> u64 {
        // SAFETY: register 0 exists where the instruction does.
        unsafe { _xgetbv(0) }
    }

    /// ECX of leaf 1, EBX and ECX of leaf 7, EAX of leaf 7's first sub-leaf; 0 where the CPU has no such leaf.
    fn words() -> [u32; 4] {
        let most = __cpuid_count(0, 0).eax;
        let leaf = |leaf, sub| (leaf <= most).then(|| __cpuid_count(leaf, sub));
        let (first, seventh) = (leaf(1, 0), leaf(7, 0));
        let next = seventh.filter(|seventh| seventh.eax >= 1).and_then(|_| leaf(7, 1));
        [
            first.map_or(0, |leaf| leaf.ecx),
            seventh.map_or(0, |leaf| leaf.ebx),
            seventh.map_or(0, |leaf| leaf.ecx),
            next.map_or(0, |leaf| leaf.eax),
        ]
    }
}

#[cfg(all(target_arch = "aarch64", any(target_os = "android", target_os = "linux")))]
mod aarch64 {
    use core::ffi::c_ulong;

    // SAFETY: the declaration is that of the C library; it only reads a table of the process.
    unsafe extern "C" {
        safe fn getauxval(kind: c_ulong) -> c_ulong;
    }

    /// Kinds of entries: two words of bits, one for each feature.
    const AT_HWCAP: c_ulong = 16;
    const AT_HWCAP2: c_ulong = 26;

    pub(crate) fn has(feature: &str) -> bool {
        let (word, bit) = match feature {
            "neon" => (AT_HWCAP, 1),
            "dotprod" => (AT_HWCAP, 20),
            "i8mm" => (AT_HWCAP2, 13),
            _ => return false,
        };
        getauxval(word) >> bit & 1 != 0
    }
}

#[cfg(all(target_arch = "aarch64", target_vendor = "apple"))]
mod aarch64 {
    use core::ffi::{CStr, c_char, c_int, c_void};
    use core::ptr;

    // SAFETY: the declaration is that of the system's library.
    unsafe extern "C" {
        fn sysctlbyname(
            name: *const c_char,
            old: *mut c_void,
            len: *mut usize,
            new: *mut c_void,
            new_len: usize,
        ) -> c_int;
    }

    pub(crate) fn has(feature: &str) -> bool {
        match feature {
            "neon" => true,
            "dotprod" => is_set(c"hw.optional.arm.FEAT_DotProd"),
            "i8mm" => is_set(c"hw.optional.arm.FEAT_I8MM"),
            _ => false,
        }
    }

    /// Whether the system has a number of this name that isn't 0.
    fn is_set(name: &CStr) -> bool {
        let (mut value, mut len): (c_int, usize) = (0, size_of::<c_int>());
        // SAFETY: the name ends with a zero byte, `value` has `len` bytes, and nothing is to be set.
        let status =
            unsafe { sysctlbyname(name.as_ptr(), ptr::from_mut(&mut value).cast(), &mut len, ptr::null_mut(), 0) };
        status == 0 && value != 0
    }
}

/// No system that could be asked is known: what the build may take for granted.
#[cfg(all(target_arch = "aarch64", not(any(target_os = "android", target_os = "linux", target_vendor = "apple"))))]
mod aarch64 {
    pub(crate) fn has(feature: &str) -> bool {
        match feature {
            "neon" => cfg!(target_feature = "neon"),
            "dotprod" => cfg!(target_feature = "dotprod"),
            "i8mm" => cfg!(target_feature = "i8mm"),
            _ => false,
        }
    }
}
