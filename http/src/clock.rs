//! The wall clock, and its time as the field `Date` wants it.

use core::{cell::Cell, fmt, time::Duration};

/// The length of a date: `Sun, 06 Nov 1994 08:49:37 GMT`.
const LEN: usize = 29;

/// A wall clock. It makes the text of a date once in a second.
pub struct Clock<'a> {
    wall: &'a dyn Fn() -> Option<Duration>,
    /// So that a program without a clock does not have the code.
    write: fn(u64) -> [u8; LEN],
    second: Cell<u64>,
    text: Cell<[u8; LEN]>,
}

impl<'a> Clock<'a> {
    /// A clock that asks `wall` for the time since the beginning of 1970 (UTC), as `Runtime::wall_time` of the crate `rt`
    /// gives it. As long as that is `None`, there is no date.
    pub fn new(wall: &'a dyn Fn() -> Option<Duration>) -> Self {
        Self { wall, write: imf_fixdate, second: Cell::new(u64::MAX), text: Cell::new([0; LEN]) }
    }

    /// The time now as RFC 9110 5.6.7 writes it.
    pub(crate) fn date(&self) -> Option<[u8; LEN]> {
        let now = (self.wall)()?.as_secs();
        if self.second.replace(now) != now {
            self.text.set((self.write)(now));
        }
        Some(self.text.get())
    }
}

impl fmt::Debug for Clock<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock").finish_non_exhaustive()
    }
}

/// `seconds` after the beginning of 1970, in the Gregorian calendar. Years after 9999 are written as 9999.
fn imf_fixdate(seconds: u64) -> [u8; LEN] {
    const DAYS: &[u8; 21] = b"ThuFriSatSunMonTueWed";
    const MONTHS: &[u8; 36] = b"MarAprMayJunJulAugSepOctNovDecJanFeb";
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let weekday = (days % 7) as usize;
    // Counted from 1 March of the year 0, so that a leap day is the last day of a year. 400 years have 146,097 days.
    let day = days.saturating_add(719_468);
    let (era, day) = (day / 146_097, day % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let year = (era * 400 + year + u64::from(month >= 10)).min(9_999);
    let month = (month as usize).min(11);

    let mut text = *b"Sun, 06 Nov 1994 08:49:37 GMT";
    text[..3].copy_from_slice(&DAYS[3 * weekday..3 * weekday + 3]);
    text[8..11].copy_from_slice(&MONTHS[3 * month..3 * month + 3]);
    let numbers = [
        (5, day),
        (12, year / 100),
        (14, year % 100),
        (17, second / 3_600),
        (20, second / 60 % 60),
        (23, second % 60),
    ];
    for (at, number) in numbers {
        text[at..at + 2].copy_from_slice(&[b'0' + (number / 10) as u8, b'0' + (number % 10) as u8]);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(seconds: u64) -> std::string::String {
        std::str::from_utf8(&imf_fixdate(seconds)).unwrap().into()
    }

    #[test]
    fn dates_of_the_calendar() {
        for (seconds, expected) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            // The example of RFC 9110 5.6.7.
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_782_399, "Mon, 28 Feb 2000 23:59:59 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (951_868_800, "Wed, 01 Mar 2000 00:00:00 GMT"),
            (1_709_164_800, "Thu, 29 Feb 2024 00:00:00 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
            (253_402_300_799, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ] {
            assert_eq!(date(seconds), expected);
        }
        assert!(date(u64::MAX).contains(" 9999 "));
    }

    /// Each day of 800 years against a count of days, months and years.
    #[test]
    fn every_day_follows_the_day_before() {
        let (mut year, mut month, mut day) = (1970, 0, 1);
        let names = "JanFebMarAprMayJunJulAugSepOctNovDec";
        for days in 0..292_194_u64 {
            let expected = std::format!(" {day:02} {} {year} ", &names[3 * month..3 * month + 3]);
            assert!(date(days * 86_400).contains(&expected), "{expected}");
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let length = [31, 28 + u64::from(leap), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month];
            day += 1;
            if day > length {
                (day, month) = (1, month + 1);
            }
            if month == 12 {
                (month, year) = (0, year + 1);
            }
        }
    }

    #[test]
    fn a_clock_without_a_time_has_no_date() {
        let time = Cell::new(None);
        let wall = || time.get();
        let clock = Clock::new(&wall);
        assert_eq!(clock.date(), None);
        time.set(Some(Duration::from_millis(784_111_777_999)));
        assert_eq!(clock.date().as_ref(), Some(b"Sun, 06 Nov 1994 08:49:37 GMT"));
        time.set(Some(Duration::from_secs(784_111_778)));
        assert_eq!(clock.date().as_ref(), Some(b"Sun, 06 Nov 1994 08:49:38 GMT"));
    }
}
