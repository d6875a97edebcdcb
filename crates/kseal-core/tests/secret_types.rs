//! What holds a token can be neither printed, copied, compared nor serialized.

use std::{fmt, marker::PhantomData};

use kseal_core::tokens::{Issued, Publication, Record, Step, WholeSecret};

/// Whether a type has a trait, known when compiling: an inherent constant, which exists only where the bound holds, hides a
/// trait's constant of the same name.
macro_rules! implements {
    ($type:ty: $($bound:tt)+) => {{
        #[allow(dead_code, reason = "only a constant of it is used")]
        struct Probe<T>(PhantomData<T>);
        #[allow(dead_code, reason = "is hidden where the type has the trait")]
        trait Otherwise {
            const ANSWER: bool = false;
        }
        impl<T> Otherwise for Probe<T> {}
        #[allow(dead_code, reason = "does not exist where the type has not the trait")]
        impl<T: $($bound)+> Probe<T> {
            const ANSWER: bool = true;
        }
        <Probe<$type>>::ANSWER
    }};
}

macro_rules! assert_secret {
    ($($type:ty),+ $(,)?) => {$(
        const { assert!(!implements!($type: fmt::Debug), "it can be printed") };
        const { assert!(!implements!($type: fmt::Display), "it can be printed") };
        const { assert!(!implements!($type: Clone), "it can be copied") };
        const { assert!(!implements!($type: PartialEq), "it can be compared, and not in constant time") };
        const { assert!(!implements!($type: serde::Serialize), "it can be serialized") };
    )+};
}

#[test]
fn what_holds_a_token_can_be_neither_printed_nor_copied_nor_compared() {
    assert_secret!(Issued, WholeSecret, Publication, Step<'static>);
}

#[test]
fn the_probe_tells_a_type_that_has_the_trait_from_one_that_has_not() {
    const { assert!(implements!(Record: fmt::Debug)) };
    const { assert!(implements!(Record: serde::Serialize)) };
    const { assert!(!implements!(Record: fmt::Display)) };
}
