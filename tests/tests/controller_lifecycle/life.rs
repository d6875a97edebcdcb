//! All of it, for an API server that streams lists and for one that does not.

mod crowd;
mod items;
mod ownership;
mod places;
mod policies;
mod site;
mod status;
mod unchangeable;
mod upstream;
