//! What the tests of the whole workspace share.

pub mod bare;
pub mod cluster;
pub mod document;
pub mod openmetrics;
pub mod policies;
pub mod reader;
pub mod site;
pub mod vector;
pub mod vectors;
