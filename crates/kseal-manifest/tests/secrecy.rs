//! Types that may hold plaintext can be neither printed nor copied by accident.

use kseal_manifest::{Document, Edit, Entry, Manifest, Node, Object, Text, Tree, TreeEntry};

/// Fails to compile if the type implements the trait: then there are two `probe`s to choose from.
macro_rules! assert_not_impl {
    ($type:ty: $($trait:path),+) => {$({
        trait Ambiguous<Marker> {
            fn probe() {}
        }
        impl<T: ?Sized> Ambiguous<()> for T {}
        struct Implemented;
        impl<T: ?Sized + $trait> Ambiguous<Implemented> for T {}
        let _ = <$type as Ambiguous<_>>::probe;
    })+};
}

macro_rules! assert_secret {
    ($($type:ty),+) => {$(
        assert_not_impl!($type: std::fmt::Debug, std::fmt::Display, Clone, serde::Serialize);
    )+};
}

#[test]
fn what_holds_values_has_no_debug_clone_or_serialize() {
    assert_secret!(Manifest, Document, Node, Entry, Object<'static>, Tree, TreeEntry, Edit, Text);
}
