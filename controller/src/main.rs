//! The program `kseal-controller`.

fn main() {}
