//! Padding that hides a value's length up to a bucket.
//!
//! ```text
//! pad(value) = value ‖ 0x80 ‖ zeros, to length L from n = len(value) + 1:
//!   n ≤ 256: the next multiple of 32
//!   beyond:  Padmé: E = ⌊log2 n⌋, S = ⌊log2 E⌋ + 1, the next multiple of 2^(E−S)
//! ```
//! Padmé (Nikitin et al., "Reducing Metadata Leakage from Encrypted Files and Communication with PURBs", PETS 2019)
//! costs at most 12 % and leaks O(log log n) bits of the length.

use zeroize::Zeroizing;

const MARKER: u8 = 0x80;
/// Up to this length buckets are a constant wide: most passwords and tokens fall into the first two.
const SMALL: usize = 256;
const SMALL_STEP: usize = 32;

/// The length that a value of `len` bytes is padded to.
#[must_use]
pub fn padded_len(len: usize) -> usize {
    let n = len + 1;
    if n <= SMALL {
        return n.next_multiple_of(SMALL_STEP);
    }
    let exponent = n.ilog2();
    let mantissa_bits = exponent.ilog2() + 1;
    n.next_multiple_of(1 << (exponent - mantissa_bits))
}

/// Pads a value, with room for `extra` bytes behind it so that no copy of it is left by a growing buffer.
pub(crate) fn pad(value: &[u8], extra: usize) -> Zeroizing<Vec<u8>> {
    let len = padded_len(value.len());
    let mut out = Zeroizing::new(Vec::with_capacity(len + extra));
    out.extend_from_slice(value);
    out.push(MARKER);
    out.resize(len, 0);
    out
}

/// Takes the padding off. `None` if there is no marker or less than the smallest bucket; the reader wants no more
/// than that, so that a later writer may choose other buckets.
pub(crate) fn unpad(mut padded: Zeroizing<Vec<u8>>) -> Option<Zeroizing<Vec<u8>>> {
    if padded.len() < SMALL_STEP {
        return None;
    }
    let end = padded.iter().rposition(|&byte| byte != 0)?;
    if padded[end] != MARKER {
        return None;
    }
    padded.truncate(end);
    Some(padded)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lengths_are_those_of_the_specification() {
        let pairs = [
            (0, 32),
            (31, 32),
            (32, 64),
            (63, 64),
            (255, 256), // multiples of 32
            (256, 272),
            (271, 272),
            (272, 288), // E = 8, S = 4: multiples of 16
            (511, 512),
            (512, 544),
            (543, 544), // E = 9, S = 4: multiples of 32
            (1_000, 1_024),
            (65_535, 65_536),
            (65_536, 67_584),
            (1_048_575, 1_048_576),
        ];
        for (len, padded) in pairs {
            assert_eq!(padded_len(len), padded, "{len}");
        }
    }

    #[test]
    fn what_has_no_marker_or_is_too_short_is_refused() {
        let mut short = vec![0; 31];
        short[0] = MARKER;
        assert!(unpad(Zeroizing::new(short)).is_none());
        assert!(unpad(Zeroizing::new(vec![0; 32])).is_none());
        assert!(unpad(Zeroizing::new(vec![])).is_none());
        let mut other = vec![0; 32];
        other[3] = 0x81;
        assert!(unpad(Zeroizing::new(other)).is_none());
        let mut shortest = vec![0; 32];
        shortest[0] = MARKER;
        assert_eq!(unpad(Zeroizing::new(shortest)).unwrap().len(), 0);
    }

    proptest! {
        #[test]
        fn padding_comes_off_again(value in prop::collection::vec(any::<u8>(), 0..2_000)) {
            let padded = pad(&value, 16);
            prop_assert_eq!(padded.len(), padded_len(value.len()));
            prop_assert!(padded.capacity() >= padded.len() + 16);
            prop_assert_eq!(&*unpad(padded).unwrap(), &value);
        }

        #[test]
        fn padding_costs_at_most_an_eighth_beyond_the_small_ones(len in 256_usize..2_000_000) {
            let padded = padded_len(len);
            prop_assert!(padded > len);
            prop_assert!(padded <= len + len / 8 + 1);
        }
    }
}
