//! `lp(x)`: the length of x in bytes as u32 big-endian, then x. It keeps the parts of a hashed or authenticated
//! text apart, so that no two different lists of parts give the same bytes.

/// Appends `lp(part)` to `out`.
///
/// # Panics
/// If `part` is 4 GiB or longer; every caller's parts are bounded far below.
pub(crate) fn push(out: &mut Vec<u8>, part: &[u8]) {
    let len = u32::try_from(part.len()).expect("a part is far shorter than 4 GiB");
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(part);
}
