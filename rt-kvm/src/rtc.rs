//! The clock of a PC that a battery keeps (MC146818), for the time of day where the host does not say it.

use x86_64::instructions::port::Port;

/// The port that chooses a register, and the port of its value.
const SELECT: u16 = 0x70;
const VALUE: u16 = 0x71;
/// The registers: seconds, minutes, hours, day of the month, month, year in its century.
const TIME: [u8; 6] = [0, 2, 4, 7, 8, 9];
/// Bit 7 of this register is set while the time is being changed.
const STATE_A: u8 = 0xa;
const IS_CHANGING: u8 = 1 << 7;
/// The bits of this register say that numbers are binary and not decimal, and that hours go to 23 and not to 12.
const STATE_B: u8 = 0xb;
const IS_BINARY: u8 = 1 << 2;
const IS_24_HOURS: u8 = 1 << 1;
/// How often the time is read again if it changes meanwhile: a change takes 2 ms at most, a reading a microsecond or more.
const TRIES: u32 = 10_000;

/// The seconds since the beginning of 1970 (UTC, if the clock is set to that), or `None` if there is no such clock. The
/// year is one from 2000 to 2099.
pub(crate) fn seconds() -> Option<u64> {
    // A register that nobody has reads as all ones, and no clock divides by what that says.
    if register(STATE_A) == u8::MAX {
        return None;
    }
    for _ in 0..TRIES {
        if register(STATE_A) & IS_CHANGING == 0 {
            let time = TIME.map(register);
            if register(STATE_A) & IS_CHANGING == 0 && TIME.map(register) == time {
                return decode(time, register(STATE_B));
            }
        }
    }
    None
}

fn register(number: u8) -> u8 {
    // SAFETY: it chooses the register that is read next. Non-maskable interrupts stay on, since bit 7 is not set.
    unsafe { Port::new(SELECT).write(number) };
    // SAFETY: none of the registers that are read here changes by that.
    unsafe { Port::new(VALUE).read() }
}

/// The seconds that these registers mean, if they are a time. A clock with hours to 12 has none: no monitor makes one.
fn decode(time: [u8; 6], state: u8) -> Option<u64> {
    let [second, minute, hour, day, month, year] = time.map(|value| {
        u64::from(match state & IS_BINARY {
            0 => (value >> 4) * 10 + (value & 0xf),
            _ => value,
        })
    });
    let is_time = second < 60 && minute < 60 && hour < 24 && year < 100;
    if state & IS_24_HOURS == 0
        || !is_time
        || !(1..=31).contains(&day)
        || !(1..=12).contains(&month)
    {
        return None;
    }
    // Years from 1996 on, which begin in March: the leap day is at the end of each fourth.
    let (year, month) = if month > 2 { (year + 4, month - 3) } else { (year + 3, month + 9) };
    let days = 365 * year + year / 4 + (153 * month + 2) / 5 + day;
    // 9,555 days are from 1970 to the last day of February 1996.
    Some(((days + 9_555) * 24 + hour) * 3600 + minute * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DECIMAL: u8 = IS_24_HOURS;
    const BINARY: u8 = IS_24_HOURS | IS_BINARY;

    #[test]
    fn times_are_those_of_date() {
        // Each from `date --utc --date=… +%s`.
        for (time, state, seconds) in [
            ([0x00, 0x00, 0x00, 0x01, 0x01, 0x00], DECIMAL, 946_684_800),
            ([0x59, 0x59, 0x23, 0x29, 0x02, 0x24], DECIMAL, 1_709_251_199),
            ([0, 0, 0, 1, 3, 24], BINARY, 1_709_251_200),
            ([30, 45, 12, 29, 11, 26], BINARY, 1_795_956_330),
            ([0x30, 0x45, 0x12, 0x29, 0x11, 0x26], DECIMAL, 1_795_956_330),
            ([0x00, 0x00, 0x00, 0x29, 0x02, 0x00], DECIMAL, 951_782_400),
            ([59, 59, 23, 31, 12, 99], BINARY, 4_102_444_799),
        ] {
            assert_eq!(decode(time, state), Some(seconds), "{time:x?} {state:#x}");
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        for (time, state) in [
            ([0xff; 6], 0xff),
            ([0xff; 6], 0),
            ([0; 6], BINARY),
            ([60, 0, 0, 1, 1, 0], BINARY),
            ([0, 60, 0, 1, 1, 0], BINARY),
            ([0, 0, 24, 1, 1, 0], BINARY),
            ([0, 0, 0, 32, 1, 0], BINARY),
            ([0, 0, 0, 1, 13, 0], BINARY),
            ([0, 0, 0, 1, 1, 100], BINARY),
            ([0, 0, 0, 1, 1, 0], IS_BINARY),
            ([0x30, 0x45, 0x12, 0x29, 0x11, 0x26], 0),
        ] {
            assert_eq!(decode(time, state), None, "{time:x?} {state:#x}");
        }
    }
}
