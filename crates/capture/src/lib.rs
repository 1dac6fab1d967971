//! What comes in, turned into commands: the JSON of the API and the lines of a command feed.

pub mod codec;
pub mod feed;
pub mod import;
