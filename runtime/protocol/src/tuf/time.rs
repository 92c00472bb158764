//! Days and seconds as metadata writes them.

use alloc::string::String;

/// Seconds since the epoch of `2030-01-31T23:59:59Z`. Fractions of a second are left out.
pub(super) fn parse(text: &str) -> Option<u64> {
    let text = text.strip_suffix('Z')?;
    let (text, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if fraction.is_empty() || !fraction.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let [y, e, a, r, b'-', m, o, b'-', d, day, b'T', h, hour, b':', n, minute, b':', s, second] = *text.as_bytes()
    else {
        return None;
    };
    let number = |digits: &[u8]| {
        digits.iter().try_fold(0u64, |number, &d| d.is_ascii_digit().then(|| number * 10 + u64::from(d - b'0')))
    };
    let (year, month, day) = (number(&[y, e, a, r])?, number(&[m, o])?, number(&[d, day])?);
    let (hour, minute, second) = (number(&[h, hour])?, number(&[n, minute])?, number(&[s, second])?);
    if year < 1970 || !(1..=12).contains(&month) || day < 1 || day > days_in(year, month) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    Some(((days_before(year, month) + day - 1) * 24 + hour) * 3600 + minute * 60 + second)
}

/// The text of a time in seconds since the epoch; of the year 9999's end if it is later.
pub fn format(seconds: u64) -> String {
    let seconds = seconds.min(LATEST);
    let days = seconds / 86_400;
    // No year is longer than 366 days, none shorter than 365.
    let mut year = 1970 + days / 366;
    while days_before(year + 1, 1) <= days {
        year += 1;
    }
    let month = (1..=12).rev().find(|&month| days_before(year, month) <= days).unwrap_or(1);
    let day = days - days_before(year, month) + 1;
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    alloc::format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// 9999-12-31T23:59:59Z.
const LATEST: u64 = 253_402_300_799;

/// Days from the epoch to a month's first.
fn days_before(year: u64, month: u64) -> u64 {
    let past = year - 1;
    let leap_days = past / 4 - past / 100 + past / 400 - LEAP_DAYS_BEFORE_1970;
    (year - 1970) * 365 + leap_days + (1..month).map(|month| days_in(year, month)).sum::<u64>()
}

const LEAP_DAYS_BEFORE_1970: u64 = 1969 / 4 - 1969 / 100 + 1969 / 400;

fn days_in(year: u64, month: u64) -> u64 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_come_back() {
        let cases = [
            ("1970-01-01T00:00:00Z", 0),
            ("1999-12-31T23:59:59Z", 946_684_799),
            ("2000-02-29T00:00:00Z", 951_782_400),
            ("2026-11-26T11:34:48Z", 1_795_692_888),
            ("2100-03-01T00:00:00Z", 4_107_542_400),
            ("9999-12-31T23:59:59Z", LATEST),
        ];
        for (text, seconds) in cases {
            assert_eq!(parse(text), Some(seconds), "{text}");
            assert_eq!(format(seconds), text);
        }
        assert_eq!(format(u64::MAX), "9999-12-31T23:59:59Z");
        assert_eq!(parse("2026-11-26T11:34:48.999999Z"), Some(1_795_692_888));
    }

    #[test]
    fn refuses_other_forms() {
        for text in [
            "",
            "Z",
            "2026-11-26T11:34:48",
            "2026-11-26 11:34:48Z",
            "2026-11-26T11:34:48+00:00",
            "2026-13-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:60:00Z",
            "2026-01-01T00:00:61Z",
            "1969-12-31T23:59:59Z",
            "2026-1-1T0:0:0Z",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00.xZ",
            "20x6-01-01T00:00:00Z",
            "-026-01-01T00:00:00Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
