//! A stretch of one day on the wall clock.

use super::Error;

/// Seconds of a day on a wall clock that does not jump.
pub const DAY_SECONDS: u32 = 86_400;

/// From one wall-clock time to another of the same day, the end not included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Window {
    start: u32,
    end: u32,
}

impl Window {
    /// 00:00 to 24:00.
    pub const WHOLE_DAY: Self = Self { start: 0, end: DAY_SECONDS };

    /// From `start` to `end`, in seconds after midnight.
    ///
    /// # Errors
    /// `end` is not after `start`, or is past [`DAY_SECONDS`].
    pub fn new(start: u32, end: u32) -> Result<Self, Error> {
        if end > DAY_SECONDS {
            return Err(Error::TimeOfDay { text: time_of_day(end) });
        }
        if start < end {
            Ok(Self { start, end })
        } else {
            Err(Error::EmptyWindow { start: time_of_day(start), end: time_of_day(end) })
        }
    }

    /// From `start` to `end`, each written `HH:MM` or `HH:MM:SS`, up to `24:00`.
    ///
    /// # Errors
    /// A time is malformed, or `end` is not after `start`.
    pub fn parse(start: &str, end: &str) -> Result<Self, Error> {
        Self::new(parse_time_of_day(start)?, parse_time_of_day(end)?)
    }

    /// Its start, in seconds after midnight.
    pub const fn start(self) -> u32 {
        self.start
    }

    /// Its end, in seconds after midnight; [`DAY_SECONDS`] is 24:00.
    pub const fn end(self) -> u32 {
        self.end
    }

    /// Its start as [`Self::parse`] reads it.
    pub fn start_text(self) -> String {
        time_of_day(self.start)
    }

    /// Its end as [`Self::parse`] reads it.
    pub fn end_text(self) -> String {
        time_of_day(self.end)
    }

    pub(super) fn start_millis(self) -> i64 {
        i64::from(self.start) * 1000
    }

    pub(super) fn end_millis(self) -> i64 {
        i64::from(self.end) * 1000
    }

    pub(super) fn millis(self) -> i64 {
        self.end_millis() - self.start_millis()
    }
}

/// `HH:MM`, with `:SS` where there are odd seconds.
fn time_of_day(second: u32) -> String {
    let (hour, minute, rest) = (second / 3600, second / 60 % 60, second % 60);
    if rest == 0 {
        format!("{hour:02}:{minute:02}")
    } else {
        format!("{hour:02}:{minute:02}:{rest:02}")
    }
}

fn parse_time_of_day(text: &str) -> Result<u32, Error> {
    let error = || Error::TimeOfDay { text: text.chars().take(16).collect() };
    let mut numbers = [0_u32; 3];
    let mut parts = text.split(':');
    for (index, number) in numbers.iter_mut().enumerate() {
        match parts.next() {
            Some(part) if part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit()) => {
                *number = part.parse().map_err(|_| error())?;
            }
            // Seconds may be left out.
            None if index == 2 => {}
            _ => return Err(error()),
        }
    }
    let [hour, minute, second] = numbers;
    let total = hour * 3600 + minute * 60 + second;
    let readable = minute < 60 && second < 60 && total <= DAY_SECONDS && parts.next().is_none();
    if readable { Ok(total) } else { Err(error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_day_read_back_as_written() {
        for (start, end) in [("09:00", "17:30"), ("00:00", "24:00"), ("23:59:59", "24:00")] {
            let window = Window::parse(start, end).unwrap();
            assert_eq!((window.start_text().as_str(), window.end_text().as_str()), (start, end));
        }
        assert_eq!(Window::parse("00:00", "24:00").unwrap(), Window::WHOLE_DAY);
    }

    #[test]
    fn malformed_and_empty_windows_are_refused() {
        for bad in ["", "9:00", "09", "09:60", "24:01", "25:00", "09:00:00:00", "+9:00", "0a:00"] {
            assert_eq!(
                Window::parse(bad, "24:00"),
                Err(Error::TimeOfDay { text: bad.to_owned() }),
                "{bad}"
            );
        }
        assert!(matches!(Window::parse("17:00", "09:00"), Err(Error::EmptyWindow { .. })));
        assert!(matches!(Window::new(60, 60), Err(Error::EmptyWindow { .. })));
        assert!(matches!(Window::new(0, DAY_SECONDS + 1), Err(Error::TimeOfDay { .. })));
    }
}
