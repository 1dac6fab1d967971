//! Being written.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct State;
