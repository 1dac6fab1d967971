//! The `leadline` command.
fn main() {}
