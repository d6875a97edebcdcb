//! What one may not who may only write kseal's kinds, and what a GitOps tool does not do for the author of a file who may only
//! supply kseal's kinds. Each attempt takes a path of its own; of each kind something is asked for rightly, too, so that
//! nothing is refused merely because it is not there.

#[path = "privilege/author.rs"]
mod author;
#[path = "privilege/tenant.rs"]
mod tenant;
#[path = "privilege/world.rs"]
mod world;
