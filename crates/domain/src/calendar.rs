//! Being written.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Calendar;
