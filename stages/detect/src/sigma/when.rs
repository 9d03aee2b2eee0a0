//! Time modifiers: a number taken out of a date as it is written, without time zones.

use jiff::civil::{Date, DateTime};

/// The part of a date that a rule looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TimePart {
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Year,
}

impl TimePart {
    /// The number, if the text is a date; hours and minutes need a time of day.
    pub(super) fn of(self, text: &str) -> Option<i128> {
        let written = text.trim_end_matches(['Z', 'z']);
        let time = written.parse::<DateTime>().ok();
        let date = time.map(DateTime::date).or_else(|| written.parse::<Date>().ok())?;
        let has_clock = written.contains(':');
        Some(match self {
            Self::Minute if has_clock => time?.minute().into(),
            Self::Hour if has_clock => time?.hour().into(),
            Self::Minute | Self::Hour => return None,
            Self::Day => date.day().into(),
            Self::Week => date.iso_week_date().week().into(),
            Self::Month => date.month().into(),
            Self::Year => date.year().into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_read_as_written() {
        let at = "2026-03-01T23:05:06Z";
        let rows = [
            (TimePart::Minute, 5),
            (TimePart::Hour, 23),
            (TimePart::Day, 1),
            (TimePart::Week, 9),
            (TimePart::Month, 3),
            (TimePart::Year, 2026),
        ];
        for (part, expected) in rows {
            assert_eq!(part.of(at), Some(expected), "{part:?}");
        }
        assert_eq!(TimePart::Day.of("2026-03-01"), Some(1));
        assert_eq!(TimePart::Hour.of("2026-03-01"), None);
        assert_eq!(TimePart::Hour.of("AWS Internal"), None);
    }
}
