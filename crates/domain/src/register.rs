//! A value of which the latest counts, in business time.

use crate::Timestamp;

/// A value that facts set, perhaps late: one dated before the present value does not overwrite it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Register<T> {
    value: Option<T>,
    at: Timestamp,
}

impl<T> Default for Register<T> {
    fn default() -> Self {
        Self { value: None, at: Timestamp::BEGINNING }
    }
}

impl<T> Register<T> {
    /// The present value; `None` where nothing has set it.
    pub const fn get(&self) -> Option<&T> {
        self.value.as_ref()
    }

    /// When the present value took effect.
    pub const fn at(&self) -> Timestamp {
        self.at
    }

    /// Takes `value`, effective `at`, unless a later one is known. Of equal times the last one taken counts.
    pub fn set(&mut self, value: T, at: Timestamp) {
        if self.value.is_none() || at >= self.at {
            *self = Self { value: Some(value), at };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_value_does_not_overwrite_a_later_one() {
        let at = Timestamp::from_millis;
        let mut register = Register::default();
        assert_eq!(register.get(), None);
        register.set("second", at(2));
        register.set("first", at(1));
        assert_eq!((register.get(), register.at()), (Some(&"second"), at(2)));
        register.set("again", at(2));
        assert_eq!(register.get(), Some(&"again"));
    }
}
